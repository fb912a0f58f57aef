/**
 * One memcached node by `memjs`: its messages, not its connections. memjs keeps the bytes of a broken connection and reads the next one
 * behind them, joins the data of an old and a new socket, lets requests hang when the server closes, and takes any length a server
 * names. So its `Server` is replaced at the seam it offers: sockets and frames
 * are ours, questions, their answers' meaning and the list of who waits for which are memjs's.
 *
 * A frame of the binary protocol: 24 bytes of header with the body's length at 8 and the number of the question at 12, then the body.
 */
import memjs from 'memjs';
import type { Socket } from 'node:net';
import { AROUND_VALUE_BYTES, connectStore, type StoreAddress } from './socket-guard.ts';
import type { StoreBackend } from './store.ts';

const HEADER_BYTES = 24;
const RESPONSE = 0x81;
/** Statuses with which a healthy server does not take a value: too large, not stored, out of memory, busy, temporary failure. */
const REFUSALS: ReadonlySet<number> = new Set([0x03, 0x05, 0x82, 0x85, 0x86]);
/** Longer is read as a date (memcached's protocol.txt, "expiration times"). */
const LONGEST_SECONDS = 30 * 86_400;
/** memjs counts its questions and throws at 2^31, three days at 10,000 a second: it starts anew before. */
const LAST_NUMBER = 2 ** 30;

class NodeConnection extends memjs.Server {
  readonly #address: StoreAddress;
  readonly #maxBody: number;
  /** Number of a question to its opcode. */
  readonly #asked = new Map<number, number>();
  #socket: Socket | undefined;
  /** Of frames that are not whole yet. */
  #chunks: Buffer[] = [];
  #held = 0;
  /** Of the last answer; 0 after a lost connection. memjs passes only its text on. */
  lastStatus = 0;

  constructor(address: StoreAddress, limitBytes: number) {
    super('node', 0);
    this.#address = address;
    this.#maxBody = limitBytes + AROUND_VALUE_BYTES;
  }

  override write(blob: Uint8Array | string): void {
    const frame = typeof blob === 'string' ? Buffer.from(blob) : Buffer.from(blob.buffer, blob.byteOffset, blob.length);
    this.#asked.set(frame.readUInt32BE(12), frame[1] ?? 0);
    this.#socket ??= this.#connect();
    this.#socket.write(frame);
  }

  override close(): void {
    this.fail('closed');
  }

  /** Ends the connection and everything asked on it; the next question opens another. */
  fail(why: string): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#chunks = [];
    this.#held = 0;
    this.#asked.clear();
    this.lastStatus = 0;
    socket?.destroy();
    this.error(new Error(why));
  }

  #connect(): Socket {
    const socket = connectStore(this.#address, false, undefined);
    socket.on('data', (chunk: Buffer) => {
      if (socket === this.#socket) this.#receive(chunk);
    });
    socket.on('error', (error) => {
      if (socket === this.#socket) this.fail(error.message);
    });
    // Also after a plain FIN, which is no error to a socket.
    socket.on('close', () => {
      if (socket === this.#socket) this.fail('the store closed the connection');
    });
    return socket;
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < HEADER_BYTES) return;
    let [data] = this.#chunks;
    // The header may be spread over many chunks; the body is joined once, when it is whole.
    if (data === undefined || data.length < HEADER_BYTES) data = this.#join();
    let at = 0;
    while (this.#held - at >= HEADER_BYTES) {
      if (data.length - at < HEADER_BYTES) {
        data = this.#join();
        continue;
      }
      const length = HEADER_BYTES + data.readUInt32BE(at + 8);
      const wrong = this.#objection(data, at);
      if (wrong !== undefined) return this.fail(wrong);
      if (this.#held - at < length) break;
      if (data.length - at < length) data = this.#join();
      const message = memjs.Utils.parseMessage(data.subarray(at, at + length));
      at += length;
      this.#answer(message);
    }
    if (at === 0) return;
    const [first, ...others] = this.#chunks;
    const rest = first?.subarray(at);
    this.#chunks = rest === undefined || rest.length === 0 ? others : [rest, ...others];
    this.#held -= at;
  }

  #answer(message: memjs.Response): void {
    const number = message.header.opaque;
    const tell = this.responseCallbacks[number];
    this.#asked.delete(number);
    delete this.responseCallbacks[number];
    delete this.errorCallbacks[number];
    this.lastStatus = message.header.status;
    tell?.(message);
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks, this.#held);
    this.#chunks = [joined];
    return joined;
  }

  #objection(data: Buffer, at: number): string | undefined {
    if (data[at] !== RESPONSE) return 'not the binary protocol of memcached';
    if (data.readUInt32BE(at + 8) > this.#maxBody) return 'an answer larger than any value';
    if (data.readUInt32BE(at + 8) < data.readUInt16BE(at + 2) + (data[at + 4] ?? 0))
      return 'a message shorter than its parts';
    if (this.#asked.get(data.readUInt32BE(at + 12)) !== data[at + 1]) return 'an answer that nobody asked for';
    return undefined;
  }
}

export function memcachedBackend(address: StoreAddress, limitBytes: number): StoreBackend {
  const connection = new NodeConnection(address, limitBytes);
  const fresh = (): memjs.Client<Buffer, Buffer | null> =>
    new memjs.Client([connection], { retries: 1, logger: { log: () => {} } });
  let current = fresh();
  const client = (): typeof current => {
    if (current.seq >= LAST_NUMBER) current = fresh();
    return current;
  };
  return {
    get: (key) =>
      new Promise((settle, reject) => {
        client().get(key, (error, value) => (error === null ? settle(value ?? undefined) : reject(error)));
      }),
    set: (key, value, expirationSeconds) =>
      new Promise((settle, reject) => {
        const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
        const expires = Math.min(expirationSeconds, LONGEST_SECONDS);
        client().set(key, bytes, { expires }, (error) => {
          if (error === null) settle(true);
          else if (REFUSALS.has(connection.lastStatus)) settle(false);
          else reject(error);
        });
      }),
    delete: (key) =>
      new Promise((settle, reject) => {
        client().delete(key, (error) => (error === null ? settle() : reject(error)));
      }),
    reset: () => connection.fail('reset'),
    close: async () => connection.fail('closed'),
  };
}
