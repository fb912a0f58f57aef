/** Processes of a lab: ready or given up, and why; ended politely, and then not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabError } from '../../../src/drill/lab.ts';
import { Child, type ChildOrder } from '../../../src/drill/lab/child.ts';
import { readLedger } from '../../../src/drill/lab/ledger.ts';

let folder: string;
const died: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-child-'));
  died.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const order = (script: string, more: Partial<ChildOrder> = {}): ChildOrder => ({
  what: 'the part',
  command: process.execPath,
  args: ['-e', script],
  folder,
  ready: 'line',
  onDied: ({ what }, code) => died.push(`${what}: ${code}`),
  signal: new AbortController().signal,
  ...more,
});

async function failure(made: ChildOrder): Promise<LabError> {
  try {
    await Child.start(made);
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('it started');
}

const READY = `console.log('{"ready":true,"port":7}');`;
const FOREVER = 'setInterval(() => {}, 1e6);';

describe('a part of the lab', () => {
  it('is ready when it says so, and written down', async () => {
    const child = await Child.start(order(READY + FOREVER));
    expect([child.ready, child.alive]).toEqual([{ ready: true, port: 7 }, true]);
    expect(readLedger(folder)).toMatchObject([{ pid: child.pid, what: 'the part' }]);
    expect(await child.end()).toBeUndefined();
    expect([child.alive, died]).toEqual([false, []]);
  });

  it('that ends before it is ready is reported with its last words', async () => {
    const error = await failure(
      order(`console.error('first'); console.error('the port is in use'); process.exitCode = 2;`),
    );
    expect([error.message, error.hint]).toEqual([
      'the part ended with code 2 before it was ready',
      'its last words: first | the port is in use',
    ]);
    expect(died).toEqual([]);
  });

  it('that says something else than that it is ready is given up', async () => {
    expect((await failure(order(`console.log('hello');${FOREVER}`))).message).toBe(
      'the part said "hello" instead of being ready',
    );
  });

  it('whose program is not there is reported', async () => {
    const error = await failure(order('', { command: join(folder, 'nowhere'), args: [] }));
    expect(error.message).toMatch(/^the part cannot be started: .*ENOENT/);
  });

  it('is not waited for after Ctrl-C', async () => {
    const pressed = new AbortController();
    const starting = failure(order(FOREVER, { signal: pressed.signal }));
    pressed.abort();
    expect((await starting).message).toBe('the part was interrupted');
    expect((await failure(order(READY, { signal: pressed.signal }))).message).toBe('interrupted');
  });

  it('that does not listen to SIGTERM is killed', async () => {
    const child = await Child.start(order(`process.on('SIGTERM', () => {});${READY}${FOREVER}`));
    expect(await child.end()).toBeUndefined();
    expect(child.alive).toBe(false);
  });

  it('that is frozen hears SIGTERM all the same', async () => {
    const child = await Child.start(order(`process.on('SIGTERM', () => process.exit(0));${READY}${FOREVER}`));
    child.signal('SIGSTOP');
    expect(await child.end()).toBeUndefined();
    expect(child.alive).toBe(false);
  });

  it('that ends by itself is told; one that was killed by a fault is not', async () => {
    const [one, two] = [await Child.start(order(READY + FOREVER)), await Child.start(order(READY + FOREVER))];
    await two.kill();
    process.kill(one.pid, 'SIGKILL');
    while (died.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(died).toEqual(['the part: SIGKILL']);
  });

  it('keeps the last thirty lines of what it says, whatever it says', async () => {
    const child = await Child.start(
      order(`for (let n = 0; n < 1000; n += 1) console.error('line ' + n + 'x'.repeat(2000));${READY}${FOREVER}`),
    );
    while (!child.tail.at(-1)?.startsWith('line 999')) await new Promise((resolve) => setImmediate(resolve));
    expect(child.tail).toHaveLength(30);
    expect(Math.max(...child.tail.map((line) => line.length))).toBeLessThanOrEqual(500);
    await child.kill();
  });
});
