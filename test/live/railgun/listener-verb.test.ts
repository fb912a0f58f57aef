/** `switchyard listener` as people run it: a process, its files, its signals, a real memcached where there is one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ownPort } from '../../contract/own-port.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { type EdgeLab, get, Origin, railgunOf, startEdge, TOKEN, warm } from './lab.ts';
import { serveSite } from './served.ts';

const BIN = new URL('../../../bin/switchyard.js', import.meta.url).pathname;
const MEMCACHED = ['/usr/bin/memcached', '/usr/local/bin/memcached'].find((path) => existsSync(path));

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0).toReversed()) await each();
});

interface Running {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly port: number;
  readonly ready: Readonly<Record<string, string | number>>;
  /** Resolves when stderr holds this. */
  says(pattern: RegExp): Promise<void>;
  readonly exit: Promise<number | null>;
}

async function listener(conf: string, more: readonly string[] = ['--store', 'memory']): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-test-'));
  writeFileSync(join(folder, 'railgun.conf'), `activation.token = ${TOKEN}\n${conf}`);
  const args = [BIN, 'listener', '--config', 'railgun.conf', '--listen', '127.0.0.1:0', ...more];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  const waiting: (() => void)[] = [];
  const wake = (): void => {
    for (const each of waiting.splice(0)) each();
  };
  child.stdout.on('data', (chunk: Buffer) => {
    out += String(chunk);
    wake();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += String(chunk);
    wake();
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  void exit.then(wake);
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await exit;
    rmSync(folder, { recursive: true, force: true });
  });
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${err}`);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  await until(() => out.includes('\n'));
  const ready = JSON.parse(out.slice(0, out.indexOf('\n'))) as Record<string, string | number>;
  const port = Number(String(ready['wan']).split(':')[1]);
  return { child, folder, port, ready, exit, says: (pattern) => until(() => pattern.test(err)) };
}

async function site(): Promise<Origin & { version: number }> {
  const state = { version: 0 };
  const origin = await Origin.start((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(pageAt('shop', 4, state.version));
  });
  cleanups.push(() => origin.stop());
  return new Proxy(origin, {
    get: (target, name) => (name === 'version' ? state.version : Reflect.get(target, name, target)),
    set: (_target, name, value) => Reflect.set(state, name, value),
  }) as Origin & { version: number };
}

async function linked(origin: Origin, port: number): Promise<EdgeLab> {
  const edge = await startEdge({ listenerPort: port, originPort: origin.port });
  cleanups.push(() => edge.stop());
  await warm(edge);
  return edge;
}

describe('the files', () => {
  it('RG-078 without memcached.servers it does not start, and says what is missing', async () => {
    await expect(listener('', [])).rejects.toThrow(/ended with 2: .*"memcached\.servers" is missing/s);
  });

  it('names every broken line at once', async () => {
    await expect(listener('lan.timeout = soon\nlog.level = 3\n')).rejects.toThrow(/lan\.timeout|soon.*log level/s);
  });
});

describe('signals', () => {
  it('RG-079 SIGHUP: live keys and the map apply without cutting a lane, the others are reported', async () => {
    const origin = await site();
    const other = await Origin.start((_request, response) => response.end('the other one'));
    cleanups.push(() => other.stop());
    const run = await listener('log.level = 0\n');
    const edge = await linked(origin, run.port);
    expect((await get(edge.port, '/x')).body.equals(pageAt('shop', 4, 0))).toBe(true);
    writeFileSync(join(run.folder, 'nat.conf'), `www.example.com = 127.0.0.1:${other.port}\n`);
    writeFileSync(
      join(run.folder, 'railgun.conf'),
      `activation.token = ${TOKEN}\nmap.file = nat.conf\nlog.level = 5\nwan.lanes = 7\n`,
    );
    run.child.kill('SIGHUP');
    await run.says(/SIGHUP: needs a restart: .*wan\.lanes/);
    const mapped = await get(edge.port, '/x');
    expect(mapped.body.toString()).toBe('the other one');
    expect(railgunOf(mapped)).toMatch(/ stream .* 00[0-9a-f]1 /);
    await run.says(/railgun\[127\.0\.0\.1:\d+\]: [0-9a-f]{10}\.\.\. completed \(13 body bytes/);
    expect(edge.news.filter((one) => one.kind === 'lane_closed')).toEqual([]);

    writeFileSync(join(run.folder, 'nat.conf'), 'www.example.com = not an address at all\n');
    run.child.kill('SIGHUP');
    await run.says(/everything stays as it was/);
    expect((await get(edge.port, '/x')).body.toString()).toBe('the other one');
  });

  it('RG-080 SIGQUIT: the running request ends well, then the process, with code 0 and its pid file gone', async () => {
    let release = (): void => {};
    const origin = await Origin.start((request, response) => {
      if (request.url === '/hold') release = () => void response.end('held');
      else response.end('ok');
    });
    cleanups.push(() => origin.stop());
    const run = await listener('pid.file = listener.pid\nlog.level = 1\n');
    expect(readFileSync(join(run.folder, 'listener.pid'), 'utf8')).toBe(`${run.child.pid ?? 0}\n`);
    const edge = await linked(origin, run.port);
    const held = get(edge.port, '/hold');
    while (origin.seen.every((one) => one.url !== '/hold')) await new Promise((resolve) => setImmediate(resolve));
    run.child.kill('SIGQUIT');
    await run.says(/draining/);
    // What crosses the announcement on its way is still taken.
    while (!railgunOf(await get(edge.port, '/x')).startsWith('direct'))
      await new Promise((resolve) => setImmediate(resolve));
    release();
    expect((await held).body.toString()).toBe('held');
    expect(await run.exit).toBe(0);
    await expect(run.says(/inactive until restart/)).resolves.toBeUndefined();
    expect(existsSync(join(run.folder, 'listener.pid'))).toBe(false);
  });

  it('SIGUSR2: a successor takes over the port; the old process drains and ends', async () => {
    const origin = await site();
    const run = await listener('pid.file = listener.pid\n');
    const edge = await linked(origin, run.port);
    run.child.kill('SIGUSR2');
    expect(await run.exit).toBe(0);
    const successor = Number(readFileSync(join(run.folder, 'listener.pid'), 'utf8'));
    cleanups.push(() => void process.kill(successor, 'SIGKILL'));
    expect(successor).not.toBe(run.child.pid);
    for (;;) {
      const answer = await get(edge.port, '/x');
      expect(answer.status).toBe(200);
      if (!railgunOf(answer).startsWith('direct')) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

describe('statistics', () => {
  it('RG-072 GET / at stats.listen is JSON with the names of the original', async () => {
    const origin = await site();
    const run = await listener('stats.enabled = 1\nstats.listen = 127.0.0.1:0\n');
    const edge = await linked(origin, run.port);
    await get(edge.port, '/x');
    const json = (await (await fetch(`http://${run.ready['stats'] ?? ''}/`)).json()) as Record<string, number>;
    expect(json).toMatchObject({
      requests_started: 1,
      requests_completed: 1,
      wan_starts: 1,
      wan_stops: 0,
      uncompressed_chunks: 0,
    });
    expect(json['wan_bytes_sent']).toBeGreaterThan(1_000);
    expect(json['delta_compression_ratio']).toBeGreaterThan(0);
    expect(json['time']).toBeGreaterThan(1_700_000_000);
    expect((await fetch(`http://${run.ready['stats'] ?? ''}/other`)).status).toBe(404);
  });

  it('RG-073 stats.url gets one POST per interval, and a target that fails changes nothing', async () => {
    const posts: string[] = [];
    let told = (): void => {};
    const first = new Promise<void>((resolve) => {
      told = resolve;
    });
    const target: Server = createHttpServer((request, response) => {
      request.on('data', (chunk: Buffer) => posts.push(String(chunk)));
      request.on('end', () => {
        response.writeHead(500).end();
        told();
      });
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void target.close());
    const { StatsReporter } = await import('../../../src/live/railgun/stats-reporter.ts');
    const problems: string[] = [];
    const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
    const reporter = new StatsReporter(
      { listen: '', url: () => url, intervalMs: 3_600_000, log: false },
      { json: () => ({ requests_started: 3 }), line: () => {}, problem: (text) => void problems.push(text) },
    );
    cleanups.push(() => reporter.close());
    reporter.report();
    await first;
    expect(JSON.parse(posts[0] ?? '')).toEqual({ requests_started: 3 });
    while (problems.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(problems).toEqual(['stats.url answered 500']);
  });
});

