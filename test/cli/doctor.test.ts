/** `switchyard doctor --decode`, and what the examination says of a machine. */
import { describe, expect, it } from 'vitest';
import { type DoctorFlags, runDoctor } from '../../src/cli/doctor.ts';
import type { Io } from '../../src/cli/io.ts';

async function doctor(
  flags: DoctorFlags,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    env: { PATH: '' },
    cwd: '/',
    interrupted: new AbortController().signal,
  };
  const code = await runDoctor(flags, io);
  return { code, out, err };
}

const FLAGS = [
  'map.file was used to change the origin address',
  'rg-sender sent a dictionary',
  'rg-listener found the dictionary',
];

describe('--decode', () => {
  it('RG-068 explains a whole header', async () => {
    const { code, out } = await doctor({ decode: '151df128a1 2.05 0.009465 0031 5360' });
    expect(code).toBe(0);
    for (const part of ['2.05 %', 'version: 5360', '0.009465 s', ...FLAGS]) expect(out).toContain(part);
  });

  it('RG-069 explains the flags alone', async () => {
    const { code, out } = await doctor({ decode: '0031' });
    expect([code, out]).toEqual([0, `${FLAGS.map((flag) => `flag: ${flag}`).join('\n')}\n`]);
  });

  it('explains a direct answer, also with the name of the field in front, and as JSON', async () => {
    const { out } = await doctor({ decode: 'Cf-Railgun: direct (starting new WAN connection)', json: true });
    expect(JSON.parse(out)).toMatchObject({ lines: [expect.any(String), 'reason: starting new WAN connection'] });
  });

  it.each(['', 'hello', '151df128a1 2.05 0.009465 0031', 'zzzz'])('refuses %j with exit code 2', async (text) => {
    const { code, err } = await doctor({ decode: text });
    expect(code).toBe(2);
    expect(err).toContain('is no Cf-Railgun header');
  });
});

describe('the machine', () => {
  it('a store that was asked for and does not answer is bad: exit code 3; tools that are missing are not', async () => {
    const { code, out } = await doctor({ store: ['memcached://127.0.0.1:1', 'memory'], json: true });
    const { findings } = JSON.parse(out) as { findings: { what: string; state: string }[] };
    const state = (what: string): string | undefined => findings.find((one) => one.what === what)?.state;
    expect([code, state('memcached://127.0.0.1:1'), state('memory'), state('wrk'), state('Node.js')]).toEqual([
      3,
      'bad',
      'good',
      'missing',
      'good',
    ]);
  });

  it('never shows the password of a store', async () => {
    const { out } = await doctor({ store: ['redis://user:secret@127.0.0.1:1'] });
    expect(out).not.toContain('secret');
  });
});
