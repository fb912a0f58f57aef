/**
 * Zero-downtime failover on real sockets (spec 5.5, LB-189..196): each of the five errors that the edge makes itself, against every
 * kind of session and every mode. An origin is a host name whose face is changed by resolving it elsewhere:
 *
 *   521 a port where nobody listens · 522 a dial that never ends · 523 no route · 525 no TLS there · 526 a certificate of a stranger
 */
import { createServer, type Server as TlsServer } from 'node:tls';
import { type AddressInfo, createServer as createPlain, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lookup, Resolved } from '../../../src/live/proxy/resolver.ts';
import { type Certificate, makeCertificate } from './certificate.ts';
import { type EdgeLab, outstanding, startEdgeLab, until } from './edge-lab.ts';
import { dial, fieldValues } from './harness.ts';

const HOST = 'www.example.com';
const BODY = 'the whole body';
/** Where the good origins, one that speaks no TLS and one with a strange certificate are: one port, other addresses. */
const GOOD: Readonly<Record<string, string>> = { 'one.test': '127.0.0.11', 'two.test': '127.0.0.12' };
const FACES: Readonly<Record<number, string>> = {
  521: '127.0.0.19',
  523: '255.255.255.255',
  525: '127.0.0.15',
  526: '127.0.0.16',
};

let certificate: Certificate;
let port = 0;
const servers: (Server | TlsServer)[] = [];
const sockets = new Set<Socket>();

/** Answers each request with its own name and the body it was sent. */
function serveNamed(name: string, socket: Socket): void {
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    while (text.includes('\r\n\r\n')) {
      const at = text.indexOf('\r\n\r\n') + 4;
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, at))?.[1] ?? 0);
      if (text.length < at + length) return;
      const answer = `${name} ${text.slice(at, at + length)}`;
      text = text.slice(at + length);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`);
    }
  });
}

async function listen(server: Server | TlsServer, host: string): Promise<void> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  port = (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  certificate = await makeCertificate(HOST);
  const stranger = await makeCertificate(HOST);
  for (const [name, host] of Object.entries(GOOD)) {
    await listen(
      createServer({ ...certificate }, (socket) => serveNamed(name, socket)),
      host,
    );
  }
  await listen(
    createPlain((socket) => void socket.end('220 no TLS here\r\n')),
    FACES[525]!,
  );
  await listen(
    createServer({ ...stranger }, (socket) => serveNamed('stranger', socket)),
    FACES[526]!,
  );
});

afterAll(() => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
});

/** Which face each name shows now; 0 is the good one. */
class Faces {
  readonly of = new Map<string, number>();
  readonly #stalled: (() => void)[] = [];
  lab: EdgeLab | undefined;

  readonly lookup: Lookup = (name, done) => {
    const face = this.of.get(name) ?? 0;
    const good: Resolved = { kind: 'addresses', addresses: [GOOD[name]!] };
    if (face === 0) done(good);
    else if (face === 522) this.#stalled.push(() => done(good));
    else done({ kind: 'addresses', addresses: [FACES[face]!] });
  };

  async show(name: string, face: number): Promise<void> {
    this.of.set(name, face);
    for (const each of this.#stalled.splice(0)) each();
    for (const socket of sockets) socket.destroy();
    await until(() => this.lab?.engine.counts().originConnections === 0);
    // Resolved names are kept for five seconds.
    this.lab?.clock.advance(6_000);
  }

  /** While a request runs: a dial that never ends is given the time that it may take. */
  watch(ended: () => boolean): void {
    const { lab } = this;
    for (const [name, face] of this.of) {
      if (face !== 522 || lab === undefined) continue;
      const count = lab.open.to(name, port);
      void until(() => ended() || count.open > 0).then(() => {
        if (!ended()) lab.clock.advance(20_000);
      });
    }
  }
}

interface Got {
  readonly status: number;
  /** The origin that served, if any. */
  readonly by: string;
  readonly cookie: string | undefined;
}

async function ask({ lab, faces }: Bench, cookie: string | undefined): Promise<Got> {
  const client = await dial(lab.port);
  const session = `X-User: ann\r\n${cookie === undefined ? '' : `Cookie: __cflb=${cookie}\r\n`}`;
  client.send(
    `POST /x HTTP/1.1\r\nHost: ${HOST}\r\n${session}Connection: close\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  );
  faces.watch(() => client.ended || client.closed);
  const text = await client.end();
  client.socket.destroy();
  const status = Number(text.slice(9, 12));
  const by = status === 200 ? text.slice(text.indexOf('\r\n\r\n') + 4) : '';
  if (status === 200) expect(by).toMatch(new RegExp(`^\\w+\\.test ${BODY}$`));
  const set = fieldValues(text, 'set-cookie').map((each) => /^__cflb=([^;]*)/.exec(each)?.[1]);
  return { status, by: by.split(' ')[0]!, cookie: set[0] };
}

