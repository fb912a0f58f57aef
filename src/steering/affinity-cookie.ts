/**
 * The `__cflb` cookie: a claim as opaque, signed text, and back. The real format is unknown (spec 5.1); ours names neither
 * pools nor servers to visitors, and is always 52 characters:
 *
 *   0        1            5              11         17           23                 39
 *   +--------+------------+--------------+----------+------------+------------------+   base64url
 *   | format | issued, s  | balancer tag | pool tag | origin tag | HMAC-SHA-256/128 |
 *   +--------+------------+--------------+----------+------------+------------------+
 *
 * A tag is 48 bits of a keyed hash of the id. Whoever alters, invents or cuts a cookie has no valid signature: as if absent
 * (LB-179). A balancer, pool or origin that is no longer in the model decodes to an id that nothing has, so that steering
 * can say what became of the session.
 */
import type { AffinityClaim } from '../core/decision.ts';
import type { Affinity, Model } from '../core/model.ts';
import { HmacSha256, sameBytes, SHA256_BYTES } from './hmac-sha256.ts';

export const AFFINITY_COOKIE = '__cflb';

const FORMAT = 1;
const ISSUED_AT = 1;
const TAGS_AT = 5;
const TAG_BYTES = 6;
const SIGNED_BYTES = TAGS_AT + 3 * TAG_BYTES;
const SIGNATURE_BYTES = 16;
const COOKIE_BYTES = SIGNED_BYTES + SIGNATURE_BYTES;
const COOKIE_CHARS = 52;
/** Verified cookies remembered, so that a returning visitor costs a map look-up: about 300 B each. */
export const VERIFIED_LIMIT = 20_000;
/** What a tag decodes to when nothing in the model has it: no id looks so. */
const GONE = '(gone)';

export class AffinityCookies {
  readonly #hmac: HmacSha256;
  readonly #balancerTags = new Map<string, Uint8Array>();
  /** By pool id: its tag, and those of its origins by name. */
  readonly #poolTags = new Map<string, { readonly tag: Uint8Array; readonly origins: Map<string, Uint8Array> }>();
  readonly #idOf = new Map<number, string>();
  readonly #verified = new Map<string, AffinityClaim>();
  readonly #bytes = Buffer.alloc(COOKIE_BYTES);
  /** The part of `#bytes` that is signed. */
  readonly #signed = this.#bytes.subarray(0, SIGNED_BYTES);
  readonly #signature = new Uint8Array(SHA256_BYTES);

  /** One per configuration: ids of the model are the ones that can be named. All edges share the key; 32 random bytes. */
  constructor(key: Uint8Array, model: Model) {
    this.#hmac = new HmacSha256(key);
    for (const { id } of model.loadBalancers) this.#balancerTags.set(id, this.#addTag(balancerName(id), id));
    for (const { id, origins } of model.pools) {
      const tags = new Map(origins.map(({ name }) => [name, this.#addTag(originName(id, name), name)]));
      this.#poolTags.set(id, { tag: this.#addTag(poolName(id), id), origins: tags });
    }
  }

  encode(claim: AffinityClaim): string {
    const bytes = this.#bytes;
    bytes[0] = FORMAT;
    bytes.writeUInt32BE(claim.issuedAt, ISSUED_AT);
    const { loadBalancer, pool, origin } = claim;
    const known = this.#poolTags.get(pool);
    bytes.set(this.#balancerTags.get(loadBalancer) ?? this.#makeTag(balancerName(loadBalancer)), TAGS_AT);
    bytes.set(known?.tag ?? this.#makeTag(poolName(pool)), TAGS_AT + TAG_BYTES);
    bytes.set(known?.origins.get(origin) ?? this.#makeTag(originName(pool, origin)), TAGS_AT + 2 * TAG_BYTES);
    this.#hmac.sign(this.#signed, this.#signature);
    for (let i = 0; i < SIGNATURE_BYTES; i += 1) bytes[SIGNED_BYTES + i] = this.#signature[i]!;
    return bytes.toString('base64url');
  }

  /** The claim in a cookie's value; `undefined` for anything that we did not sign. Age is not judged here. */
  decode(text: string): AffinityClaim | undefined {
    if (text.length !== COOKIE_CHARS) return undefined;
    const known = this.#verified.get(text);
    if (known !== undefined) return known;
    const bytes = this.#bytes;
    // Decoding skips characters outside the alphabet: fewer bytes then.
    if (bytes.write(text, 'base64url') !== COOKIE_BYTES || bytes[0] !== FORMAT) return undefined;
    this.#hmac.sign(this.#signed, this.#signature);
    if (!sameBytes(this.#signature, 0, bytes, SIGNED_BYTES, SIGNATURE_BYTES)) return undefined;
    const claim: AffinityClaim = {
      loadBalancer: this.#id(TAGS_AT),
      pool: this.#id(TAGS_AT + TAG_BYTES),
      origin: this.#id(TAGS_AT + 2 * TAG_BYTES),
      issuedAt: bytes.readUInt32BE(ISSUED_AT),
    };
    if (this.#verified.size >= VERIFIED_LIMIT) this.#verified.clear();
    this.#verified.set(text, claim);
    return claim;
  }

  #id(at: number): string {
    return this.#idOf.get(this.#bytes.readUIntBE(at, TAG_BYTES)) ?? GONE;
  }

  #makeTag(name: string): Uint8Array {
    const digest = new Uint8Array(SHA256_BYTES);
    this.#hmac.sign(Buffer.from(name), digest);
    return digest.subarray(0, TAG_BYTES);
  }

  #addTag(name: string, id: string): Uint8Array {
    const tag = this.#makeTag(name);
    this.#idOf.set(Buffer.from(tag).readUIntBE(0, TAG_BYTES), id);
    return tag;
  }
}

const balancerName = (id: string): string => `balancer\n${id}`;
const poolName = (id: string): string => `pool\n${id}`;
const originName = (pool: string, origin: string): string => `origin\n${pool}\n${origin}`;

/** Value of `Set-Cookie` for a new session. Auto attributes follow Always Use HTTPS (LB-177, LB-178). */
export function setCookie(value: string, affinity: Affinity, alwaysUseHttps: boolean): string {
  const sameSite = affinity.samesite === 'Auto' ? (alwaysUseHttps ? 'Lax' : 'None') : affinity.samesite;
  const secure = affinity.secure === 'Auto' ? alwaysUseHttps : affinity.secure === 'Always';
  const text = `${AFFINITY_COOKIE}=${value}; Max-Age=${affinity.ttlSeconds}; Path=/; HttpOnly; SameSite=${sameSite}`;
  return secure ? `${text}; Secure` : text;
}

/** Value of the first cookie of this name in a `Cookie` header, without building a map of all; `undefined` when absent. */
export function cookieValue(header: string, name: string): string | undefined {
  let at = header.indexOf(name);
  while (at !== -1) {
    const end = at + name.length;
    if (startsPair(header, at) && header.charCodeAt(end) === 61) {
      const stop = header.indexOf(';', end);
      return header.slice(end + 1, stop === -1 ? header.length : stop).trim();
    }
    at = header.indexOf(name, end);
  }
  return undefined;
}

/** Does a pair begin here: at the start, or after `;` and blanks? */
function startsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && (header.charCodeAt(before) === 32 || header.charCodeAt(before) === 9)) before -= 1;
  return before < 0 || header.charCodeAt(before) === 59;
}

/** `name=value` of every cookie but our own, in the order sent. */
export function cookiePairs(header: string): string[] {
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !pair.startsWith(`${AFFINITY_COOKIE}=`));
}
