/** Ctrl-C in the middle of a long run: what is written is whole, valid, and says that it is partial. A real process, because of the signal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readReport } from '../../src/report/json.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A day at a thousand requests a second: far longer than it takes to press a key. */
const LONG = `version: 1
name: a long day
start: 2026-03-01T12:00:00Z
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [a], fallback_pool: a }]
  pools: [{ name: a, origins: [{ name: a-1, address: 192.0.2.1 }] }]
duration: 24h
trace: all
traffic:
  - clients: { count: 1000, rate: 1000/s }
checks:
  - failed_requests == 0
`;

it('Ctrl-C leaves a valid report that says it is partial, and nothing half written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-stop-'));
  const scenario = join(folder, 'long.yaml');
  writeFileSync(scenario, LONG);
  const out = join(folder, 'out');
  const child = spawn(process.execPath, [join(ROOT, 'bin/switchyard.js'), 'replay', scenario, '--out', out], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  // The first line is printed when the run begins.
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code, said).toBe(130);

  expect(readdirSync(out).toSorted()).toEqual([
    'events.ndjson',
    'junit.xml',
    'report.html',
    'report.json',
    'summary.md',
  ]);
  const read = readReport(readFileSync(join(out, 'report.json'), 'utf8'));
  if (!read.ok) throw new Error(read.problems.join('; '));
  const { partial, endUs } = read.report;
  expect(partial?.reason).toBe('interrupted');
  expect(partial?.atUs).toBeLessThan(endUs);
  expect(said).toMatch(/partial|interrupted/i);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toMatch(/partial|interrupted/i);
  const events = readFileSync(join(out, 'events.ndjson'), 'utf8');
  expect(events.endsWith('\n')).toBe(true);
  for (const line of events.trim().split('\n')) JSON.parse(line);
  rmSync(folder, { recursive: true });
});
