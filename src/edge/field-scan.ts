/**
 * Where in a request's head the few fields stand that the edge itself reads: one pass over the hashes that the parser has
 * computed already, instead of one search per name. The object is filled anew for every request.
 */
import { fieldName, sameName } from '../http1/field-set.ts';
import type { RequestHead } from '../http1/head.ts';

const NAMES = [
  'cookie',
  'cf-connecting-ip',
  'cf-ipcountry',
  'x-forwarded-for',
  'cdn-loop',
  'accept-encoding',
  'accept',
].map(fieldName);
const COOKIE = 0;
const CONNECTING_IP = 1;
const COUNTRY = 2;
const FORWARDED_FOR = 3;
const CDN_LOOP = 4;
const ACCEPT_ENCODING = 5;
const ACCEPT = 6;

/** By the low bits of the hash: place in NAMES plus one; 0 = none of ours. */
const BUCKETS = 1024;
const AT = new Uint8Array(BUCKETS);
for (const [index, { name, hash }] of NAMES.entries()) {
  const bucket = hash & (BUCKETS - 1);
  if (AT[bucket] !== 0) throw new Error(`two field names share a bucket: ${name}`);
  AT[bucket] = index + 1;
}

export class FieldScan {
  /** Fields of that name; what counts is whether there are none, one, or more. */
  readonly #count = new Uint8Array(NAMES.length);
  readonly #first = new Int32Array(NAMES.length);
  #head: RequestHead | undefined;

  read(head: RequestHead): void {
    this.#head = head;
    this.#count.fill(0);
    const { hashes, kinds, count, spans, text } = head;
    for (let i = 0; i < count; i += 1) {
      if (kinds[i] !== 0) continue;
      const hash = hashes[i]!;
      const known = AT[hash & (BUCKETS - 1)]!;
      if (known === 0) continue;
      const { name, hash: wanted } = NAMES[known - 1]!;
      if (hash !== wanted || !sameName(name, text, spans[i * 4]!, spans[i * 4 + 1]!)) continue;
      if (this.#count[known - 1] === 0) this.#first[known - 1] = i;
      if (this.#count[known - 1]! < 255) this.#count[known - 1]! += 1;
    }
  }

  /** The `Cookie` of a request; several (as HTTP/2 may send them) are joined. Empty when there is none. */
  get cookie(): string {
    if (this.#count[COOKIE]! > 1) return this.#head!.all(NAMES[COOKIE]!).join('; ');
    return this.#value(COOKIE);
  }
  get connectingIp(): string | undefined {
    return this.#optional(CONNECTING_IP);
  }
  get country(): string | undefined {
    return this.#optional(COUNTRY);
  }
  /** Number of `X-Forwarded-For` fields, and the first; `forwardedForAll` has all in order. */
  get forwardedForCount(): number {
    return this.#count[FORWARDED_FOR]!;
  }
  get forwardedFor(): string {
    return this.#value(FORWARDED_FOR);
  }
  get forwardedForAll(): readonly string[] {
    return this.#count[FORWARDED_FOR] === 0 ? NONE : this.#head!.all(NAMES[FORWARDED_FOR]!);
  }
  get cdnLoop(): string {
    return this.#count[CDN_LOOP]! > 1 ? this.#head!.all(NAMES[CDN_LOOP]!).join(', ') : this.#value(CDN_LOOP);
  }
  /** Undefined when the client sent none: it then takes anything, and we ask for nothing special. */
  get acceptEncoding(): string | undefined {
    return this.#count[ACCEPT_ENCODING]! > 1
      ? this.#head!.all(NAMES[ACCEPT_ENCODING]!).join(', ')
      : this.#optional(ACCEPT_ENCODING);
  }
  get accept(): string {
    return this.#count[ACCEPT]! > 1 ? this.#head!.all(NAMES[ACCEPT]!).join(', ') : this.#value(ACCEPT);
  }

  #optional(which: number): string | undefined {
    return this.#count[which] === 0 ? undefined : this.#head!.value(this.#first[which]!);
  }

  #value(which: number): string {
    return this.#count[which] === 0 ? '' : this.#head!.value(this.#first[which]!);
  }
}

const NONE: readonly string[] = [];