describe.skipIf(MEMCACHED === undefined)('a real memcached', () => {
  it('RG-053 RG-117 dies and comes back in the middle of traffic: no page is wrong, and deltas return by themselves', async () => {
    const port = await ownPort();
    const memcached = (): ChildProcess => {
      const child = spawn(
        MEMCACHED ?? '',
        ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody', '-m', '64'],
        {
          stdio: 'ignore',
        },
      );
      cleanups.push(() => void child.kill('SIGKILL'));
      return child;
    };
    let server = memcached();
    const run = await listener(`memcached.servers = 127.0.0.1:${port}\nlog.level = 1\n`, []);
    const origin = await site();
    const edge = await linked(origin, run.port);
    const deltas = async (): Promise<void> => {
      for (;;) {
        origin.version += 1;
        const answer = await get(edge.port, '/p');
        expect([answer.status, answer.body.equals(pageAt('shop', 4, origin.version))]).toEqual([200, true]);
        if (/^[0-9a-f]{10} \d+\.\d\d \S+ 0030 /.test(railgunOf(answer))) return;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    };
    await deltas();
    server.kill('SIGSTOP');
    for (let i = 0; i < 5; i += 1) {
      const answer = await get(edge.port, '/p');
      expect([answer.status, answer.body.equals(pageAt('shop', 4, origin.version))]).toEqual([200, true]);
    }
    server.kill('SIGCONT');
    await deltas();
    server.kill('SIGKILL');
    for (let i = 0; i < 10; i += 1) {
      origin.version += 1;
      const answer = await get(edge.port, '/p');
      expect([answer.status, answer.body.equals(pageAt('shop', 4, origin.version))]).toEqual([200, true]);
      expect(railgunOf(answer)).toMatch(/^[0-9a-f]{10} (stream|\d+\.\d\d) /);
    }
    server = memcached();
    await deltas();
  });
});

describe('activation at the control plane of an edge', () => {
  async function registered(): Promise<{ served: Awaited<ReturnType<typeof serveSite>>; id: string; conf: string }> {
    const served = await serveSite();
    cleanups.push(() => served.end());
    const { result } = (await served.call('POST', '/client/v4/railguns', { name: 'new' })).body;
    const conf = `activation.token = ${String(result['activation_key'])}
activate.server = ${served.admin}
activation.railgun_host = 127.0.0.1
log.level = 1
`;
    return { served, id: String(result['id']), conf };
  }

  it('RG-087 the three lines, INI becomes active, the zone is served over it; RG-080 a drain says goodbye', async () => {
    const { served, id, conf } = await registered();
    const shown = async (): Promise<unknown> =>
      (await served.call('GET', `/client/v4/railguns/${id}`)).body.result['status'];
    expect(await shown()).toBe('initializing');
    const gun = await listener(conf);
    await gun.says(
      /\[Activation\] Activation POST completed\.[^]*\[Activation\] Assigned Railgun ID: \d+[^]*\[Activation\] Acquired cert from server/,
    );
    expect(await shown()).toBe('active');
    const peer = await new Promise<string>((resolve, reject) => {
      const socket = connectTls({ port: gun.port, ALPNProtocols: ['rgx/1'], rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().issuer.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(peer).toBe('Switchyard local authority');

    await served.call('PATCH', `/client/v4/zones/example.com/railguns/${id}`, { connected: true });
    await served.linked();
    expect(railgunOf(await served.ask('link.example.com', '/a'))).toMatch(/^[0-9a-f]{10} /);
    gun.child.kill('SIGQUIT');
    expect(await gun.exit).toBe(0);
    expect(await shown()).toBe('inactive');
  });

  it('RG-086 a token that the control plane does not know: the documented sentence, code 2, and no open port', async () => {
    const { conf } = await registered();
    const wrong = conf.replace(/token = \w+/, `token = ${'w'.repeat(32)}`);
    await expect(listener(wrong)).rejects.toThrow(/ended with 2: .*Invalid or missing railgun token or tag/s);
  });

  it('a control plane that cannot be reached keeps nobody from serving', async () => {
    const gun = await listener('activate.server = http://127.0.0.1:1\nactivation.railgun_host = 127.0.0.1\n');
    await gun.says(/\[Activation\] 127\.0\.0\.1:1 cannot be asked/);
    const origin = await site();
    const edge = await linked(origin, gun.port);
    expect(railgunOf(await get(edge.port, '/a'))).toMatch(/^[0-9a-f]{10} /);
  });

  it('a heartbeat finds out that the railgun was deleted', async () => {
    const { served, id, conf } = await registered();
    const gun = await listener(`${conf}activation.heartbeat_interval = 1\n`);
    await served.call('DELETE', `/client/v4/railguns/${id}`);
    await gun.says(/\[Activation\] Invalid or missing railgun token or tag/);
  });
});
