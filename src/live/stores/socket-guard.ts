/**
 * The sockets on which the clients of other people speak with stores. A store that lies must not end the process nor fill it: an
 * exception out of a client's parser (nesting without end, an array of four billion elements) destroys the socket, and is a lost
 * connection like any other; so does a byte more than the questions asked for.
 */
import { type NetConnectOpts, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type StoreAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** Greetings, `INFO`, the map of a cluster: what may come without a question of ours. */
const UNASKED_BYTES = 262_144;
/** Around a value: status, length, line ends, flags. */
export const AROUND_VALUE_BYTES = 1_024;

/** How many bytes a store may still send. */
export class Allowance {
  #left = UNASKED_BYTES;
  readonly #mostBytes: number;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes + UNASKED_BYTES;
  }

  asked(answerBytes: number): void {
    this.#left = Math.min(this.#mostBytes, this.#left + answerBytes);
  }

  /** No question is open. */
  idle(): void {
    this.#left = UNASKED_BYTES;
  }

  spend(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }
}

/** A connection to a store; it is under way when this returns. `tls`: a name to verify the certificate against, or false. */
export function connectStore(address: StoreAddress, tls: string | false, allowance: Allowance | undefined): Socket {
  const where: NetConnectOpts = 'path' in address ? { path: address.path } : { ...address, autoSelectFamily: true };
  const socket = tls === false ? new Socket() : connectTls({ ...where, servername: tls });
  // Whoever uses the socket hears of errors; that nobody does yet is no reason to end the process.
  socket.on('error', () => {});
  const emit = socket.emit.bind(socket);
  const guarded = (event: string, ...args: readonly unknown[]): boolean => {
    const data = event === 'data' ? args[0] : undefined;
    if (data instanceof Uint8Array && allowance?.spend(data.length) === false) {
      socket.destroy(new Error('more bytes than were asked for'));
      return false;
    }
    try {
      return emit(event, ...args);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  };
  Object.defineProperty(socket, 'emit', { value: guarded });
  socket.setNoDelay(true);
  if (tls === false) socket.connect(where);
  return socket;
}
