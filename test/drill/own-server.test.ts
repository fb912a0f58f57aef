/**
 * `--origin`: a server of one's own in the place of the lab's. One short drill on real sockets, in which the server never notices the
 * fault in front of it; and what is refused before anybody knocks at it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../src/core/report.ts';
import { switchyard } from '../cli/terminal.ts';
import { knock } from './lab/support.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'own-server-'));
/** Room for a machine that is busy with other tests; alone it is 11 s. */
const PATIENCE_MS = 180_000;

let connections = 0;
const targets: string[] = [];
const server = createServer((request, response) => {
  targets.push(request.url ?? '');
  response.end('mine');
}).on('connection', () => (connections += 1));
const at = (): { host: string; port: number } => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(FOLDER, { recursive: true, force: true });
});

function file(name: string, fault: string): string {
  const path = join(FOLDER, `${name}.yaml`);
  writeFileSync(
    path,
    `
version: 1
name: a server of my own
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [mine, labs], fallback_pool: labs, steering_policy: off }
  pools:
    - { id: p1, name: mine, monitor: web, check_regions: [WEU], origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: labs, monitor: web, check_regions: [WEU], origins: [{ name: b, address: 192.0.2.2 }] }
  monitors: [{ id: web, type: http, interval: 10, timeout: 10, retries: 0 }]
seed: 5
duration: 40s
world: { pops: [LHR] }
traffic: [{ clients: { count: 20, rate: 30/s, page_bytes: 2KB } }]
timeline:
  - { at: +5s, fault: ${fault}, for: 20s }
`,
  );
  return path;
}

describe('a server of one’s own', () => {
  it(
    'serves, and faults act in front of it only',
    async () => {
      const out = join(FOLDER, 'out');
      const during: Promise<string>[] = [];
      const { code, err } = await switchyard(
        ['drill', file('refused', 'refuse, target: pool/mine'), '--pace', '10', '--out', out].concat([
          '--origin',
          `mine/a=127.0.0.1:${at().port}`,
        ]),
        { err: (text) => void (text.includes('refuse') && during.push(knock(at()))) },
      );
      expect([0, 3], err).toContain(code);
      const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as RunReport;
      expect(report.drill).toMatchObject({ ended: 'finished', leftovers: [], unjoined: 0 });
      // Its pages, and the monitor's probes, came through the relay.
      expect(targets.filter((target) => target.includes('page=')).length).toBeGreaterThan(10);
      expect(targets.some((target) => target === '/')).toBe(true);
      expect(report.totals.failed).toBeGreaterThan(0);
      for (const story of report.failures!) expect(story).toMatchObject({ pool: 'p1', origin: 'a' });
      expect(report.budget.outages[0]!.detectedUs).not.toBeNull();
      // While the way to it was closed, it stood as before.
      expect(during.length).toBeGreaterThan(0);
      expect(new Set(await Promise.all(during))).toEqual(new Set(['connected']));
      expect(server.listening).toBe(true);
      // Those under way when the door closed were cut: 520.
      const statuses = new Set(report.failures!.map(({ status }) => status));
      expect(statuses).toContain(521);
      expect([...statuses].filter((status) => status !== 520 && status !== 521)).toEqual([]);
    },
    PATIENCE_MS,
  );

  it.each(['pool/mine', 'pool/p1', 'origin/a', 'origin/mine/a', 'origin/192.0.2.1'])(
    'what only a process of the lab can do is refused before anybody knocks (%s)',
    async (target) => {
      const before = connections;
      const path = file('errors', `errors, target: ${target}`);
      const { code, err } = await switchyard(['drill', path, '--origin', `mine/a=127.0.0.1:${at().port}`]);
      expect(code).toBe(2);
      expect(err).toContain('"errors" needs an origin of the lab\'s own, and p1/a is not');
      expect(err).toContain('refuse, reset, blackhole');
      expect(connections).toBe(before);
    },
  );

  it('one that does not answer is refused before anything starts', async () => {
    const { code, err } = await switchyard([
      ...['drill', file('gone', 'refuse, target: pool/mine'), '--origin', 'mine/a=127.0.0.1:1'],
    ]);
    expect(code).toBe(2);
    expect(err).toContain('no connection to p1/a at 127.0.0.1:1');
  });
});
