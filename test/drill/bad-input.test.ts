/** What is wrong with a drill's input, or with the machine, is said once, with what would be right; before anything starts where it can be known. */
import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commonPort, freePort } from '../../src/drill/lab/ports.ts';
import { switchyard } from '../cli/terminal.ts';
import { runningLab, SELF } from './lab/support.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'drill-input-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const SOUND = `
version: 1
name: small
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one }]
  pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]
duration: 10s
world: { pops: [LHR] }
traffic: [{ clients: { count: 5, rate: 5/s } }]
`;

function file(name: string, text: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, text);
  return path;
}

const small = file('small.yaml', SOUND);

describe('bad input of a drill', () => {
  it.each([
    ['a pace that is none', ['--pace', 'fast'], '--pace', 'is not a number from 1 to 60'],
    ['a pace below one', ['--pace', '0.5'], '--pace', 'is not a number from 1 to 60'],
    ['an origin that cannot be read', ['--origin', 'one/a'], '--origin', 'write --origin one/a=10.0.0.7:80'],
    ['an origin that nobody has', ['--origin', 'one/b=127.0.0.1:80'], '--origin', 'known: one/a'],
    ['a level of trace that is none', ['--trace', 'some'], '--trace', 'all, notable, none'],
  ])('%s', async (_, flags, where, hint) => {
    const { code, err } = await switchyard(['drill', small, ...flags]);
    expect(code).toBe(2);
    expect(err).toContain(where);
    expect(err).toContain(hint);
  });

  it('a scenario with a mistake is told with line and caret', async () => {
    const path = file('typo.yaml', `${SOUND}drill: { fidelity: { share: 2 points } }\n`);
    const { code, err } = await switchyard(['drill', path]);
    expect(code).toBe(2);
    expect(err).toMatch(/typo\.yaml:11:\d+: error: "2 points" cannot be read, write points such as "2%"/);
    expect(err).toContain('^');
  });

  it('a scenario for simulation alone is refused with the reason', async () => {
    const path = file('wide.yaml', SOUND.replace('world: { pops: [LHR] }\n', ''));
    const { code, err } = await switchyard(['drill', path]);
    expect(code).toBe(2);
    expect(err).toMatch(/PoPs/);
  });

  it('a fault that sockets cannot play is refused before anything starts', async () => {
    const path = file('far.yaml', `${SOUND}timeline: [{ at: +2s, fault: unreachable, target: pool/one }]\n`);
    const { code, err } = await switchyard(['drill', path]);
    expect(code).toBe(2);
    expect(err).toContain('unreachable');
  });

  it('problems come as JSON when that is asked for', async () => {
    const { code, out } = await switchyard(['drill', small, '--pace', 'fast', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ file: '--pace' }] });
  });
});

describe('--dry-run', () => {
  it('says what would be started and done, and what is predicted', async () => {
    const { code, out } = await switchyard(['drill', small, '--dry-run']);
    expect(code).toBe(0);
    expect(out).toContain('edges: LHR');
    expect(out).toContain('origin one/a: started here');
    expect(out).toMatch(/The replay predicts \d+ requests, 0 of them failed\. Nothing was started\./);
  });
});

describe('a server that is not on this machine', () => {
  it('is not even knocked at before somebody says that it may be broken', async () => {
    const { code, out, err } = await switchyard(['drill', small, '--origin', 'one/a=192.0.2.7:80']);
    expect(code).toBe(2);
    expect(out).toContain('origin one/a: 192.0.2.7:80, not ours');
    expect(out).toContain('Nothing was started.');
    expect(err).toContain(
      '192.0.2.7:80, which is not this machine, when that may be broken, say --yes-this-is-not-production',
    );
  });
});

describe('an address book in the scenario', () => {
  it('names servers as --origin does, which goes before it', async () => {
    const path = file('book.yaml', `${SOUND}drill: { origins: { one/a: '192.0.2.7:80' } }\n`);
    const booked = await switchyard(['drill', path, '--dry-run']);
    expect(booked.out).toContain('origin one/a: 192.0.2.7:80, not ours');
    const named = await switchyard(['drill', path, '--dry-run', '--origin', 'one/a=127.0.0.1:8081']);
    expect(named.out).toContain('origin one/a: 127.0.0.1:8081, not ours');
    expect((await switchyard(['drill', path])).err).toContain('--yes-this-is-not-production');
  });

  it.each([
    ['one/b', '10.0.0.7:80', 'there is no origin "one/b", known: one/a'],
    ['one/a', 'nowhere', '"one/a: nowhere" cannot be read, write one/a: 10.0.0.7:80'],
  ])('a wrong entry is named with its line: %s: %s', async (origin, endpoint, words) => {
    const path = file('wrong-book.yaml', `${SOUND}drill:\n  origins:\n    ${origin}: '${endpoint}'\n`);
    const { code, err } = await switchyard(['drill', path]);
    expect(code).toBe(2);
    expect(err).toContain(words);
    expect(err).toMatch(/wrong-book\.yaml:\d+:\d+/);
  });
});

describe('a machine that will not do', () => {
  it('too few open files: refused with the number that would do, before anything starts', () => {
    const [node = '', program = ''] = SELF;
    const command = 'ulimit -n 400; exec "$0" "$1" drill "$2"';
    const { status, stderr } = spawnSync('bash', ['-c', command, node, program, small], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/needs about \d+ open files, and this shell allows 400: raise it with "ulimit -n \d+"/);
    expect(stderr).toContain('nothing was started');
  });

  it('a port that somebody has is not taken, and an address that is not there is named', async () => {
    const holder = await holding(0);
    const { port } = holder.address() as { port: number };
    expect(await freePort('127.0.0.1', port)).toBeUndefined();
    await new Promise((resolve) => holder.close(resolve));
    await expect(commonPort(['192.0.2.1'])).rejects.toMatchObject({
      message: '192.0.2.1 cannot be listened at',
      hint: expect.stringContaining('sudo ifconfig lo0 alias'),
    });
  });

  it('an edge whose port was taken while it was down does not come back, says why, and all else is rolled back', async () => {
    const running = await runningLab(SOUND);
    const undo = await running.fault('crash', 'pop/LHR');
    const holder = await holding(running.lab.edges[0]?.listen.port ?? 0);
    await expect(undo()).rejects.toThrow(/the edge LHR ended with code \d+ before it was ready/);
    await new Promise((resolve) => holder.close(resolve));
    expect(await running.lab.stop()).toEqual([]);
  });
});

async function holding(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}
