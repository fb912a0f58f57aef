/**
 * The hybrid codec (wire byte 2), ours: block matching takes what stayed, an adaptive arithmetic coder writes the rest
 * with contexts learned from this very page. A delta is nothing but its bits; the page's length is in the RESPONSE.
 *
 *   0 | arithmetic code of the tokens (`model.ts`) until the page is full | zero bytes at the end are left out
 *   token = copy? · literal byte or (place, length)
 *
 * There is no checksum inside: whoever applies a delta compares the digest of the page (spec/railgun.md D4). Any bytes
 * decode to a page of the given length or to a refusal, in bounded time: see MAX_TOKENS.
 */
import { BitDecoder, BitEncoder, READ_AHEAD } from './bit-coder.ts';
import { Model } from './model.ts';
import { assert } from '../../core/assert.ts';
import type { Decoded } from '../codec-port.ts';
import type { ParseEffort, ParseLimits, Tokens } from './parse.ts';
import { LITERAL, OWN, Parser } from './parse.ts';

/**
 * Tokens in one delta. A literal costs the decoder about 0.2 µs, so a hostile delta buys at most some 10 ms; an honest
 * one with more than this has so little in common with the old page that brotli does better.
 */
export const MAX_TOKENS = 65_536;

/** As much work as a page may need. */
export const NO_HURRY: ParseLimits = { tokens: MAX_TOKENS, weighed: 1 << 30 };

/** Larger old pages are not indexed: the link keeps bodies of at most `stream.size`, 1 MiB by default. */
export const MAX_OLD = 1 << 24;

/** Everything found worth having: the bytes of research/delta.md's "ambitious" column, at gzip -6's speed. */
export const THOROUGH: ParseEffort = { old: 64, own: 32, take: 48 };
/** For busy hours: about a tenth more bytes, half as long again as fast. */
export const QUICK: ParseEffort = { old: 8, own: 8, take: 24 };

// One call at a time runs to its end, so the working memory (about 1.5 MB) is shared by all calls of a thread.
const parser = new Parser();
const model = new Model();
const encoder = new BitEncoder();
const decoder = new BitDecoder();

/** Most of what a small delta costs is the index over the old page: made here, if `old` is the next one that a delta is asked against. */
export function prepareHybrid(old: Uint8Array): void {
  if (old.length <= MAX_OLD) parser.prepare(old);
}

/** The delta of `page` against `old`, or undefined when they have too little in common. */
export function encodeHybrid(
  old: Uint8Array,
  page: Uint8Array,
  effort: ParseEffort,
  limits: ParseLimits,
): Uint8Array | undefined {
  if (old.length > MAX_OLD) return undefined;
  const parsed = parser.parse(old, page, effort, limits);
  parser.end();
  return parsed && parser.tokens.count <= MAX_TOKENS ? codeTokens(old, page, parser.tokens) : undefined;
}

function codeTokens(old: Uint8Array, page: Uint8Array, tokens: Tokens): Uint8Array {
  const { count, kind, at, from, length } = tokens;
  encoder.start();
  model.start(old, page);
  for (let n = 0; n < count; n++) {
    const place = at[n]!;
    if (kind[n] === LITERAL) {
      model.isCopy(encoder, place, 0);
      model.literal(encoder, place, page[place]!);
    } else {
      model.isCopy(encoder, place, 1);
      const done = model.copy(encoder, place, from[n]!, length[n]!, kind[n] === OWN);
      assert(done && model.length === length[n], 'the model can say every token of the parser');
      model.copied(place);
    }
  }
  model.end();
  return encoder.finish();
}

/** The page of `size` bytes that `delta` makes of `old`; in `into` when that is given, which must have this size. */
export function decodeHybrid(old: Uint8Array, delta: Uint8Array, size: number, into?: Uint8Array): Decoded {
  assert(into === undefined || into.length === size, 'room for the page');
  if (!decoder.start(delta)) return refused('not a hybrid delta');
  // Not cleared first: every byte is written before the page is given out.
  const page = into ?? new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  model.start(old, page);
  const wrong = decodeTokens(old, page);
  model.end();
  if (wrong !== undefined) return refused(wrong);
  if (decoder.missing > READ_AHEAD) return refused('cut short');
  if (decoder.unread > 0) return refused('bytes after the end');
  return { kind: 'page', bytes: page };
}

/** Fill the page; or what is wrong. */
function decodeTokens(old: Uint8Array, page: Uint8Array): string | undefined {
  const { history } = model;
  let at = 0;
  for (let tokens = 0; at < page.length; tokens++) {
    if (tokens === MAX_TOKENS) return 'too many tokens';
    if (model.isCopy(decoder, at, 0) === 0) {
      page[at] = model.literal(decoder, at, 0);
      at++;
      continue;
    }
    if (!model.copy(decoder, at, 0, 0, false)) return 'copy from nowhere';
    const { from, length } = model;
    if (model.fromHistory || length < BY_HAND) {
      const source = model.fromHistory ? history : old;
      for (let n = 0; n < length; n++) page[at + n] = source[from + n]!;
    } else page.set(old.subarray(from, from + length), at);
    model.copied(at);
    at += length;
  }
  return undefined;
}

/** Below this many bytes a loop copies faster than a call. */
const BY_HAND = 200;

function refused(why: string): Decoded {
  return { kind: 'refused', why };
}
