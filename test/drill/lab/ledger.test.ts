/** What is written down of processes, and what a later start does with it: it ends its own, and nobody else's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { endAll, lives, readLedger, record, sweepLeftovers } from '../../../src/drill/lab/ledger.ts';

let root: string;
let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-ledger-'));
  folder = join(root, 'run-1');
  mkdirSync(folder);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

async function sleeper(): Promise<{ pid: number; ended: Promise<unknown> }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6); console.log("up")']);
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal))),
  };
}

/** A drill that is no more: its process has ended. */
async function deadOwner(): Promise<void> {
  const owner = await sleeper();
  record(folder, owner.pid, 'the drill');
  children.at(-1)?.kill('SIGKILL');
  await owner.ended;
}

it('ends what a drill left that is no more, frozen ones too, and removes its folder', async () => {
  await deadOwner();
  const [one, two] = [await sleeper(), await sleeper()];
  record(folder, one.pid, 'the edge LHR');
  record(folder, two.pid, 'listener 1');
  process.kill(two.pid, 'SIGSTOP');
  expect(sweepLeftovers(root)).toEqual(['an earlier drill had left the edge LHR, listener 1: ended']);
  expect(await Promise.all([one.ended, two.ended])).toEqual(['SIGKILL', 'SIGKILL']);
  expect(existsSync(folder)).toBe(false);
});

it('leaves a number alone that belongs to another process by now', async () => {
  await deadOwner();
  const stranger = await sleeper();
  appendFileSync(
    join(folder, 'processes.ndjson'),
    `${JSON.stringify({ pid: stranger.pid, identity: 'another boot 12345', what: 'the edge LHR' })}\n`,
  );
  expect(sweepLeftovers(root)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
  expect(() => process.kill(stranger.pid, 0)).not.toThrow();
});

it('leaves the folder of a drill that runs', async () => {
  record(folder, process.pid, 'the drill');
  const one = await sleeper();
  record(folder, one.pid, 'the edge LHR');
  expect(sweepLeftovers(root)).toEqual([]);
  expect(readLedger(folder).map((entry) => [entry.what, lives(entry)])).toEqual([
    ['the drill', true],
    ['the edge LHR', true],
  ]);
});

it('reads what is whole of a ledger that was cut off, and takes no nonsense for a process', () => {
  record(folder, process.pid, 'the drill');
  const ledger = join(folder, 'processes.ndjson');
  appendFileSync(ledger, '{"pid":1,"identity":"x","what":"init"}\n{"pid":"2"}\n[]\nnull\n{"pid":77,"iden');
  expect(readLedger(folder).map(({ what }) => what)).toEqual(['the drill']);
  expect(endAll(readLedger(folder))).toEqual([]);
});

it('a folder without a ledger is nobody’s business', () => {
  expect(sweepLeftovers(root)).toEqual([]);
  expect(existsSync(folder)).toBe(true);
  expect(sweepLeftovers(join(root, 'nowhere'))).toEqual([]);
});
