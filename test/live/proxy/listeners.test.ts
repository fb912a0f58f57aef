/** Several listeners of one engine: clear text, TLS with a certificate per name, and connections that others accepted. */
import { createServer, type AddressInfo } from 'node:net';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientInfo } from '../../../src/live/proxy/brain.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import { makeCertificate } from './certificate.ts';
import { dial, type Edge, startEdge, Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

/** An edge that answers everything itself and remembers who asked. */
async function answering(): Promise<{ edge: Edge; clients: ClientInfo[] }> {
  const edge = await startEdge([]);
  const clients: ClientInfo[] = [];
  edge.brain.route = (_head, client) => {
    clients.push(client);
    return bareAnswer(200);
  };
  cleanups.push(() => edge.engine.stop());
  return { edge, clients };
}

async function dialTls(port: number, options: object): Promise<{ wire: Wire; socket: TLSSocket }> {
  const socket = connectTls({ port, host: '127.0.0.1', ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  cleanups.push(() => socket.destroy());
  return { wire: new Wire(socket), socket };
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('listeners', () => {
  it('TLS picks the certificate by name, and the brain learns scheme, name and address', async () => {
    const { edge, clients } = await answering();
    const [one, two] = await Promise.all([makeCertificate('one.test'), makeCertificate('two.test')]);
    const contexts = new Map([
      ['one.test', createSecureContext(one)],
      ['two.test', createSecureContext(two)],
    ]);
    const { port } = await edge.engine.listen({
      host: '127.0.0.1',
      port: 0,
      tls: { ...one, SNICallback: (name, done) => done(null, contexts.get(name)) },
    });
    for (const [servername, ca] of [
      ['one.test', one.cert],
      ['two.test', two.cert],
    ] as const) {
      const { wire, socket } = await dialTls(port, { servername, ca });
      expect(socket.getPeerCertificate().subject.CN).toBe(servername);
      wire.send(GET);
      await wire.until('200 OK\n');
    }
    expect(clients).toMatchObject([
      { scheme: 'https', servername: 'one.test', address: '127.0.0.1' },
      { scheme: 'https', servername: 'two.test', address: '127.0.0.1' },
    ]);
  });

  it('clear text and TLS are served beside each other, and both drain', async () => {
    const { edge, clients } = await answering();
    const certificate = await makeCertificate('one.test');
    const { port } = await edge.engine.listen({ host: '127.0.0.1', port: 0, tls: certificate });
    const plain = await dial(edge.port);
    const { wire: secure } = await dialTls(port, { servername: 'one.test', ca: certificate.cert });
    for (const wire of [plain, secure]) {
      wire.send(GET);
      await wire.until('200 OK\n');
    }
    expect(clients.map(({ scheme }) => scheme)).toEqual(['http', 'https']);
    const drained = edge.engine.drain(10_000);
    await Promise.all([plain.end(), secure.end()]);
    plain.socket.end();
    secure.socket.end();
    await drained;
  });

  it('a client that chose HTTP/2 is handed over, one that did not is served', async () => {
    const { edge } = await answering();
    const certificate = await makeCertificate('one.test');
    const handed: (string | false | null)[] = [];
    const { port } = await edge.engine.listen({
      host: '127.0.0.1',
      port: 0,
      tls: certificate,
      onHttp2: (socket) => {
        handed.push(socket.alpnProtocol);
        socket.end('taken over');
      },
    });
    const options = { servername: 'one.test', ca: certificate.cert };
    const h2 = await dialTls(port, { ...options, ALPNProtocols: ['h2', 'http/1.1'] });
    await h2.wire.until('taken over');
    expect(handed).toEqual(['h2']);
    const h1 = await dialTls(port, { ...options, ALPNProtocols: ['http/1.1'] });
    h1.wire.send(GET);
    await h1.wire.until('200 OK\n');
  });

  it('a client that does not speak TLS on a TLS port harms nobody', async () => {
    const { edge } = await answering();
    const certificate = await makeCertificate('one.test');
    const { port } = await edge.engine.listen({ host: '127.0.0.1', port: 0, tls: certificate });
    const noise = await dial(port);
    noise.send(GET);
    await noise.end();
    const good = await dialTls(port, { servername: 'one.test', ca: certificate.cert });
    good.wire.send(GET);
    await good.wire.until('200 OK\n');
  });

  it('a connection that someone else accepted is served as any other, in pieces as they come', async () => {
    const { edge, clients } = await answering();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      edge.engine.serve(socket, {
        address: '198.51.100.7',
        port: 1,
        scheme: 'https',
        servername: 'x.test',
        memo: undefined,
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const wire = await dial((server.address() as AddressInfo).port);
    for (const piece of GET.repeat(2)) wire.send(piece);
    await wire.until(/200 OK\n[^]*200 OK\n/);
    expect(clients.map(({ address }) => address)).toEqual(['198.51.100.7', '198.51.100.7']);
    wire.socket.end();
    await wire.end();
  });

  it('a port that is taken is told to whoever asked for it', async () => {
    const { edge } = await answering();
    await expect(edge.engine.listen({ host: '127.0.0.1', port: edge.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
