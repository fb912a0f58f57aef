/**
 * The connection under one lane, the same at both ends: writes what a machine has ready, one write per flush, so that a small answer
 * is one TLS record in one TCP segment (RG-129), and stops asking the machine for more while the kernel takes nothing. It knows no
 * frames.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ALPN, EXPORTER_LABEL, EXPORTER_LENGTH } from '../../railgun/settings.ts';

/** What is in the socket's own queue beyond which the machine keeps its bytes: they are scheduled anew each time, this is not. */
const MAX_QUEUED_BYTES = 65_536;
/** After the last byte: how long the peer may take to close its side. */
const LINGER_MS = 2_000;

/** `wan.tls = 0`, for tests: there is nothing to bind the proofs to. */
const NO_EXPORTER = new Uint8Array(EXPORTER_LENGTH);

/** The value of this TLS session that the proofs are bound to, or why there is none. */
export function exporterOf(socket: Socket): Uint8Array | string {
  if (!(socket instanceof TLSSocket)) return NO_EXPORTER;
  if (socket.alpnProtocol !== ALPN) return 'the peer does not speak rgx/1';
  return socket.exportKeyingMaterial(EXPORTER_LENGTH, EXPORTER_LABEL, Buffer.alloc(0));
}

export interface LaneSocketEvents {
  /** What to write next; asked until it says `undefined` or enough is queued. */
  readonly take: () => Uint8Array | undefined;
  readonly received: (bytes: Uint8Array) => void;
  /** The kernel took what was queued: ask again. */
  readonly drained: () => void;
  /** Once, whatever the reason, unless `close` was called before. */
  readonly lost: (why: string) => void;
}

export class LaneSocket {
  readonly #socket: Socket;
  readonly #events: LaneSocketEvents;
  #closed = false;
  #sent = 0;

  constructor(socket: Socket, events: LaneSocketEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      if (!this.#closed) events.received(bytes);
    });
    socket.on('drain', () => {
      if (!this.#closed) events.drained();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? error.message));
    socket.on('end', () => this.#lost('closed by the peer'));
    socket.on('close', () => this.#lost('closed'));
  }

  /** Bytes written, TLS not counted. */
  get sent(): number {
    return this.#sent;
  }

  get peer(): string {
    const { remoteAddress = '?', remotePort = 0 } = this.#socket;
    return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
  }

  flush(): void {
    while (!this.#closed && this.#socket.writableLength < MAX_QUEUED_BYTES) {
      const bytes = this.#events.take();
      if (bytes === undefined) return;
      this.#write(bytes);
    }
  }

  /** Write what is left, then close. */
  close(): void {
    if (this.#closed) return;
    for (let bytes = this.#events.take(); bytes !== undefined; bytes = this.#events.take()) this.#write(bytes);
    this.#closed = true;
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #write(bytes: Uint8Array): void {
    this.#sent += bytes.length;
    this.#socket.write(bytes);
  }

  #lost(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#events.lost(why);
  }
}
