/** An edge that speaks HTTP/2, a client that means well (`node:http2`), and one that writes frames by hand and does not. */
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Attempt } from '../../../src/live/proxy/brain.ts';
import type { ProxyEngineOptions } from '../../../src/live/proxy/engine.ts';
import type { Http2Limits } from '../../../src/live/proxy/http2-limits.ts';
import { serveHttp2 } from '../../../src/live/proxy/http2-session.ts';
import { makeCertificate, type Certificate } from './certificate.ts';
import { type Edge, startEdge } from './harness.ts';

export interface Http2Edge extends Edge {
  readonly certificate: Certificate;
  /** Of the listener with HTTP/2; `port` is the one in clear text. */
  readonly securePort: number;
}

let certificate: Promise<Certificate> | undefined;

export async function startHttp2Edge(
  attempts: Attempt[],
  options: Partial<ProxyEngineOptions> = {},
  limits: Partial<Http2Limits> = {},
): Promise<Http2Edge> {
  certificate ??= makeCertificate('one.test');
  const made = await certificate;
  const edge = await startEdge(attempts, options);
  const { port } = await edge.engine.listen({
    host: '127.0.0.1',
    port: 0,
    tls: made,
    onHttp2: (socket) => serveHttp2(edge.engine, socket, limits),
  });
  return { ...edge, certificate: made, securePort: port };
}

export function dialHttp2(edge: Http2Edge, settings: object = {}): ClientHttp2Session {
  const session = connectHttp2(`https://one.test:${edge.securePort}`, {
    lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    ca: edge.certificate.cert,
    servername: 'one.test',
    settings,
  });
  session.on('error', () => {});
  return session;
}

export interface Answered {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly trailers: Record<string, unknown>;
  readonly interims: number[];
  /** Undefined: a clean end. */
  readonly rst: number | undefined;
}

/** One request; resolves when its stream is closed, however. */
export function answerOf(stream: ClientHttp2Stream): Promise<Answered> {
  return new Promise((resolve) => {
    let headers: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    let body = '';
    let ended = false;
    const interims: number[] = [];
    stream.setEncoding('latin1');
    stream.on('headers', (fields) => interims.push(Number(fields[':status'])));
    stream.on('response', (fields) => (headers = { ...fields }));
    stream.on('trailers', (fields) => (trailers = { ...fields }));
    stream.on('data', (piece: string) => (body += piece));
    stream.on('end', () => (ended = true));
    stream.on('error', () => {});
    stream.on('close', () => {
      const rst = ended && stream.rstCode === 0 ? undefined : stream.rstCode;
      resolve({ status: Number(headers[':status'] ?? 0), headers, body, trailers, interims, rst });
    });
  });
}

export function askHttp2(session: ClientHttp2Session, fields: OutgoingHttpHeaders, body?: string): Promise<Answered> {
  const stream = session.request({ ':path': '/', ...fields }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, bytes]);
}

/** HPACK without its table or Huffman: each field a literal, never indexed (RFC 7541 6.2.3). */
export function fieldBlock(fields: readonly (readonly [string, string])[]): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, value] of fields) {
    pieces.push(Buffer.from([0x10]), text(name), text(value));
  }
  return Buffer.concat(pieces);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** RFC 7541 5.1 with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Says whatever bytes a test wants, and remembers the frames that come back. */
export class RawHttp2 {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  closed = false;
  #rest = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async dial(edge: Http2Edge): Promise<RawHttp2> {
    const socket = connectTls({
      port: edge.securePort,
      host: '127.0.0.1',
      servername: 'one.test',
      ca: edge.certificate.cert,
      ALPNProtocols: ['h2'],
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    const raw = new RawHttp2(socket);
    raw.send(Buffer.from(PREFACE), frame(FRAME.settings, 0, 0));
    return raw;
  }

  send(...pieces: Buffer[]): void {
    if (!this.closed) this.socket.write(Buffer.concat(pieces));
  }

  request(stream: number, fields: readonly (readonly [string, string])[], flags = END_STREAM | END_HEADERS): void {
    this.send(frame(FRAME.headers, flags, stream, fieldBlock(fields)));
  }

  /** The first frame of this type (and stream), or undefined when the connection ended without one. */
  async first(type: number, stream?: number): Promise<Frame | undefined> {
    const find = (): Frame | undefined =>
      this.frames.find((each) => each.type === type && (stream === undefined || each.stream === stream));
    while (find() === undefined && !this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return find();
  }

  async close(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) break;
      const [type, flags] = [this.#rest[3] ?? 0, this.#rest[4] ?? 0];
      const stream = this.#rest.readUInt32BE(5) & 0x7fffffff;
      this.frames.push({ type, flags, stream, payload: this.#rest.subarray(9, 9 + length) });
      this.#rest = this.#rest.subarray(9 + length);
      if (type === FRAME.settings && (flags & 1) === 0) this.send(frame(FRAME.settings, 1, 0));
    }
    this.#wake();
  }

  #wake(): void {
    for (const each of this.#waiting.splice(0)) each();
  }
}

export function request(path = '/', ...more: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return [[':method', 'GET'], [':scheme', 'https'], [':authority', 'one.test'], [':path', path], ...more];
}

export function code(frame: Frame | undefined, at = 0): number {
  return frame === undefined ? -1 : frame.payload.readUInt32BE(at);
}
