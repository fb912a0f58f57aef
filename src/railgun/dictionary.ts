/**
 * Page versions that an end holds. A version is a stored head and a body, named by its content, so the counters of n listeners and
 * m edges cannot drift apart (D5). This file knows keys, names, the stored form with its checksums, and which version came last for
 * a URL. It does not know the store: machines emit `store_get` and `store_set`, and are told the answer later.
 *
 *   key     SHA-256(zone, GET, scheme, host, path?query, type)                            where versions of one URL live
 *   name    SHA-256(stored head's length, stored head, SHA-256(body)), first 8 B on the wire
 *
 * A URL has a few slots in the store for each edge place, chosen by the name: concurrent answers rarely overwrite one another, and a
 * page that changes on every request cannot fill the store with versions nobody will name again.
 */
import { hash } from 'node:crypto';
import { assert } from '../core/assert.ts';
import { after, type Micros, US_PER_SECOND } from '../core/time.ts';
import { NAME_BYTES } from './messages.ts';
import { fromLatin1, joined, sameBytes } from './payload.ts';

export interface Version {
  readonly name: Uint8Array;
  /** Without secrets (head-delta.ts). */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /** SHA-256 of the body, 32 B. */
  readonly digest: Uint8Array;
  readonly storedAt: Micros;
}

export interface DictionaryOptions {
  /** Tells the entries of the two ends apart when they share a store. */
  readonly side: 'sender' | 'listener';
  /** `memcached.expiration`; 0 = never. */
  readonly expirationSeconds: number;
  /** `memcached.limit`: larger bodies are not stored. */
  readonly limitBytes: number;
  /** `memcached.timeout`. */
  readonly lookupBudgetUs: number;
}

/** Versions of one URL that one edge place can have in a store: the last one of each of its processes, and those in flight. */
const SLOTS = 32;
/** URLs whose last version a sender remembers: about 20 MB. */
export const MAX_NAMES = 100_000;
/** After a failed call the store is left alone for this long. */
export const STORE_REST_US = US_PER_SECOND;

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

export interface KeyParts {
  readonly zone: string;
  readonly https: boolean;
  readonly authority: string;
  readonly path: string;
}

/** D15. Bodies are stored opened, so the type is always `identity`; the field keeps room for others. */
export function dictionaryKey(parts: KeyParts): string {
  const scheme = parts.https ? 'https' : 'http';
  const fields = [parts.zone.toLowerCase(), 'GET', scheme, parts.authority.toLowerCase(), parts.path, 'identity'];
  return hash('sha256', fromLatin1(fields.join('\0')), 'base64url');
}

export function versionName(head: Uint8Array, digest: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + head.length + digest.length);
  new DataView(whole.buffer).setUint32(0, head.length);
  whole.set(head, 4);
  whole.set(digest, 4 + head.length);
  return sha256(whole).subarray(0, NAME_BYTES);
}

export function makeVersion(head: Uint8Array, body: Uint8Array, digest: Uint8Array, now: Micros): Version {
  return { name: versionName(head, digest), head, body, digest, storedAt: now };
}

/**
 *   0  "RGV1"             16  SHA-256 of the body, 32 B
 *   4  stored at, µs, 8 B  48  SHA-256 of bytes 0 to 47 and the head, first 8 B
 *  12  head length, 4 B   56  head, then body
 */
const MAGIC = 0x52475631;
const PREFIX = 56;

/**
 * Versions by the very bytes they were packed into. A store in this process gives those back, and bytes that nobody changes
 * (core/ports.ts) need no second digest. A store elsewhere gives others, which are looked at as closely as ever.
 */
const PACKED = new WeakMap<Uint8Array, Version>();

/** Memory for a version in its stored form: a body that is put here as it comes needs no other place, and no copy when it is stored. */
export class Room {
  readonly head: Uint8Array;
  /** To be filled. Not cleared: nobody may see it before every byte of it is written. */
  readonly body: Uint8Array;
  readonly #packed: Uint8Array;

  /** `head`: without secrets. */
  constructor(head: Uint8Array, bodyLength: number) {
    this.#packed = new Uint8Array(Buffer.allocUnsafeSlow(PREFIX + head.length + bodyLength).buffer);
    this.#packed.set(head, PREFIX);
    this.head = this.#packed.subarray(PREFIX, PREFIX + head.length);
    this.body = this.#packed.subarray(PREFIX + head.length);
  }

  static of(head: Uint8Array, body: Uint8Array): Room {
    const room = new Room(head, body.length);
    room.body.set(body);
    return room;
  }

  /** The body is whole, and this is its digest: what the store is to keep. From now on nobody changes a byte. */
  pack(name: Uint8Array, digest: Uint8Array, storedAt: Micros): Uint8Array {
    const packed = this.#packed;
    const view = new DataView(packed.buffer);
    view.setUint32(0, MAGIC);
    view.setBigUint64(4, BigInt(storedAt));
    view.setUint32(12, this.head.length);
    packed.set(digest, 16);
    packed.set(checkOf(packed, this.head.length), 48);
    PACKED.set(packed, partsOf(packed, this.head.length, name, storedAt));
    return packed;
  }
}

