/**
 * A file that lines are appended to, for logs that must never hold up what they tell about. Lines are gathered and written in blocks;
 * when the disk is full or the file breaks, lines are dropped and counted, it is said once, and said again when writing works.
 *
 * Several processes may append to one file: each block is one write of whole lines in append mode.
 */
import { closeSync, openSync, write } from 'node:fs';

/** Lines are put together in blocks of this size, each of which is one write … */
const BLOCK_BYTES = 64 * 1024;
/** … also when it is not full, after so long. */
const FLUSH_MS = 500;
/** Blocks that wait for the disk at most, 4 MiB; beyond it lines are dropped. */
const BLOCKS_WAITING = 64;
/** A longer line gets a block of its own. UTF-8 takes at most three bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;
/** After a failure, a new try at most this often. */
const RETRY_MS = 5_000;

interface Block {
  readonly bytes: Buffer;
  used: number;
  lines: number;
}

export interface LineFileEvents {
  /** Writing fails from here on. */
  readonly onBroken: (reason: NodeJS.ErrnoException) => void;
  /** It works again; so many lines are missing. */
  readonly onMended: (dropped: number) => void;
}

export type OpenedLineFile =
  | { readonly kind: 'opened'; readonly file: LineFile }
  | { readonly kind: 'fault'; readonly error: NodeJS.ErrnoException };

export function openLineFile(path: string, events: LineFileEvents): OpenedLineFile {
  try {
    return { kind: 'opened', file: new LineFile(path, openSync(path, 'a', 0o640), events) };
  } catch (error) {
    return { kind: 'fault', error: error as NodeJS.ErrnoException };
  }
}

export class LineFile {
  /** Lines lost so far. */
  dropped = 0;
  readonly #path: string;
  readonly #events: LineFileEvents;
  readonly #timer: NodeJS.Timeout;
  #fd: number;
  #block: Block = newBlock(BLOCK_BYTES);
  #waiting: Block[] = [];
  /** One block that was written, to be filled again. */
  #spare: Block | undefined;
  #writing = false;
  #brokenAt = 0;
  #droppedBefore = 0;
  #whenIdle: (() => void)[] = [];

  constructor(path: string, fd: number, events: LineFileEvents) {
    this.#path = path;
    this.#fd = fd;
    this.#events = events;
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** `line` without its line end. */
  add(line: string): void {
    const room = line.length * BYTES_PER_UNIT + 1;
    let block = this.#block;
    if (block.used + room > block.bytes.length) {
      if (!this.#seal(room)) {
        this.dropped += 1;
        return;
      }
      block = this.#block;
    }
    block.used += block.bytes.write(line, block.used);
    block.bytes[block.used] = LINE_END;
    block.used += 1;
    block.lines += 1;
  }

  /** Open the file by its name again, after somebody moved it away (logrotate). */
  reopen(): void {
    try {
      const fd = openSync(this.#path, 'a', 0o640);
      const old = this.#fd;
      this.#fd = fd;
      if (this.#writing) this.#whenIdle.push(() => closeSync(old));
      else closeSync(old);
    } catch (error) {
      this.#broken(error as NodeJS.ErrnoException);
    }
  }

  /** All that was added is written, or lost. Twice is once: a drain and a stop may meet. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }
  #closing: Promise<void> | undefined;

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    this.#brokenAt = 0;
    do {
      this.#flush();
      if (this.#writing) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    } while ((this.#waiting.length > 0 || this.#block.used > 0) && this.#brokenAt === 0);
    closeSync(this.#fd);
  }

  /** The block is full: another one, unless too many wait. */
  #seal(room: number): boolean {
    if (this.#block.used > 0) {
      if (this.#waiting.length >= BLOCKS_WAITING) return false;
      this.#waiting.push(this.#block);
    }
    const fits = this.#spare !== undefined && room <= this.#spare.bytes.length;
    this.#block = fits ? this.#spare! : newBlock(Math.max(BLOCK_BYTES, room));
    if (fits) this.#spare = undefined;
    this.#writeNext();
    return true;
  }

  #flush(): void {
    if (this.#block.used > 0 && !this.#writing) this.#seal(0);
    else this.#writeNext();
  }

  #writeNext(): void {
    if (this.#writing) return;
    if (this.#brokenAt !== 0 && performance.now() - this.#brokenAt < RETRY_MS) {
      for (const block of this.#waiting.splice(0)) this.dropped += block.lines;
      return;
    }
    const block = this.#waiting.shift();
    if (block === undefined) return;
    this.#writing = true;
    this.#write(this.#fd, block, 0);
  }

  #write(fd: number, block: Block, from: number): void {
    write(fd, block.bytes, from, block.used - from, null, (error, written) => {
      if (error === null && from + written < block.used && written > 0) return this.#write(fd, block, from + written);
      this.#writing = false;
      if (error !== null) {
        this.dropped += block.lines;
        this.#broken(error);
      } else if (this.#brokenAt !== 0) {
        this.#brokenAt = 0;
        this.#events.onMended(this.dropped - this.#droppedBefore);
        this.#droppedBefore = this.dropped;
      }
      if (block.bytes.length === BLOCK_BYTES) {
        block.used = block.lines = 0;
        this.#spare = block;
      }
      for (const each of this.#whenIdle.splice(0)) each();
      this.#writeNext();
    });
  }

  #broken(error: NodeJS.ErrnoException): void {
    const news = this.#brokenAt === 0;
    this.#brokenAt = performance.now();
    if (news) this.#events.onBroken(error);
  }
}

const LINE_END = 0x0a;

function newBlock(size: number): Block {
  return { bytes: Buffer.allocUnsafeSlow(size), used: 0, lines: 0 };
}
