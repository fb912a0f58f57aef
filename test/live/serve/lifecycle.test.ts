import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { listenProblem } from '../../../src/cli/serve/plane.ts';
import { ask, configOf, NamedOrigin, run, Serve, tempFolder, until } from './support.ts';

const running: (Serve | NamedOrigin | Server)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) {
    if (each instanceof Serve) await each.end();
    else if (each instanceof NamedOrigin) each.kill();
    else each.close();
  }
});

function start(
  config: object | string | undefined,
  flags: readonly string[] = [],
  folder?: string,
  home?: string,
): Serve {
  const serve = new Serve(config, flags, folder, home);
  running.push(serve);
  return serve;
}

async function origin(name: string, host?: string): Promise<NamedOrigin> {
  const made = await NamedOrigin.start(name, host);
  running.push(made);
  return made;
}

/** Requests without a pause over several kept-alive connections, until stopped; what they got. */
function load(at: string, connections = 4): { stop: () => Promise<{ got: Map<string, number>; failed: string[] }> } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const got = new Map<string, number>();
  const failed: string[] = [];
  let going = true;
  const loops = Array.from({ length: connections }, async () => {
    while (going) {
      try {
        const { status, body } = await ask(at, { agent, headers: { host: 'www.example.com' } });
        const key = status === 200 ? body : String(status);
        got.set(key, (got.get(key) ?? 0) + 1);
      } catch (error) {
        failed.push(String(error));
      }
    }
  });
  return {
    stop: async () => {
      going = false;
      await Promise.all(loops);
      agent.destroy();
      return { got, failed };
    },
  };
}

describe('a new configuration', () => {
  test('a changed file moves the traffic, and no request is lost', async () => {
    const [a, b] = [await origin('a-1'), await origin('b-1')];
    const serve = start(configOf({ a: [a], f: [b] }));
    const { listen, admin } = await serve.ready();
    const requests = load(listen!);
    await until(
      () => Promise.resolve(a.requests.length),
      (count) => count > 50,
    );
    // The pool in use is removed altogether.
    serve.write(configOf({ b: [b] }));
    await serve.says('configuration adopted');
    const before = b.requests.length;
    await until(
      () => Promise.resolve(b.requests.length),
      (count) => count > before + 50,
    );
    const { got, failed } = await requests.stop();
    expect(failed).toEqual([]);
    expect([...got.keys()].sort()).toEqual(['a-1', 'b-1']);
    const health = JSON.parse((await ask(admin!, { path: '/_switchyard/health' })).body) as {
      pools: { name: string }[];
    };
    expect(health.pools.map((pool) => pool.name)).toEqual(['b']);
  });

  test('a broken file changes nothing, and one message says what is wrong', async () => {
    const a = await origin('a-1');
    const serve = start(configOf({ a: [a] }));
    const { listen, admin } = await serve.ready();
    serve.write('version: 1\nload_balancers:\n  - { name: www.example.com, steering_polcy: off }\n');
    await serve.says('the configuration before it stays in force');
    expect(serve.err).toContain('steering_polcy');
    expect((await ask(listen!)).body).toBe('a-1');
    const { body } = await ask(admin!, { path: '/metrics' });
    expect(body).toContain('switchyard_reloads_total{result="refused"} 1');
  });

  test('SIGHUP reads the file again, and opens the access log again', async () => {
    const a = await origin('a-1');
    const folder = tempFolder();
    const log = join(folder, 'access.log');
    const serve = start(configOf({ a: [a] }), ['--access-log', log], folder);
    const { listen } = await serve.ready();
    await run('mv', [log, `${log}.1`]);
    serve.process.kill('SIGHUP');
    await until(
      () => Promise.resolve(existsSync(log)),
      (there) => there,
    );
    await ask(listen!, { path: '/after' });
    await until(
      () => Promise.resolve(readFileSync(log, 'utf8')),
      (text) => text.includes('/after'),
    );
  });

  test('sessions and verdicts outlive a reload', async () => {
    const [a, b, f] = [await origin('a-1'), await origin('a-2', '127.0.0.2'), await origin('f-1')];
    const sessions = { session_affinity: 'cookie' };
    const serve = start(configOf({ a: [a, b], f: [f] }, sessions));
    const { listen } = await serve.ready();
    const first = await ask(listen!, { headers: { host: 'www.example.com' } });
    const cookie = String(first.headers['set-cookie']).split(';')[0]!;
    serve.write(configOf({ a: [b, a], f: [f] }, { ...sessions, description: 'turned round' }));
    await serve.says('configuration adopted');
    for (let i = 0; i < 5; i += 1) {
      const again = await ask(listen!, { headers: { host: 'www.example.com', cookie } });
      expect(again.body).toBe(first.body);
      expect(again.headers['set-cookie']).toBeUndefined();
    }
  });
});

