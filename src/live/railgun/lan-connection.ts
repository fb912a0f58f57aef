/**
 * One HTTP/1.1 connection from the listener to an origin: a request out, its answer in, then idle for the next one. Bodies of answers
 * come as payload, without framing, because the link has its own. Which time is too long is the machine's business (`lan.timeout`);
 * here only idle connections have a clock.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { MessageFault } from '../../http1/faults.ts';
import type { ResponseHead } from '../../http1/head.ts';
import { RESPONSE_LIMITS } from '../../http1/limits.ts';
import { ResponseReader, type ResponseSink } from '../../http1/response-reader.ts';
import type { OriginFailure } from '../../railgun/listener-events.ts';
import type { OriginRequest } from '../../railgun/origin-request.ts';
import { isCertificateFault } from '../proxy/connect-faults.ts';

/** Spec 2.7: behind a balancer, keep-alive of 90 s. */
export const LAN_IDLE_MS = 90_000;

/**
 * All connections without TLS read into this: whoever is told of bytes copies them at once. A page of the usual size comes with one call,
 * and leaves nothing to collect.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(262_144);

/** Whoever made the request. */
export interface LanSink {
  lanConnected(): void;
  lanHead(head: ResponseHead, bodyLength: number | undefined): void;
  /** `bytes` are good during the call only. False: stop reading until `resume`. */
  lanBody(bytes: Uint8Array): boolean;
  lanEnd(): void;
  lanFailed(failure: OriginFailure, detail: string): void;
  /** One span read from the origin has been handed over whole. */
  lanFlush(): void;
  /** The origin took this many bytes of the request's body. */
  lanConsumed(bytes: number): void;
}

export interface LanTls {
  readonly ca: string | undefined;
}

export class LanConnection implements ResponseSink {
  readonly key: string;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader(this, RESPONSE_LIMITS);
  readonly #onIdle: (connection: LanConnection) => void;
  readonly #onGone: (connection: LanConnection) => void;
  #sink: LanSink | undefined;
  #request: OriginRequest | undefined;
  #connected = false;
  #paused = false;
  #requestDone = false;
  #gone = false;
  /** What waits for the connection, or for the rest of this turn. */
  #unsent: { readonly bytes: Uint8Array; readonly payload: number }[] = [];
  #sending = false;

  constructor(
    key: string,
    request: OriginRequest,
    tls: LanTls,
    hooks: { readonly onIdle: (one: LanConnection) => void; readonly onGone: (one: LanConnection) => void },
  ) {
    this.key = key;
    this.#onIdle = hooks.onIdle;
    this.#onGone = hooks.onGone;
    const common = { host: request.address, port: request.port, noDelay: true, keepAlive: true } as const;
    const { serverName, validateCert } = request;
    const onread = {
      buffer: READ_BUFFER,
      callback: (count: number): boolean => {
        this.#read(READ_BUFFER, count);
        return true;
      },
    };
    this.#socket = request.tls
      ? connectTls({
          ...common,
          ALPNProtocols: ['http/1.1'],
          rejectUnauthorized: validateCert,
          ...(isIP(serverName) === 0 && serverName !== '' ? { servername: serverName } : {}),
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
        })
      : connectTcp({ ...common, onread });
    this.#socket.setTimeout(0);
    this.#socket.once(request.tls ? 'secureConnect' : 'connect', () => this.#onConnected());
    // TLS has pieces of its own making anyway (and no `onread` that could be paused: proxy/origin-connection.ts).
    if (request.tls) this.#socket.on('data', (chunk: Buffer) => this.#read(chunk, chunk.length));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#broken(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#fail('reset', 'unexpected EOF'));
    this.#socket.on('timeout', () => this.destroy());
  }

