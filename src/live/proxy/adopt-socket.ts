/**
 * Accepted sockets that read into one shared buffer.
 *
 * Node lets a socket that connects read into a buffer of ours (`onread`, public), and gives one that was accepted a
 * fresh 64 KiB slab for every read. The study measured 15 % of the CPU of a request there. The only way to have
 * `onread` on an accepted socket is to move its handle into a new Socket, and the handle's property is semi-internal.
 * So this file is the only one that touches it, asks first whether it looks as expected, and falls back to plain
 * `data` events, which the rest of the engine cannot tell apart.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';

/** `count` bytes are at the start of `buf`; they are good until the call returns. */
export type ReadCallback = (count: number, buf: Buffer) => void;

interface Insides {
  _handle?: { useUserBuffer?: unknown; readStop?: unknown } | null;
  _server?: unknown;
  server?: unknown;
}

/**
 * Take over a socket of a server with `pauseOnConnect`. Returns the socket to use from now on (the same one if it
 * could not be moved); reading has begun.
 */
export function adoptSocket(accepted: Socket, shared: Buffer, onRead: ReadCallback): Socket {
  const from = accepted as unknown as Insides;
  const handle = from._handle;
  if (handle === undefined || handle === null || typeof handle.useUserBuffer !== 'function') {
    accepted.on('data', (chunk: Buffer) => onRead(chunk.length, chunk));
    accepted.resume();
    return accepted;
  }
  const server = from._server;
  from._handle = null;
  from._server = null;
  from.server = null;
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: shared,
      callback: (count: number): boolean => {
        onRead(count, shared);
        return true;
      },
    },
  };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  // The server counts its connections through this, and its `close` waits for them.
  const to = socket as unknown as Insides;
  to._server = server;
  to.server = server;
  return socket;
}
