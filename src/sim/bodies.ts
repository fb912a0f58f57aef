/**
 * What simulated origins answer with: real bytes. Pages come from the shipped generator (`pages.ts`) or from folders of versions; a page
 * of a stated size is cut or repeated to it. What is not text (a log's images) is noise of the right length.
 *
 *     page number, moment ──page clock──► version ──generator or folder──► bytes, made once, kept while they are asked for
 */
import { assert } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import { versionAt } from './page-clock.ts';
import { type PageKind, pageAt } from './pages.ts';

export interface PageSource {
  /** A kind of the generator, or the versions themselves in their order. */
  readonly from: PageKind | readonly Uint8Array[];
  readonly everyUs: number;
  readonly contentType: string;
}

export interface SimBody {
  readonly contentType: string;
  readonly length: number;
  /** Pieces in order, each a view that nobody writes to. */
  readonly pieces: readonly Uint8Array[];
}

/** Made pages that are kept, bytes. Two versions of some hundred pages; made anew in a millisecond when they fell out. */
const KEPT_BYTES = 64 * 1024 * 1024;
const NOISE_BYTES = 1 << 20;

/** What origins need of it. */
export type BodySource = Pick<Bodies, 'body' | 'noise'>;

export class Bodies {
  readonly #sources: readonly PageSource[];
  readonly #seed: string;
  readonly #start: number;
  readonly #random: Random;
  #noise: Uint8Array | undefined;
  /** Least recently used first. */
  readonly #kept = new Map<string, SimBody>();
  #keptBytes = 0;

  constructor(sources: readonly PageSource[], seed: string, start: Micros, random: Random) {
    assert(sources.length > 0, 'pages come from somewhere');
    this.#sources = sources;
    this.#seed = seed;
    this.#start = start;
    this.#random = random;
  }

  /** Which source a page belongs to: pages are dealt out to the sources in turn. */
  sourceOf(page: number): PageSource {
    return this.#sources[(page >>> 0) % this.#sources.length]!;
  }

  versionOf(page: number, now: number): number {
    return versionAt(page, now - this.#start, this.sourceOf(page).everyUs);
  }

  /** @param length Of the body, in bytes; 0 = the page's own. */
  body(page: number, now: number, length: number): SimBody {
    const version = this.versionOf(page, now);
    const key = `${page}/${version}/${length}`;
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const source = this.sourceOf(page);
    const bytes = sized((part) => this.#make(source, page, version, part), length);
    const body = { contentType: source.contentType, length: bytes.length, pieces: [bytes] };
    this.#keep(key, body);
    return body;
  }

  /** Bytes without any order, as an image has them; the same for the same length. */
  noise(length: number): SimBody {
    const random = this.#random;
    this.#noise ??= Uint8Array.from({ length: NOISE_BYTES }, () => random.below(256));
    const pieces: Uint8Array[] = [];
    for (let left = length; left > 0; left -= NOISE_BYTES)
      pieces.push(this.#noise.subarray(0, Math.min(left, NOISE_BYTES)));
    return { contentType: 'image/jpeg', length, pieces };
  }

  #make(source: PageSource, page: number, version: number, part: number): Uint8Array {
    if (typeof source.from === 'string') return pageAt(source.from, `${this.#seed}/${page}/${part}`, version);
    // A folder is one page's story; every page lives through it from another version on.
    return source.from[(version + (page >>> 0)) % source.from.length]!;
  }

  #keep(key: string, body: SimBody): void {
    this.#kept.set(key, body);
    this.#keptBytes += body.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES || oldest === key) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
  }
}

/** True when `bytes` are what `body` has from `at` on. */
export function bodyHas(body: SimBody, at: number, bytes: Uint8Array): boolean {
  let from = at;
  let checked = 0;
  for (const piece of body.pieces) {
    if (from >= piece.length) {
      from -= piece.length;
      continue;
    }
    const size = Math.min(piece.length - from, bytes.length - checked);
    if (Buffer.compare(piece.subarray(from, from + size), bytes.subarray(checked, checked + size)) !== 0) return false;
    checked += size;
    from = 0;
    if (checked === bytes.length) return true;
  }
  return checked === bytes.length;
}

/** A page of exactly `length` bytes: its beginning, or as many pages of its kind one behind the other as it takes. */
function sized(make: (part: number) => Uint8Array, length: number): Uint8Array {
  const first = make(0);
  if (length === 0 || first.length === length) return first;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let part = 0; at < length; part += 1) {
    const piece = part === 0 ? first : make(part);
    assert(piece.length > 0, 'a page has bytes');
    bytes.set(piece.subarray(0, length - at), at);
    at += piece.length;
  }
  return bytes;
}
