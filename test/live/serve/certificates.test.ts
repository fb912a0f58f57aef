/** Certificate files that are replaced while the edge runs: read again on SIGHUP and when they change, and a broken pair changes nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { makeCertificate } from '../proxy/certificate.ts';
import { ask, configOf, NamedOrigin, Serve, tempFolder, until } from './support.ts';

const running: (Serve | NamedOrigin)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await (each instanceof Serve ? each.end() : each.kill());
});

interface Site {
  readonly serve: Serve;
  readonly at: string;
  readonly plain: string;
  readonly cert: string;
  readonly key: string;
}

async function site(more: readonly string[] = []): Promise<Site> {
  const origin = await NamedOrigin.start('a-1');
  const folder = tempFolder();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const first = await makeCertificate('first.test');
  writeFileSync(cert, first.cert);
  writeFileSync(key, first.key);
  const flags = ['--listen-tls', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key, ...more];
  const serve = new Serve(configOf({ a: [origin] }), flags, folder);
  running.push(serve, origin);
  const { listen_tls: at, listen: plain } = await serve.ready();
  return { serve, at: at!, plain: plain!, cert, key };
}

/** The name in the certificate that a new connection is shown. */
function shown(at: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(at.split(':')[1]), rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('certificates of one’s own', () => {
  test.each([
    { name: 'one process', flags: [] },
    { name: 'two workers', flags: ['--workers', '2'] },
  ])('a new pair is used for new connections ($name), found by the watch alone', async ({ flags }) => {
    const { serve, at, cert, key } = await site(flags);
    expect(await shown(at)).toBe('first.test');
    const second = await makeCertificate('second.test');
    writeFileSync(cert, second.cert);
    writeFileSync(key, second.key);
    await serve.says(`the certificate in ${cert} is in use from here on`);
    // Every worker, in whatever order they come round.
    await until(
      () => Promise.all([shown(at), shown(at), shown(at), shown(at)]),
      (names) => names.every((name) => name === 'second.test'),
    );
  });

  test('SIGHUP reads them too; a connection that stands goes on', async () => {
    const { serve, at, plain, cert, key } = await site();
    const { connect: connectHttp2 } = await import('node:http2');
    const session = connectHttp2(`https://${at}`, { rejectUnauthorized: false });
    const status = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': '/' });
        stream.on('response', (fields) => resolve(Number(fields[':status'])));
        stream.on('error', reject);
        stream.resume();
      });
    expect(await status()).toBe(200);
    const second = await makeCertificate('second.test');
    writeFileSync(cert, second.cert);
    writeFileSync(key, second.key);
    serve.process.kill('SIGHUP');
    await until(
      () => shown(at),
      (name) => name === 'second.test',
    );
    expect(await status()).toBe(200);
    session.destroy();
    expect((await ask(plain)).status).toBe(200);
  });

  test.each([
    {
      name: 'half a pair',
      spoil: async ({ key }: Site) => writeFileSync(key, (await makeCertificate('x')).key),
      says: (s: Site) => `the file ${s.key} does not belong to ${s.cert}`,
    },
    {
      name: 'nonsense',
      spoil: async ({ cert }: Site) => writeFileSync(cert, 'nonsense'),
      says: (s: Site) => `the file ${s.cert} is no certificate in PEM`,
    },
  ])('$name keeps the old one, and one line names the file', async ({ spoil, says }) => {
    const made = await site();
    await spoil(made);
    made.serve.process.kill('SIGHUP');
    const line = `${says(made)}: the certificate before it stays in use`;
    await made.serve.says(line);
    expect(await shown(made.at)).toBe('first.test');
    expect((await ask(made.plain)).status).toBe(200);
  });
});