export function packVersion({ head, body, name, digest, storedAt }: Version): Uint8Array {
  return Room.of(head, body).pack(name, digest, storedAt);
}

function partsOf(packed: Uint8Array, headLength: number, name: Uint8Array, storedAt: Micros): Version {
  return {
    name,
    head: packed.subarray(PREFIX, PREFIX + headLength),
    body: packed.subarray(PREFIX + headLength),
    digest: packed.subarray(16, 48),
    storedAt,
  };
}

function checkOf(packed: Uint8Array, headLength: number): Uint8Array {
  const prefix = packed.subarray(0, 48);
  return sha256(joined([prefix, packed.subarray(PREFIX, PREFIX + headLength)])).subarray(0, 8);
}

/** A store may lie, cut or mix up: what comes back is the named version, whole and in date, or nothing (RG-056, RG-062). */
export function unpackVersion(
  value: Uint8Array,
  name: Uint8Array,
  now: Micros,
  expirationSeconds: number,
): Version | undefined {
  const known = PACKED.get(value);
  if (known !== undefined)
    return sameBytes(known.name, name) && !isOld(known, now, expirationSeconds) ? known : undefined;
  if (value.length < PREFIX) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (view.getUint32(0) !== MAGIC) return undefined;
  const headLength = view.getUint32(12);
  if (PREFIX + headLength > value.length) return undefined;
  if (!sameBytes(value.subarray(48, PREFIX), checkOf(value, headLength))) return undefined;
  const storedAt = Number(view.getBigUint64(4)) as Micros;
  const version = partsOf(value, headLength, name, storedAt);
  if (isOld(version, now, expirationSeconds)) return undefined;
  const { head, body, digest } = version;
  return sameBytes(versionName(head, digest), name) && sameBytes(sha256(body), digest) ? version : undefined;
}

function isOld({ storedAt }: Version, now: Micros, expirationSeconds: number): boolean {
  return expirationSeconds > 0 && now >= after(storedAt, expirationSeconds * US_PER_SECOND);
}

interface Remembered {
  readonly name: Uint8Array;
  readonly learntAt: Micros;
}

export class Dictionary {
  #options: DictionaryOptions;
  /** Least recently used first. */
  readonly #last = new Map<string, Remembered>();
  #restUntil = 0 as Micros;

  constructor(options: DictionaryOptions) {
    this.#options = options;
  }

  get options(): DictionaryOptions {
    return this.#options;
  }

  /** URLs with a remembered version. */
  get size(): number {
    return this.#last.size;
  }

  /** SIGHUP: new limits from now on (RG-079). */
  configure(options: DictionaryOptions): void {
    this.#options = options;
  }

  /** `place`: the edge place that holds the version. Places never push one another's versions out. */
  storeKey(key: string, name: Uint8Array, place: string): string {
    return `rg1${this.#options.side === 'sender' ? 's' : 'l'}:${key}:${place}:${(name[0] ?? 0) % SLOTS}`;
  }

  /** The version to name in a request (RG-047); `undefined` when none is known, in date and worth asking for. */
  latest(key: string, now: Micros): Uint8Array | undefined {
    const entry = this.#last.get(key);
    if (entry === undefined || this.resting(now)) return undefined;
    const { expirationSeconds } = this.#options;
    if (expirationSeconds > 0 && now >= after(entry.learntAt, expirationSeconds * US_PER_SECOND)) {
      this.#last.delete(key);
      return undefined;
    }
    this.#last.delete(key);
    this.#last.set(key, entry);
    return entry.name;
  }

  /** This version was stored just now: the last one wins (RG-063). */
  learn(key: string, name: Uint8Array, now: Micros): void {
    assert(name.length === NAME_BYTES, 'a version name has 8 bytes');
    this.#last.delete(key);
    this.#last.set(key, { name, learntAt: now });
    if (this.#last.size <= MAX_NAMES) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }

  /** The version proved useless: it is not named again. A newer one stays. */
  forget(key: string, name: Uint8Array): void {
    const entry = this.#last.get(key);
    if (entry !== undefined && sameBytes(entry.name, name)) this.#last.delete(key);
  }

  fits(bodyBytes: number): boolean {
    return bodyBytes <= this.#options.limitBytes;
  }

  /** An unchanged page would fall out of the store although it is asked for all the time: stored anew at half its life. */
  wantsRefresh(version: Version, now: Micros): boolean {
    const half = (this.#options.expirationSeconds * US_PER_SECOND) / 2;
    return half > 0 && now - version.storedAt >= half;
  }

  /** The store failed, or answers again. */
  storeFailed(now: Micros): void {
    this.#restUntil = after(now, STORE_REST_US);
  }

  storeWorks(): void {
    this.#restUntil = 0 as Micros;
  }

  resting(now: Micros): boolean {
    return now < this.#restUntil;
  }
}
