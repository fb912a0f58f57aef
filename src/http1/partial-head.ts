/**
 * Bytes of a head that has not come whole. Reads usually bring whole heads, so this costs nothing until one does not;
 * then the piece is copied here, because the buffer it lies in belongs to the reader of the socket.
 */
export class PartialHead {
  buf: Buffer | undefined;
  length = 0;

  /** Keep `from[start, end)` behind what is already kept. */
  add(from: Buffer, start: number, end: number): Buffer {
    const need = this.length + end - start;
    let buf = this.buf;
    if (buf === undefined || buf.length < need) {
      const larger = Buffer.allocUnsafeSlow(Math.max(need * 2, 1024));
      if (buf !== undefined) buf.copy(larger, 0, 0, this.length);
      buf = larger;
      this.buf = buf;
    }
    from.copy(buf, this.length, start, end);
    this.length = need;
    return buf;
  }

  clear(): void {
    this.buf = undefined;
    this.length = 0;
  }
}