  /** Ask. `sink` hears `lanConnected` at once when the connection stands. */
  ask(request: OriginRequest, sink: LanSink): void {
    this.#sink = sink;
    this.#request = request;
    this.#requestDone = request.body === 'none';
    this.#socket.setTimeout(0);
    this.#reader.begin(request.method);
    this.#unsent.push({ bytes: Buffer.from(requestText(request), 'latin1'), payload: 0 });
    // What is whole leaves at once; a head waits for the first bytes of its body.
    if (this.#requestDone) this.#send();
    else this.#sendSoon();
    if (this.#connected) sink.lanConnected();
  }

  /** Body of the request. `bytes` may be a view that is good for this turn only. */
  body(bytes: Uint8Array, end: boolean): void {
    const chunked = this.#request?.body === 'chunked';
    if (bytes.length > 0) {
      const size = chunked ? `${bytes.length.toString(16)}\r\n` : '';
      const piece = Buffer.allocUnsafe(size.length + bytes.length + (chunked ? 2 : 0));
      piece.write(size, 'latin1');
      piece.set(bytes, size.length);
      if (chunked) piece.write('\r\n', size.length + bytes.length, 'latin1');
      this.#queue(piece, bytes.length);
    }
    if (!end) return;
    if (chunked) this.#queue(Buffer.from('0\r\n\r\n', 'latin1'), 0);
    this.#requestDone = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Nobody wants the answer. A connection in the middle of one is of no more use. */
  cancel(): void {
    this.#sink = undefined;
    this.destroy();
  }

  destroy(): void {
    this.#sink = undefined;
    this.#leave();
    this.#socket.destroy();
  }

  // ---- the reader's side ---------------------------------------------------------------------------------------

  responseInterim(): void {}

  responseHead(head: ResponseHead): void {
    // We offered no upgrade.
    if (head.status === 101) return this.#fail('reset', 'unexpected 101');
    const kind = this.#reader.bodyKind;
    if (kind === 'chunked') this.#reader.body.begin('chunked', 0, false);
    const length = kind === 'none' ? 0 : kind === 'length' ? head.contentLength : undefined;
    this.#sink?.lanHead(head, length);
  }

  bodySpan(buf: Buffer, start: number, end: number): void {
    if (this.#sink?.lanBody(buf.subarray(start, end)) === false) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  bodyText(): void {}

  responseEnd(): void {
    const sink = this.#sink;
    const { head } = this.#reader;
    const lasting = head.minor === 1 ? !head.close : head.keepAlive && !head.close;
    const clean = lasting && this.#requestDone && this.#reader.bodyKind !== 'close';
    this.#sink = undefined;
    this.#request = undefined;
    this.resume();
    if (clean) {
      this.#socket.setTimeout(LAN_IDLE_MS);
      this.#onIdle(this);
    } else {
      this.destroy();
    }
    sink?.lanEnd();
    sink?.lanFlush();
  }

  responseRefused(fault: MessageFault): void {
    this.#fail('reset', `malformed HTTP response (${fault})`);
  }

  // ---- the socket's side -----------------------------------------------------------------------------------------

  #onConnected(): void {
    this.#connected = true;
    this.#sink?.lanConnected();
    this.#send();
    this.#sink?.lanFlush();
  }

  #read(buf: Buffer, count: number): void {
    const sink = this.#sink;
    // Bytes that nobody asked for make a connection that nobody can trust.
    if (sink === undefined) return this.destroy();
    const read = this.#reader.receive(buf, 0, count);
    if (this.#sink === sink) sink.lanFlush();
    else if (read < count) this.destroy();
  }

  #ended(): void {
    if (this.#sink !== undefined && this.#reader.end()) return;
    this.#fail('reset', 'unexpected EOF');
  }

  #broken(error: NodeJS.ErrnoException): void {
    if (this.#connected) return this.#fail('reset', describe(error));
    const failure = failureOf(error);
    this.#fail(failure, failure === 'tls' ? describeTls(error, this.#socket) : describe(error));
  }

  #fail(failure: OriginFailure, detail: string): void {
    const sink = this.#sink;
    this.#reader.stop();
    this.destroy();
    sink?.lanFailed(failure, detail);
    sink?.lanFlush();
  }

  #queue(bytes: Uint8Array, payload: number): void {
    this.#unsent.push({ bytes, payload });
    this.#sendSoon();
  }

  /** At the end of this turn. */
  #sendSoon(): void {
    if (!this.#connected || this.#sending) return;
    this.#sending = true;
    queueMicrotask(() => {
      this.#sending = false;
      this.#send();
    });
  }

  #send(): void {
    if (!this.#connected) return;
    const pieces = this.#unsent;
    if (pieces.length === 0 || this.#gone) return;
    this.#unsent = [];
    const payload = pieces.reduce((sum, piece) => sum + piece.payload, 0);
    const first = pieces[0];
    const whole =
      pieces.length === 1 && first !== undefined ? first.bytes : Buffer.concat(pieces.map((one) => one.bytes));
    const sink = this.#sink;
    this.#socket.write(whole, (error) => {
      if (payload === 0 || (error !== null && error !== undefined) || this.#sink !== sink) return;
      sink?.lanConsumed(payload);
      sink?.lanFlush();
    });
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#onGone(this);
  }
}

function requestText(request: OriginRequest): string {
  let text = `${request.method} ${request.path} HTTP/1.1\r\n`;
  for (const [name, value] of request.head) text += `${name}: ${value}\r\n`;
  if (request.body === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  return `${text}Connection: keep-alive\r\n\r\n`;
}

function failureOf(error: NodeJS.ErrnoException): OriginFailure {
  if (isCertificateFault(error)) return 'tls';
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'connect_timeout';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    default:
      // OpenSSL's own errors; and no way to the host at all, which the original logged as a refusal.
      return error.code?.startsWith('ERR_SSL') === true || error.code === 'EPROTO' ? 'tls' : 'refused';
  }
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNRESET') return 'connection reset by peer';
  return error.code ?? error.message;
}

/** In the words of the original's log (spec 4). */
function describeTls(error: NodeJS.ErrnoException, socket: Socket): string {
  switch (error.code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const { cert, host } = error as NodeJS.ErrnoException & { cert?: { subjectaltname?: string }; host?: string };
      const names = (cert?.subjectaltname ?? '').replaceAll(/(?:DNS|IP Address):/g, '');
      return `x509: certificate is valid for ${names === '' ? 'no name' : names}, not ${host ?? socket.remoteAddress ?? ''}`;
    }
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'x509: certificate has expired or is not yet valid';
    default:
      return isCertificateFault(error)
        ? 'x509: certificate signed by unknown authority'
        : 'remote error: handshake failure';
  }
}
