/**
 * One HTTP/1.1 connection to an origin: the leg that carries exchanges, one after the other. It owns the socket, the
 * read buffer and one timer; what comes in goes through a `ResponseReader` straight to the exchange.
 *
 *     connecting ─► idle ⇄ busy ─► (tunnel) ─► closed
 *
 * The read buffer belongs to this connection alone, with free room in front of it, so that the exchange can put the
 * client's head before the body and write both at once without copying. The buffer is replaced when a connection goes
 * back to the pool while the client's socket still holds a piece of it.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { assert } from '../../core/assert.ts';
import type { MessageFault } from '../../http1/faults.ts';
import type { RequestHead, ResponseHead } from '../../http1/head.ts';
import { RESPONSE_LIMITS } from '../../http1/limits.ts';
import { ResponseReader, type ResponseSink } from '../../http1/response-reader.ts';
import { type RequestEdit, writeRequestHead } from '../../http1/write-head.ts';
import { WheelTimer } from '../timer-wheel.ts';
import type { AttemptFault } from '../../core/attempt-fault.ts';
import type { Http1Attempt } from './brain.ts';
import { connectFault, isCertificateFault } from './connect-faults.ts';
import { HEADROOM_BYTES } from './limits.ts';
import type { OriginPool, OriginSlot } from './origin-pool.ts';
import type { LegSink, OriginLeg } from './transport.ts';

type Phase = 'connecting' | 'idle' | 'busy' | 'tunnel' | 'closed';
type Waiting = 'connect' | 'handshake' | 'read' | 'write' | 'idle' | 'nothing';

const EMPTY = Buffer.alloc(0);

export class OriginConnection implements OriginLeg, ResponseSink {
  readonly form = 'wire';
  readonly slot: OriginSlot;
  reused = false;
  blocked = false;

  readonly #pool: OriginPool;
  readonly #attempt: Http1Attempt;
  readonly #reader: ResponseReader;
  readonly #timer: WheelTimer;
  #phase: Phase = 'connecting';
  #waiting: Waiting = 'nothing';
  #socket: Socket | undefined;
  #sink: LegSink | undefined;
  #addresses: readonly string[] = [];
  #backing: Buffer;
  #view: Buffer;
  /** Text that waits to go out in one piece with what follows. */
  #text = '';
  #requestDone = false;
  #responseDone = false;
  #trailers: string | undefined;
  #paused = false;
  /** The origin has sent FIN. */
  #ended = false;

  constructor(pool: OriginPool, slot: OriginSlot, attempt: Http1Attempt, sink: LegSink) {
    this.#pool = pool;
    this.slot = slot;
    this.#attempt = attempt;
    this.#sink = sink;
    this.#reader = new ResponseReader(this, RESPONSE_LIMITS);
    this.#timer = new WheelTimer(() => this.#expired());
    this.#backing = attempt.tls === undefined ? pool.takeBuffer() : EMPTY;
    this.#view = this.#backing.subarray(HEADROOM_BYTES);
    this.#wait('connect');
    if (isIP(attempt.address) !== 0) this.#dial([attempt.address]);
    else {
      pool.resolver.resolve(attempt.address, (result) => {
        if (this.#phase !== 'connecting') return;
        if (result.kind === 'addresses') this.#dial(result.addresses);
        else process.nextTick(() => this.#fail('dns', result.detail));
      });
    }
  }

  get ready(): boolean {
    return this.#phase === 'idle' || this.#phase === 'busy';
  }

  /** For the pool: carry another exchange. */
  assign(sink: LegSink): void {
    assert(this.#phase === 'idle' && this.#sink === undefined, 'an idle connection');
    this.#sink = sink;
    this.reused = true;
  }

  // ---- the exchange's side -------------------------------------------------------------------------------------

  begin(head: RequestHead, edit: RequestEdit): void {
    assert(this.#phase === 'idle', 'one exchange at a time');
    this.#phase = 'busy';
    this.#requestDone = false;
    this.#responseDone = false;
    this.#reader.begin(head.method);
    this.#text = writeRequestHead(head, edit);
    this.#wait('read');
  }

  send(buf: Buffer, start: number, end: number): void {
    if (this.#phase === 'closed' || this.#socket === undefined) return;
    // The bytes lie in a buffer that all clients share: they go to the kernel now, or into a buffer of their own.
    const text = this.#text;
    this.#text = '';
    const length = text.length + end - start;
    const scratch = this.#pool.scratch(length);
    const queued = this.#socket.writableLength > 0;
    if (text !== '') scratch.write(text, 'latin1');
    buf.copy(scratch, text.length, start, end);
    this.#socket.write(scratch.subarray(0, length));
    if (this.#kept(queued)) {
      this.#pool.giveScratchAway();
      this.#block();
    }
    if (!this.blocked) this.#wait('read');
  }

  sendText(text: string): void {
    this.#text += text;
  }

  sendEnd(): void {
    this.#requestDone = true;
    if (this.#phase === 'tunnel') this.#socket?.end();
  }

  flush(): void {
    if (this.#text === '' || this.#socket === undefined) return;
    const text = this.#text;
    this.#text = '';
    const queued = this.#socket.writableLength > 0;
    this.#socket.write(text, 'latin1');
    if (this.#kept(queued)) this.#block();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket?.pause();
    if (this.#waiting === 'read') this.#wait('nothing');
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume();
    if (this.#waiting === 'nothing') this.#wait('read');
  }

  abort(): void {
    const held = this.#sink?.clientBlocked === true;
    this.#sink = undefined;
    this.#close(held);
  }

  // ---- the reader's side: straight on to the exchange --------------------------------------------------------------

  responseInterim(head: ResponseHead): void {
    this.#sink?.legInterim(head);
  }

  responseHead(head: ResponseHead): void {
    if (head.status === 101) {
      this.#phase = 'tunnel';
      this.#wait('nothing');
    }
    const kind = this.#reader.bodyKind;
    const body = head.status === 101 ? 'none' : kind === 'close' ? 'payload' : kind;
    const form = this.#sink?.legHead(head, body);
    if (form === 'payload' && kind === 'chunked') this.#reader.body.begin('chunked', 0, false);
  }

  bodySpan(buf: Buffer, start: number, end: number): void {
    this.#sink?.bodySpan(buf, start, end);
  }

  bodyText(text: string): void {
    this.#sink?.bodyText(text);
  }

  responseEnd(trailers: string | undefined): void {
    this.#responseDone = true;
    this.#trailers = trailers;
  }

  responseRefused(fault: MessageFault): void {
    this.#fail('malformed', fault);
  }

  // ---- the socket's side -------------------------------------------------------------------------------------------

  #dial(addresses: readonly string[]): void {
    this.#addresses = addresses.slice(1);
    const { port, tls } = this.#attempt;
    const common = {
      host: addresses[0] as string,
      port,
      noDelay: true,
      // Spec 6.1: TCP keep-alive interval 30 s.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      allowHalfOpen: true,
      autoSelectFamily: false,
    };
    let socket: Socket;
    if (tls === undefined) {
      const onread = {
        buffer: (): Buffer => this.#view,
        callback: (count: number): boolean => {
          this.#read(this.#backing, HEADROOM_BYTES, HEADROOM_BYTES + count);
          return true;
        },
      };
      socket = connectTcp({ ...common, onread });
      socket.on('connect', () => this.#connected());
    } else {
      const session = this.slot.session;
      const secure: TLSSocket = connectTls({
        ALPNProtocols: ['http/1.1'],
        ...(session === undefined ? {} : { session }),
        ...tls,
        ...common,
      });
      secure.on('connect', () => this.#wait('handshake'));
      secure.on('secureConnect', () => this.#connected());
      secure.on('session', (ticket: Buffer) => {
        this.slot.session = ticket;
      });
      // No `onread` here: TLS goes on handing out records that it has already, paused or not, and each would overwrite
      // the one before, which the client's socket may still hold.
      secure.on('data', (chunk: Buffer) => this.#read(chunk, 0, chunk.length));
      socket = secure;
    }
    this.#socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.#failed(error);
    });
    socket.on('end', () => {
      if (socket === this.#socket) this.#end();
    });
    socket.on('close', () => {
      if (socket === this.#socket && this.#phase !== 'closed') this.#fail('reset', 'closed');
    });
  }

  #connected(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'idle';
    this.#wait('nothing');
    this.#sink?.legReady();
  }

  #read(buf: Buffer, from: number, end: number): void {
    const sink = this.#sink;
    if (sink === undefined) {
      // Bytes that nobody asked for. Attack: an origin (or someone who writes into its connection) answers a request
      // that has not been made yet.
      this.#close();
      return;
    }
    if (this.#waiting === 'read') this.#pool.wheel.in(this.#timer, this.#pool.limits.readMs);
    if (this.#phase === 'tunnel') {
      sink.bodySpan(buf, from, end);
      sink.legFlush();
      return;
    }
    const pos = this.#reader.receive(buf, from, end);
    // The exchange may have given up on us meanwhile.
    if (this.#sink !== sink) return;
    if (this.#responseDone) {
      this.#finish(sink, pos < end);
      return;
    }
    if (this.#reader.phase === 'switched' && pos < end) sink.bodySpan(buf, pos, end);
    sink.legFlush();
  }

  /** The answer is whole. `extra`: bytes came behind it, so this connection cannot be trusted with another. */
  #finish(sink: LegSink, extra: boolean): void {
    const head = this.#reader.head;
    const lasting = head.minor === 1 ? !head.close : head.keepAlive && !head.close;
    const stray = head.status === 204 && (head.contentLength > 0 || head.chunked);
    const clean = lasting && !extra && !stray && this.#requestDone && this.#reader.bodyKind !== 'close';
    this.#sink = undefined;
    if (clean && !this.blocked && !this.#ended) {
      if (sink.clientBlocked && this.#attempt.tls === undefined) {
        this.#backing = this.#pool.takeBuffer();
        this.#view = this.#backing.subarray(HEADROOM_BYTES);
      }
      this.#phase = 'idle';
      if (this.#paused) {
        this.#paused = false;
        this.#socket?.resume();
      }
      if (this.#pool.release(this)) this.#wait('idle');
      else this.#close(sink.clientBlocked);
    } else {
      this.#close(sink.clientBlocked);
    }
    sink.legEnd(this.#trailers);
  }

  #end(): void {
    this.#ended = true;
    const sink = this.#sink;
    if (sink === undefined) return this.#close();
    if (this.#phase === 'tunnel') return sink.legTunnelEnd();
    if (this.#phase === 'busy' && this.#reader.end()) return this.#finish(sink, false);
    if (this.#phase === 'connecting') {
      return this.#fail(this.#waiting === 'handshake' ? 'tls_handshake' : 'reset', 'closed');
    }
    this.#fail(this.#reader.begun ? 'reset' : 'empty', 'cut_short');
  }

  #failed(error: NodeJS.ErrnoException): void {
    const code = error.code ?? error.message;
    if (this.#phase !== 'connecting') return this.#fail('reset', code);
    if (this.#waiting === 'handshake') {
      return this.#fail(isCertificateFault(error) ? 'tls_certificate' : 'tls_handshake', code);
    }
    if (this.#addresses.length > 0) {
      this.#wait('connect');
      return this.#dial(this.#addresses);
    }
    this.#fail(connectFault(code), code);
  }

  #fail(kind: AttemptFault, detail: string): void {
    if (this.#phase === 'closed') return;
    const sink = this.#sink;
    const begun = this.#phase === 'busy' && this.#reader.begun;
    this.#sink = undefined;
    this.#close(sink?.clientBlocked === true);
    sink?.legFault(kind, detail, begun);
  }

  #expired(): void {
    switch (this.#waiting) {
      case 'connect': {
        const rest = this.#addresses;
        if (rest.length === 0) return this.#fail('connect_timeout', 'timeout');
        const socket = this.#socket;
        this.#wait('connect');
        this.#dial(rest);
        socket?.destroy();
        return;
      }
      case 'handshake':
        return this.#fail('tls_handshake', 'timeout');
      case 'write':
        return this.#fail('write_timeout', 'timeout');
      case 'read':
        return this.#fail('read_timeout', 'timeout');
      case 'idle':
        return this.#close();
      case 'nothing':
        return;
    }
  }

  #wait(forWhat: Waiting): void {
    // The silence of a tunnel is the client connection's to watch.
    const what = forWhat === 'read' && this.#phase === 'tunnel' ? 'nothing' : forWhat;
    this.#waiting = what;
    const { limits, wheel } = this.#pool;
    switch (what) {
      case 'read':
        return wheel.in(this.#timer, limits.readMs);
      case 'idle':
        return wheel.in(this.#timer, limits.originIdleMs);
      case 'write':
        return wheel.in(this.#timer, limits.writeMs);
      case 'connect':
        return wheel.in(this.#timer, limits.connectMs);
      case 'handshake':
        return wheel.in(this.#timer, limits.handshakeMs);
      case 'nothing':
        return wheel.clear(this.#timer);
    }
  }

  /** Does this process still hold some of what was just written? For TLS see `ClientConnection`. */
  #kept(queued: boolean): boolean {
    return this.#attempt.tls === undefined ? (this.#socket?.writableLength ?? 0) > 0 : queued;
  }

  /** The kernel did not take all: learn when it has, by an empty write behind it. */
  #block(): void {
    if (this.blocked) return;
    this.blocked = true;
    this.#wait('write');
    this.#socket?.write(EMPTY, () => {
      this.blocked = false;
      if (this.#phase === 'closed') return;
      this.#wait(this.#paused ? 'nothing' : 'read');
      this.#sink?.legDrained();
    });
  }

  /** `held`: the client's socket may still hold a piece of the read buffer. */
  #close(held = false): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#reader.stop();
    this.#pool.wheel.remove(this.#timer);
    this.#pool.closed(this);
    this.#socket?.destroy();
    if (!held && this.#backing.length > 0) this.#pool.giveBuffer(this.#backing);
  }
}