describe('the end', () => {
  test('SIGTERM: the request under way is answered, new connections are not taken, exit code 0', async () => {
    const a = await origin('a-1');
    let finish: (() => void) | undefined;
    a.answer = (message, respond) => {
      message.resume();
      finish = () => respond(200, 'late');
      return true;
    };
    const serve = start(configOf({ a: [a] }));
    const { listen } = await serve.ready();
    const slow = ask(listen!);
    await until(
      () => Promise.resolve(finish),
      (there) => there !== undefined,
    );
    serve.process.kill('SIGTERM');
    await serve.says('draining');
    // What stood in the listener's queue when it closed is reset; from then on connections are refused.
    const refusal = (): Promise<string> => ask(listen!).then(() => 'answered', String);
    await until(refusal, (text) => text.includes('ECONNREFUSED'));
    finish!();
    expect((await slow).body).toBe('late');
    expect(await serve.ended()).toBe(0);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('a second %s does not wait', async (signal) => {
    const a = await origin('a-1');
    a.answer = () => true;
    const serve = start(configOf({ a: [a] }), ['--drain', '3600']);
    const { listen } = await serve.ready();
    const stuck = ask(listen!).then(
      () => 'answered',
      () => 'cut',
    );
    await until(
      () => Promise.resolve(a.requests.length),
      (count) => count > 0,
    );
    serve.process.kill(signal);
    await serve.says('draining');
    serve.process.kill(signal);
    await serve.ended();
    expect(await stuck).toBe('cut');
  });
});

describe('what keeps it from starting: exit code 2 and one clear message', () => {
  async function refused(config: object | string, flags: readonly string[]): Promise<string> {
    const serve = start(config, flags);
    expect(await serve.ended()).toBe(2);
    expect(serve.out).toBe('');
    return serve.err;
  }

  test('a port that is taken, with or without workers, for every listener', async () => {
    const a = await origin('a-1');
    const taken = createServer();
    running.push(taken);
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', () => resolve()));
    const address = taken.address();
    const at = `127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
    for (const flags of [
      ['--listen', at],
      ['--listen', at, '--workers', '2'],
      ['--admin', at],
      ['--dns', at],
      ['--listen-tls', at],
    ]) {
      expect(await refused(configOf({ a: [a] }), flags)).toContain(
        `${flags[0]}: error: ${at} is in use by another process`,
      );
    }
  });

  test('a port below 1024 without the right', () => {
    const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
    expect(listenProblem('--listen', { host: '127.0.0.1', port: 80 }, error)).toMatchObject({
      file: '--listen',
      message: 'port 80 needs more rights than this user has',
    });
  });

  test.each([
    { name: 'no certificate', cert: 'nonsense', says: 'is no certificate in PEM' },
    { name: 'a file that is not there', cert: undefined, says: 'does not exist' },
  ])('an unreadable certificate: $name', async ({ cert, says }) => {
    const a = await origin('a-1');
    const folder = tempFolder();
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    if (cert !== undefined) writeFileSync(certFile, cert);
    writeFileSync(keyFile, 'nonsense');
    const flags = ['--listen-tls', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', keyFile];
    expect(await refused(configOf({ a: [a] }), flags)).toContain(says);
  });

  test('an authority of ours that somebody damaged', async () => {
    const a = await origin('a-1');
    const folder = tempFolder();
    writeFileSync(join(folder, 'ca.key'), 'nonsense');
    writeFileSync(join(folder, 'ca.pem'), 'nonsense');
    const text = await refused(configOf({ a: [a] }), ['--listen-tls', '127.0.0.1:0', '--state', folder]);
    expect(text).toContain('remove ca.pem and ca.key');
  });

  test.each([
    { name: 'where nothing can be made', below: '/proc/switchyard' },
    { name: 'where only the system writes', below: '/sys/switchyard' },
    { name: 'a file', below: undefined },
  ])('--state in $name', async ({ below }) => {
    if (below !== undefined && !existsSync(below.replace('/switchyard', ''))) return;
    const a = await origin('a-1');
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    for (const state of below === undefined ? [file, join(file, 'below')] : [below]) {
      const text = await refused(configOf({ a: [a] }), ['--state', state]);
      expect(text).toContain(`--state: error: ${state} cannot be written: `);
      expect(text).toContain('1 error\n');
    }
  });

  test('two balancers of one name', async () => {
    const a = await origin('a-1');
    const config = configOf({ a: [a] }) as { load_balancers: object[] };
    const text = await refused({ ...config, load_balancers: [...config.load_balancers, ...config.load_balancers] }, []);
    expect(text).toContain('www.example.com');
    expect(text).toContain('not unique');
  });

  test('all mistakes of the command line at once', async () => {
    const a = await origin('a-1');
    const text = await refused(configOf({ a: [a] }), [
      '--listen',
      'nowhere',
      '--pop',
      'XX',
      '--workers',
      'many',
      '--trust-proxy',
      '10/8',
      '--store',
      'tape://',
      '--admin',
      '0.0.0.0:0',
    ]);
    for (const flag of ['--listen', '--pop', '--workers', '--trust-proxy', '--store', '--admin'])
      expect(text).toContain(`${flag}: error`);
  });

  test('--json says the same for machines', async () => {
    const serve = start(undefined, ['--config', '/nowhere/x.yaml', '--json']);
    expect(await serve.ended()).toBe(2);
    expect(JSON.parse(serve.out)).toMatchObject({ ok: false, problems: [{ file: '/nowhere/x.yaml' }] });
  });
});

describe('trouble that traffic must not notice', () => {
  test('a full disk under the access log: said once, counted, served on', async () => {
    if (!existsSync('/dev/full')) return;
    const a = await origin('a-1');
    const serve = start(configOf({ a: [a] }), ['--access-log', '/dev/full']);
    const { listen, admin } = await serve.ready();
    const from = performance.now();
    await ask(listen!);
    await serve.says('the disk is full');
    for (let i = 0; i < 20; i += 1) expect((await ask(listen!)).body).toBe('a-1');
    await until(
      async () => (await ask(admin!, { path: '/metrics' })).body,
      (text) => /switchyard_access_log_dropped_total [1-9]/.test(text),
    );
    // It is tried again after five seconds, and may say so again.
    const tries = 1 + Math.floor((performance.now() - from) / 5_000);
    expect(serve.err.split('cannot be written').length - 1).toBeLessThanOrEqual(tries);
  });

  test('an access log in a folder that is not there: said, served on', async () => {
    const a = await origin('a-1');
    const serve = start(configOf({ a: [a] }), ['--access-log', '/nowhere/at/all.log']);
    const { listen } = await serve.ready();
    expect((await ask(listen!)).body).toBe('a-1');
    expect(serve.err).toContain('there will be none');
  });

  test('the user’s own folder cannot be written: sessions end with the process, and it is said', async () => {
    const a = await origin('a-1');
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    const serve = start(configOf({ a: [a] }), [], undefined, file);
    const { listen } = await serve.ready();
    expect((await ask(listen!)).body).toBe('a-1');
    expect(serve.err).toContain('sessions end with this process');
  });

  test.each(['one that accepts and says nothing', 'one that refuses'])(
    'a store that does not answer, %s: requests go straight to the origin',
    async (kind) => {
      const a = await origin('a-1');
      const silent = createServer(() => {});
      running.push(silent);
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
      const address = silent.address();
      const port = kind.includes('accepts') && address !== null && typeof address === 'object' ? address.port : 1;
      const railguns = [{ id: 'rg', name: 'rg', railgun_host: '127.0.0.1', port, activation_key: '0'.repeat(32) }];
      const config = configOf({ a: [a] }, { railgun: 'rg' }, { railguns, zones: [{ name: 'example.com' }] });
      for (const store of [`redis://127.0.0.1:${port}`, `memcached://127.0.0.1:${port}`]) {
        const serve = start(config, ['--store', store]);
        const { listen } = await serve.ready();
        for (let i = 0; i < 5; i += 1) {
          const got = await ask(listen!, { headers: { host: 'www.example.com' } });
          expect(got).toMatchObject({ status: 200, body: 'a-1' });
          expect(got.headers['cf-railgun']).toMatch(/^direct \(/);
        }
      }
    },
  );

  test('an origin that is this edge: error 1000, at once', async () => {
    const a = await origin('a-1');
    const serve = start(configOf({ a: [a] }));
    const { listen } = await serve.ready();
    const port = Number(listen!.split(':')[1]);
    serve.write({
      pools: [
        { name: 'self', origins: [{ name: 'x', address: '127.0.0.1', port }] },
        { name: 'name', origins: [{ name: 'x', address: 'localhost', port }] },
      ],
      load_balancers: [
        { name: 'self.example.com', proxied: true, default_pools: ['self'], fallback_pool: 'self' },
        { name: 'name.example.com', proxied: true, default_pools: ['name'], fallback_pool: 'name' },
      ],
    });
    await serve.says('configuration adopted');
    for (const host of ['self.example.com', 'name.example.com']) {
      const got = await ask(listen!, { headers: { host } });
      expect(got.status).toBe(403);
      expect(got.headers['cf-error-type']).toBe('1000');
    }
  });
});

test('without arguments a demo serves, says who served, and is told the same by a browser', async () => {
  const serve = start(undefined);
  const { listen } = await serve.ready();
  const facts = JSON.parse((await ask(listen!)).body) as Record<string, string>;
  expect(facts).toMatchObject({ pool: 'europe', pop: 'LHR', client: '127.0.0.1' });
  const there = JSON.parse((await ask(listen!, { headers: { 'CF-IPCountry': 'US' } })).body) as Record<string, string>;
  expect(there).toMatchObject({ pool: 'america', country: 'US' });
  const page = await ask(listen!, { headers: { accept: 'text/html' } });
  expect(page.body).toContain('<h1>Served by europe-');
});

test('keys are readable by their owner alone', async () => {
  const folder = tempFolder();
  chmodSync(folder, 0o755);
  const serve = start(undefined, ['--listen-tls', '127.0.0.1:0', '--state', folder]);
  await serve.ready();
  const { out } = await run('stat', ['-c', '%a', join(folder, 'ca.key'), join(folder, 'cookie.key')]);
  expect(out).toBe('600\n600\n');
});