interface Bench {
  readonly lab: EdgeLab;
  readonly faces: Faces;
}

type Mode = 'none' | 'temporary' | 'sticky';
type Affinity = 'none' | 'cookie' | 'ip_cookie' | 'header';

async function start(affinity: Affinity, mode: Mode): Promise<Bench> {
  const faces = new Faces();
  const attributes = { zero_downtime_failover: mode, ...(affinity === 'header' ? { headers: ['x-user'] } : {}) };
  const lab = await startEdgeLab(
    {
      pools: [{ name: 'a', origins: Object.keys(GOOD).map((name) => ({ name, address: name, port })) }],
      load_balancers: [
        {
          name: HOST,
          proxied: true,
          default_pools: ['a'],
          fallback_pool: 'a',
          session_affinity: affinity,
          ...(affinity === 'none' ? {} : { session_affinity_attributes: attributes }),
        },
      ],
    },
    { lookup: faces.lookup, originCa: [certificate.cert] },
  );
  faces.lab = lab;
  return { lab, faces };
}

const STATUSES = [521, 522, 523, 525, 526] as const;
const SESSIONS: readonly (readonly [Affinity, Mode])[] = (['cookie', 'ip_cookie', 'header'] as const).flatMap(
  (affinity) =>
    // LB-192: `sticky` is not to be had with header sessions.
    (affinity === 'header' ? (['none', 'temporary'] as const) : (['none', 'temporary', 'sticky'] as const)).map(
      (mode) => [affinity, mode] as const,
    ),
);
const NUMBER: Readonly<Record<Mode, string>> = { none: 'LB-189', temporary: 'LB-190', sticky: 'LB-191' };

describe('a pinned origin fails with an error that the edge makes', () => {
  const cases = STATUSES.flatMap((status) =>
    SESSIONS.map(([affinity, mode]) => ({ status, affinity, mode, number: NUMBER[mode] })),
  );
  it.each(cases)('$number $status, session by $affinity, mode $mode', async ({ status, affinity, mode }) => {
    const bench = await start(affinity, mode);
    const { lab, faces } = bench;
    try {
      const first = await ask(bench, undefined);
      expect(first.status).toBe(200);
      const home = first.by;
      const other = home === 'one.test' ? 'two.test' : 'one.test';
      const usesCookie = affinity !== 'header';
      expect(first.cookie !== undefined).toBe(usesCookie);

      await faces.show(home, status);
      const during = await ask(bench, first.cookie);
      expect(during).toEqual(
        mode === 'none'
          ? { status, by: '', cookie: undefined }
          : { status: 200, by: other, cookie: mode === 'sticky' ? (expect.any(String) as string) : undefined },
      );

      await faces.show(home, 0);
      const after = await ask(bench, during.cookie ?? first.cookie);
      expect(after).toEqual({ status: 200, by: mode === 'sticky' ? other : home, cookie: undefined });
      expect(outstanding(lab.load)).toEqual([]);
      expect(lab.mistakes).toEqual([]);
    } finally {
      lab.engine.stop();
    }
  });

  it.each(STATUSES)('LB-193 %i without a session: every request is served, by one retry at most', async (status) => {
    const bench = await start('none', 'none');
    const { lab, faces } = bench;
    try {
      await faces.show('one.test', status);
      for (let i = 0; i < 12; i++) expect(await ask(bench, undefined)).toMatchObject({ status: 200, by: 'two.test' });
      await faces.show('two.test', status);
      expect(await ask(bench, undefined)).toMatchObject({ status });
      expect(outstanding(lab.load)).toEqual([]);
    } finally {
      lab.engine.stop();
    }
  });
});
