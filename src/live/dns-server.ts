/**
 * DNS on UDP and TCP (RFC 1035, 6891, 7766, 7871): bytes to questions and back. What is answered is asked of `answer`, which knows
 * no wire format.
 *
 *     datagram or framed message ─► read-query ─► answer ─► write ─► too long for UDP? empty with TC
 *
 * The question is sent back byte for byte, so the case that a resolver chose (0x20) is kept. What is no query is dropped: an answer
 * to garbage is a gift to whoever forged its sender.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { type DnsReply, type Query, readQuery, writeReply } from './dns-message.ts';

export interface DnsServerOptions {
  readonly host: string;
  /** 0 picks one that is free for both. */
  readonly port: number;
  readonly answer: (query: Query, transport: 'udp' | 'tcp') => DnsReply;
  /** A message that was no query, or a connection too many. */
  readonly onDropped: () => void;
  readonly onMistake: (error: unknown) => void;
}

/** Of both families; a resolver keeps one or two. */
const TCP_CONNECTIONS = 256;
const TCP_PER_CLIENT = 32;
/** RFC 7766 6.2.3: some seconds; a resolver that has more to ask comes back. */
const TCP_IDLE_MS = 10_000;
/** Queries are short. RFC 8914 and cookies included, 4 KiB is more than any. */
const QUERY_BYTES = 4_096;
/** Unread answers of one connection: whoever does not read gets no more. */
const TCP_UNREAD_BYTES = 1 << 20;
const PORT_TRIES = 20;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #perClient = new Map<string, number>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** Rejects with Node's error when the port cannot be had. */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const udp = await this.#bindUdp(host, port);
      const { address, port: bound } = udp.address();
      try {
        this.#tcp = await this.#listenTcp(host, bound);
        this.#udp = udp;
        return { host: address, port: bound };
      } catch (error) {
        udp.close();
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (port !== 0 || !taken || tries >= PORT_TRIES) throw error;
      }
    }
  }

  close(): void {
    this.#udp?.close();
    this.#tcp?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #bindUdp(host: string, port: number): Promise<UdpSocket> {
    const udp = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        udp.close();
        reject(error);
      };
      udp.once('error', failed);
      udp.bind(port, host, () => {
        udp.off('error', failed);
        // A send that fails (the client is gone) is no fault of ours.
        udp.on('error', () => {});
        udp.on('message', (message, from) => {
          const reply = this.#handle(message, from.address, 'udp');
          if (reply !== undefined && from.port !== 0) udp.send(reply, from.port, from.address);
        });
        resolve(udp);
      });
    });
  }

  #listenTcp(host: string, port: number): Promise<Server> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#options.onMistake(error));
        resolve(server);
      });
    });
  }

  #accept(socket: Socket): void {
    const client = socket.remoteAddress ?? '';
    const mine = this.#perClient.get(client) ?? 0;
    if (this.#sockets.size >= TCP_CONNECTIONS || mine >= TCP_PER_CLIENT || client === '') {
      this.#options.onDropped();
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#perClient.set(client, mine + 1);
    let held: Buffer = Buffer.alloc(0);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perClient.get(client) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(client);
      else this.#perClient.set(client, left);
    });
    socket.on('data', (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (held.length >= 2) {
        const length = held.readUInt16BE(0);
        if (length > QUERY_BYTES) {
          this.#options.onDropped();
          return void socket.destroy();
        }
        if (held.length < 2 + length) return;
        const message = held.subarray(2, 2 + length);
        held = held.subarray(2 + length);
        const reply = this.#handle(message, client, 'tcp');
        // A stream that carried garbage once has lost its place.
        if (reply === undefined) return void socket.destroy();
        const frame = Buffer.allocUnsafe(2 + reply.length);
        frame.writeUInt16BE(reply.length, 0);
        reply.copy(frame, 2);
        socket.write(frame);
        if (socket.writableLength > TCP_UNREAD_BYTES) return void socket.destroy();
      }
    });
  }

  #handle(message: Buffer, from: string, transport: 'udp' | 'tcp'): Buffer | undefined {
    const read = readQuery(message, from);
    if (read.kind === 'dropped') {
      this.#options.onDropped();
      return undefined;
    }
    if (read.kind === 'refused') return read.reply;
    try {
      return writeReply(read.query, this.#options.answer(read.query, transport), transport);
    } catch (error) {
      this.#options.onMistake(error);
      return writeReply(read.query, SERVFAIL, transport);
    }
  }
}

const SERVFAIL: DnsReply = { rcode: 'SERVFAIL', authoritative: false, answers: [], authority: [], scopeBits: 0 };
