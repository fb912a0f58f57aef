/** A store that is none: a TCP server whose answers are what a test says. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface LyingServer {
  readonly port: number;
  /** Connections that are open now, and that ever were. */
  readonly open: () => number;
  readonly accepted: () => number;
  close(): Promise<void>;
}

export function lyingServer(
  onData: (socket: Socket, data: Buffer) => void,
  onConnect?: (socket: Socket) => void,
): Promise<LyingServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => onData(socket, data));
    onConnect?.(socket);
  });
  return new Promise((ready) => {
    server.listen(0, '127.0.0.1', () => {
      ready({
        port: (server.address() as AddressInfo).port,
        open: () => sockets.size,
        accepted: () => accepted,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

/** Answers to requests of memcached's binary protocol, made from each request's own header. */
export function binaryAnswer(
  request: Buffer,
  change: { opcode?: number; opaque?: number; status?: number; value?: Buffer; length?: number; keyLength?: number },
): Buffer {
  const value = change.value ?? Buffer.alloc(0);
  const get = request[1] === 0;
  const extras = get && (change.status ?? 0) === 0 ? Buffer.alloc(4) : Buffer.alloc(0);
  const header = Buffer.alloc(24);
  header[0] = 0x81;
  header[1] = change.opcode ?? request[1] ?? 0;
  header.writeUInt16BE(change.keyLength ?? 0, 2);
  header[4] = extras.length;
  header.writeUInt16BE(change.status ?? 0, 6);
  header.writeUInt32BE(change.length ?? extras.length + value.length, 8);
  header.writeUInt32BE(change.opaque ?? request.readUInt32BE(12), 12);
  return Buffer.concat([header, extras, value]);
}

/** Splits what came into requests; what is left of the last one is dropped, which is good enough for small ones. */
export function binaryRequests(data: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 24 <= data.length; ) {
    const length = 24 + data.readUInt32BE(at + 8);
    found.push(data.subarray(at, at + length));
    at += length;
  }
  return found;
}
