/**
 * A body that the origin sent gzipped, deflated or brotlied is opened before deltas are made, and labelled identity (RG-043): a delta
 * over compressed bytes is as long as the bytes. What cannot be opened within the limit is streamed as it is.
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { type HeadLine, fieldOf } from './head.ts';

/** Codings we can open; `undefined` for anything else, lists included. */
export function knownCoding(lines: readonly HeadLine[]): 'identity' | 'gzip' | 'deflate' | 'br' | undefined {
  const value = fieldOf(lines, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (value === '' || value === 'identity') return 'identity';
  if (value === 'gzip' || value === 'x-gzip') return 'gzip';
  return value === 'deflate' || value === 'br' ? value : undefined;
}

/** RFC 9111 section 5.2.2.6: an intermediary must not change the body. */
export function forbidsTransform(lines: readonly HeadLine[]): boolean {
  return lines.some(
    ([name, value]) => name.toLowerCase() === 'cache-control' && /(^|[\s,])no-transform([\s,]|$)/i.test(value),
  );
}

/** The identity body, at most `limit` bytes; `undefined` when the bytes are not what they claim, or too many. */
export function openCoding(coding: 'gzip' | 'deflate' | 'br', body: Uint8Array, limit: number): Uint8Array | undefined {
  try {
    const options = { maxOutputLength: limit };
    if (coding === 'gzip') return gunzipSync(body, options);
    return coding === 'br' ? brotliDecompressSync(body, options) : inflateSync(body, options);
  } catch {
    return undefined;
  }
}

/** The head that fits the opened body: no Content-Encoding, the new length, and a weak ETag (RFC 9110 section 8.8.1). */
export function identityHead(lines: readonly HeadLine[], length: number): readonly HeadLine[] {
  const out: HeadLine[] = [];
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    if (lower === 'content-encoding') continue;
    if (lower === 'content-length') out.push([name, String(length)]);
    else if (lower === 'etag' && !value.trimStart().startsWith('W/')) out.push([name, `W/${value.trim()}`]);
    else out.push([name, value]);
  }
  return out;
}
