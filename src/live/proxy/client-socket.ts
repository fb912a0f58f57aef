/**
 * What a client's connection asks of its socket. A `net.Socket` and a `tls.TLSSocket` have it, and so has one stream of HTTP/2
 * (`http2-stream.ts`), which says and hears HTTP/1.1 here.
 */
export interface ClientSocket {
  /** Bytes that are not on their way yet. */
  readonly writableLength: number;
  readonly bytesWritten: number;
  write(text: string, encoding: 'latin1'): boolean;
  /** `done`: all that was written before is on its way. */
  write(bytes: Buffer, done?: () => void): boolean;
  cork(): void;
  uncork(): void;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
  resetAndDestroy(): unknown;
  on(event: 'end' | 'error' | 'close', listener: () => void): unknown;
}
