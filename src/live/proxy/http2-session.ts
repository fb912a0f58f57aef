/**
 * HTTP/2 to visitors: one connection that chose `h2`, its streams, and what bounds them. Framing, header compression and flow control
 * are `node:http2`'s (nghttp2); a request is `http2-stream.ts`; what it means is the same code as for HTTP/1.1. The engine counts this
 * as one connection and its streams as requests.
 *
 *     TLS (ALPN h2) ─► Http2Connection ─┬─► StreamHalf ─► ClientConnection ─► …
 *                                       └─► StreamHalf        free ones are kept for the next streams
 *
 * It ends with GOAWAY: when the engine drains, when no stream was open for long, and at once for a client that does nothing but reset.
 */
import { randomBytes } from 'node:crypto';
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';
import { refusalStatus } from '../../http1/faults.ts';
import { WheelTimer } from '../timer-wheel.ts';
import type { ClientInfo } from './brain.ts';
import type { HeldConnection, ProxyEngine } from './engine.ts';
import {
  AUTHORITIES_MAX,
  GOODBYE_MS,
  HTTP2_LIMITS,
  type Http2Limits,
  IDLE_HALVES_MAX,
  SETTLE_MS,
} from './http2-limits.ts';
import { streamRequest } from './http2-request.ts';
import { StreamHalf, type StreamOwner } from './http2-stream.ts';

const { NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants;
/** RFC 9113 6.8: the id in a GOAWAY that only announces another one. */
const ANY_STREAM = 2 ** 31 - 1;
const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

/** For `ListenOptions.onHttp2`. */
export function serveHttp2(engine: ProxyEngine, socket: TLSSocket, limits: Partial<Http2Limits> = {}): void {
  const connection = new Http2Connection(engine, socket, { ...HTTP2_LIMITS, ...limits });
  if (engine.hold(connection)) connection.begin();
  else socket.destroy();
}

class Http2Connection implements HeldConnection, StreamOwner {
  readonly engine: ProxyEngine;
  readonly info: ClientInfo;
  readonly #socket: TLSSocket;
  readonly #limits: Http2Limits;
  readonly #timer: WheelTimer;
  readonly #announced: WheelTimer;
  readonly #halves = new Set<StreamHalf>();
  readonly #free: StreamHalf[] = [];
  readonly #covered = new Map<string, boolean>();
  #session: ServerHttp2Session | undefined;
  #open = 0;
  #closing = false;
  /** How many streams may still be cut, and when that was last counted up. */
  #cutsLeft: number;
  #cutsAtMs: number;

  constructor(engine: ProxyEngine, socket: TLSSocket, limits: Http2Limits) {
    this.engine = engine;
    this.#socket = socket;
    this.#limits = limits;
    this.#timer = new WheelTimer(() => this.#expired());
    this.#announced = new WheelTimer(() => this.#close());
    this.#cutsLeft = limits.cutStreamsBurst;
    this.#cutsAtMs = engine.clock.nowMs();
    this.info = this.#client();
  }

  begin(): void {
    const { engine } = this;
    const limits = this.#limits;
    const session = performServerHandshake(this.#socket, {
      maxSessionMemory: limits.memoryMb,
      maxHeaderListPairs: limits.headerListFields,
      maxSettings: limits.settingsEntries,
      maxOutstandingPings: limits.waitingPings,
      maxSessionInvalidFrames: limits.invalidFrames,
      maxSessionRejectedStreams: limits.rejectedStreams,
      streamResetBurst: limits.resetFramesBurst,
      streamResetRate: limits.resetFramesPerSecond,
      // What an origin says twice is passed on twice, as over HTTP/1.1.
      strictSingleValueFields: false,
      settings: {
        maxConcurrentStreams: limits.streams,
        maxHeaderListSize: limits.headerListBytes,
        initialWindowSize: limits.streamWindow,
        enableConnectProtocol: true,
      },
    });
    this.#session = session;
    session.setLocalWindowSize(limits.connectionWindow);
    session.on('stream', (stream, _fields, flags, raw) => this.#begun(stream, flags, raw));
    // A peer's garbage ends its connection, and nothing else.
    session.on('error', () => {});
    session.on('close', () => this.#gone());
    // There is no half of an HTTP/2 connection, and the session itself does not hear of this.
    this.#socket.on('end', () => session.destroy());
    session.on('remoteSettings', () => {
      if (this.#open === 0) this.#idleFor(engine.limits.clientIdleMs);
    });
    this.#idleFor(engine.limits.headMs);
  }

  // ---- from the engine ---------------------------------------------------------------------------------------------

  drain(): void {
    for (const half of [...this.#halves]) half.drain();
    this.#leave();
  }

  stop(): void {
    this.#closing = true;
    for (const half of [...this.#halves]) half.stop();
    this.#session?.destroy();
    this.#socket.destroy();
    this.#gone();
  }

  // ---- from the streams --------------------------------------------------------------------------------------------

  streamOver(half: StreamHalf, cut: boolean): void {
    this.#open -= 1;
    if (half.free) {
      if (this.#free.length < IDLE_HALVES_MAX) this.#free.push(half);
      else half.drain();
    }
    if (cut) this.#countCut();
    if (this.#open === 0) this.#idleFor(this.#closing ? GOODBYE_MS : this.engine.limits.clientIdleMs);
  }

  halfDead(half: StreamHalf): void {
    this.#halves.delete(half);
    const at = this.#free.indexOf(half);
    if (at !== -1) this.#free.splice(at, 1);
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  #begun(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    // Node tells of a stream one turn later; it may have been reset since, and will not say so again.
    if (stream.closed || stream.destroyed) return this.#countCut();
    this.#open += 1;
    this.engine.wheel.clear(this.#timer);
    const half = this.#half();
    const request = streamRequest(raw, (flags & END_STREAM) !== 0, newKey);
    if (request.kind === 'refused') {
      const { fault, method, target, host } = request;
      half.refuse(stream, refusalStatus(fault), fault, { method, target, host, protocol: 'HTTP/2' });
    } else if (!this.#covers(request.authority)) {
      const { method, authority, target } = request;
      half.refuse(stream, 421, 'misdirected', { method, target, host: authority, protocol: 'HTTP/2' });
    } else half.begin(stream, request);
  }

  #half(): StreamHalf {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const made = new StreamHalf(this, this.#client());
    this.#halves.add(made);
    return made;
  }

  /** Requests of one connection run at once, and what the brain remembers is of one at a time. */
  #client(): ClientInfo {
    const { remoteAddress, remotePort, servername } = this.#socket;
    return {
      address: remoteAddress ?? '',
      port: remotePort ?? 0,
      scheme: 'https',
      servername: servername || undefined,
      http2: true,
      memo: undefined,
    };
  }

  /**
   * A browser may send requests for another name over this connection if the certificate names that too (RFC 9113 9.1.1). If it does
   * not, the request has come to the wrong place: another certificate, or other rules, might hold there. A client that named nobody
   * (an address in the URL) got the standard certificate, and may ask for anyone.
   */
  #covers(authority: string): boolean {
    const opened = this.info.servername;
    if (opened === undefined) return true;
    const host = hostOf(authority);
    if (host === opened.toLowerCase()) return true;
    let covered = this.#covered.get(host);
    if (covered === undefined) {
      const certificate = this.#socket.getCertificate() as PeerCertificate | null;
      covered = certificate !== null && checkServerIdentity(host, certificate) === undefined;
      if (this.#covered.size >= AUTHORITIES_MAX) this.#covered.clear();
      this.#covered.set(host, covered);
    }
    return covered;
  }

  #countCut(): void {
    if (this.#session?.destroyed === true) return;
    const { cutStreamsBurst, cutStreamsPerSecond } = this.#limits;
    const now = this.engine.clock.nowMs();
    const gained = ((now - this.#cutsAtMs) * cutStreamsPerSecond) / 1_000;
    this.#cutsAtMs = now;
    this.#cutsLeft = Math.min(cutStreamsBurst, this.#cutsLeft + gained) - 1;
    if (this.#cutsLeft >= 0) return;
    this.#closing = true;
    this.#session?.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /**
   * RFC 9113 6.8: announce the end; what the client had sent by then is still served; then say which stream was the last. An answer to
   * the ping shows that the announcement has arrived; some clients forget to answer it.
   */
  #leave(): void {
    const session = this.#session;
    if (session === undefined || session.closed || session.destroyed || this.#closing) return;
    this.#closing = true;
    session.goaway(NGHTTP2_NO_ERROR, ANY_STREAM);
    session.ping(() => this.#close());
    this.engine.wheel.in(this.#announced, SETTLE_MS);
  }

  #close(): void {
    const session = this.#session;
    if (session === undefined || session.closed || session.destroyed) return;
    session.close();
    if (this.#open === 0) this.#idleFor(GOODBYE_MS);
  }

  #idleFor(ms: number): void {
    this.engine.wheel.in(this.#timer, ms);
  }

  #expired(): void {
    if (this.#open > 0) return;
    if (this.#closing) this.#session?.destroy();
    else this.#leave();
  }

  #gone(): void {
    this.#closing = true;
    for (const half of [...this.#halves]) half.stop();
    this.#halves.clear();
    this.#free.length = 0;
    this.engine.wheel.remove(this.#timer);
    this.engine.wheel.remove(this.#announced);
    this.engine.closed(this);
  }
}

/** Without the port and the brackets of an IPv6 address. */
function hostOf(authority: string): string {
  const lower = authority.toLowerCase();
  if (lower.startsWith('[')) return lower.slice(1, lower.indexOf(']'));
  const colon = lower.lastIndexOf(':');
  return colon === -1 ? lower : lower.slice(0, colon);
}

function newKey(): string {
  return randomBytes(16).toString('base64');
}
