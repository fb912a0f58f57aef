/** Origins to probe, on 127.0.0.1 port 0, and certificates for them. Everything opened here is closed by `closeAll`. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createServer as createHttpServer } from 'node:http';
import type { RequestListener, Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import type { Scheduler } from '../../../src/core/ports.ts';
import type { ProbeAnswer, ProbeRequest } from '../../../src/core/probe.ts';
import { type Micros, micros } from '../../../src/core/time.ts';
import { ownPort } from '../../contract/own-port.ts';
import type { LiveProbes } from '../../../src/live/prober/prober.ts';

x509.cryptoProvider.set(globalThis.crypto);

const closers: (() => Promise<void>)[] = [];

export async function closeAll(): Promise<void> {
  await Promise.all(closers.splice(0).map((close) => close()));
}

function listen(server: Server | HttpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  closers.push(
    () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return new Promise((ready) => {
    server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port));
  });
}

export function tcpOrigin(onSocket: (socket: Socket) => void): Promise<number> {
  return listen(createServer(onSocket));
}

export function httpOrigin(handler: RequestListener): Promise<number> {
  return listen(createHttpServer(handler));
}

export function httpsOrigin(identity: Identity, handler: RequestListener): Promise<number> {
  return listen(createHttpsServer({ key: identity.key, cert: identity.cert }, handler));
}

/** A port where nothing listens, and which nobody is given meanwhile. */
export function closedPort(): Promise<number> {
  return ownPort();
}

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** A self-signed certificate for these names and addresses. */
export async function selfSigned(names: readonly string[], days = 30): Promise<Identity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${names[0]!}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - 60 * 86_400_000),
    notAfter: new Date(now + days * 86_400_000),
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: /^[\d.]+$/.test(name) ? ('ip' as const) : ('dns' as const), value: name })),
      ),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: cert.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') };
}

export function request(over: Partial<ProbeRequest>): ProbeRequest {
  return {
    type: 'http',
    address: '127.0.0.1',
    port: 0,
    timeoutMs: 5_000,
    method: 'GET',
    path: '/',
    headers: [['Host', '127.0.0.1']],
    serverName: undefined,
    verifyCertificate: true,
    maxRedirects: 0,
    bodyBytes: 0,
    probeZone: '',
    ...over,
  };
}

export function ask(probes: LiveProbes, over: Partial<ProbeRequest>): Promise<ProbeAnswer> {
  return new Promise((done) => {
    probes.send(request(over), done);
  });
}

/** `reason` of a failed answer, its status otherwise. */
export function outcome(answer: ProbeAnswer): string | number {
  if (answer.kind === 'http') return answer.status;
  return answer.kind === 'passed' ? 'passed' : answer.reason;
}

/** The machine's timers as a `Scheduler`. */
export class RealScheduler implements Scheduler {
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #next = 1;

  get pending(): number {
    return this.#timers.size;
  }

  now(): Micros {
    return micros((performance.timeOrigin + performance.now()) * 1000);
  }

  at(time: Micros, run: () => void): number {
    const handle = this.#next++;
    const fire = (): void => {
      // Timers may be early by a fraction of a millisecond.
      if (this.now() < time) {
        this.#timers.set(handle, setTimeout(fire, 1));
        return;
      }
      this.#timers.delete(handle);
      run();
    };
    this.#timers.set(handle, setTimeout(fire, Math.max(0, (time - this.now()) / 1000)));
    return handle;
  }

  cancel(handle: number): void {
    clearTimeout(this.#timers.get(handle));
    this.#timers.delete(handle);
  }
}
