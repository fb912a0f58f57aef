/**
 * Node's own compressors with the previous version as dictionary: zstd (the body of RFC 9842's `dcz`) and brotli (the
 * body of `dcb`), for peers that lack the hybrid and for pages that have little in common with the last version.
 *
 * Traps, measured in research/delta.md: brotli below quality 5 ignores its dictionary without a word; zstd's levels 1
 * and 2 hardly use it; zstd reaches the dictionary only while page and dictionary fit its window, so the window is
 * set, and capped, because the peer must be ready to allocate it.
 *
 * Both decoders are stopped at the output limit, so a delta bomb costs the announced length and no more.
 */
import {
  type BrotliDecompress,
  brotliCompressSync,
  constants as z,
  createBrotliDecompress,
  createZstdDecompress,
  type ZstdDecompress,
  zstdCompressSync,
} from 'node:zlib';
import { assert } from '../../core/assert.ts';
import type { Decoded } from '../codec-port.ts';

/** zstd's largest window here, 8 MiB: what any zstd decoder must be ready to give (RFC 8878 section 3.1.1.1.2). */
const MAX_WINDOW_LOG = 23;
/** brotli's window, 4 MiB: dictionaries do not count against it. */
const BROTLI_WINDOW_LOG = 22;

export function encodeZstd(old: Uint8Array, page: Uint8Array, level: number): Uint8Array {
  return zstdCompressSync(page, {
    ...withDictionary(old),
    params: { [z.ZSTD_c_compressionLevel]: level, [z.ZSTD_c_windowLog]: windowLog(old.length + page.length) },
  });
}

export function decodeZstd(old: Uint8Array, delta: Uint8Array, size: number): Decoded {
  const params = { [z.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG };
  const stream = createZstdDecompress({ ...withDictionary(old), maxOutputLength: Math.max(1, size), params });
  return expand(stream, z.ZSTD_e_end, delta, size);
}

export function encodeBrotli(old: Uint8Array, page: Uint8Array, quality: number): Uint8Array {
  return brotliCompressSync(page, {
    ...withDictionary(old),
    params: {
      [z.BROTLI_PARAM_QUALITY]: quality,
      [z.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_LOG,
      [z.BROTLI_PARAM_SIZE_HINT]: page.length,
    },
  });
}

export function decodeBrotli(old: Uint8Array, delta: Uint8Array, size: number): Decoded {
  const stream = createBrotliDecompress({ ...withDictionary(old), maxOutputLength: Math.max(1, size) });
  return expand(stream, z.BROTLI_OPERATION_FINISH, delta, size);
}

/** An empty dictionary is none: zlib refuses it. */
function withDictionary(old: Uint8Array): { dictionary?: Uint8Array } {
  return old.length === 0 ? {} : { dictionary: old };
}

function windowLog(bytes: number): number {
  const needed = 32 - Math.clz32(Math.max(1, bytes - 1));
  return Math.min(MAX_WINDOW_LOG, Math.max(17, needed));
}

/**
 * One delta through one decompressor, at once. zlib reports what is wrong with foreign bytes by throwing, and stops at
 * the end of the stream whatever follows: here both are refusals.
 *
 * Not `zstdDecompressSync` and its like: in Node 26.10 those never free their 16 kB when the input is bad, so a peer
 * could fill the memory with broken deltas. What they are made of, `_processChunk`, leaves the closing to us.
 */
function expand(stream: BrotliDecompress | ZstdDecompress, finish: number, input: Uint8Array, size: number): Decoded {
  assert(isSynchronous(stream), 'this Node has synchronous zlib');
  stream.on('error', ignore);
  try {
    const page = stream._processChunk(input, finish);
    if (stream.bytesWritten !== input.length) return refused('bytes after the end');
    return page.length === size ? { kind: 'page', bytes: page } : refused('page too short');
  } catch (error) {
    return refused(error instanceof Error ? error.message : 'not decodable');
  } finally {
    stream.destroy();
  }
}

/** The method behind Node's `…Sync` functions, which its types do not show. */
interface Synchronous {
  _processChunk(input: Uint8Array, flush: number): Uint8Array;
  readonly bytesWritten: number;
}

function isSynchronous(stream: object): stream is Synchronous {
  return '_processChunk' in stream && 'bytesWritten' in stream;
}

/** The error is thrown as well; without a listener Node would take it for unhandled. */
function ignore(): void {}

function refused(why: string): Decoded {
  return { kind: 'refused', why };
}
