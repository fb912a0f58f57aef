/**
 * HMAC-SHA-256 (FIPS 180-4, RFC 2104) with the key's two pads absorbed once. A signature of up to 55 bytes then costs two
 * compressions, half the time of `createHmac`, and makes no native object whose collection stalls a busy proxy
 * (research/performance.md 6). The tests prove it equal to node:crypto.
 *
 * Pure computation. Signing time depends on the length of the message alone; comparing is done without early exit
 * (`sameBytes`). Not audited beyond that: use it for cookies that bind a visitor to a server, not for secrets.
 */

export const SHA256_BYTES = 32;
const BLOCK_BYTES = 64;

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K = Int32Array.of(
  0x428a2f98,
  0x71374491,
  0xb5c0fbcf,
  0xe9b5dba5,
  0x3956c25b,
  0x59f111f1,
  0x923f82a4,
  0xab1c5ed5,
  0xd807aa98,
  0x12835b01,
  0x243185be,
  0x550c7dc3,
  0x72be5d74,
  0x80deb1fe,
  0x9bdc06a7,
  0xc19bf174,
  0xe49b69c1,
  0xefbe4786,
  0x0fc19dc6,
  0x240ca1cc,
  0x2de92c6f,
  0x4a7484aa,
  0x5cb0a9dc,
  0x76f988da,
  0x983e5152,
  0xa831c66d,
  0xb00327c8,
  0xbf597fc7,
  0xc6e00bf3,
  0xd5a79147,
  0x06ca6351,
  0x14292967,
  0x27b70a85,
  0x2e1b2138,
  0x4d2c6dfc,
  0x53380d13,
  0x650a7354,
  0x766a0abb,
  0x81c2c92e,
  0x92722c85,
  0xa2bfe8a1,
  0xa81a664b,
  0xc24b8b70,
  0xc76c51a3,
  0xd192e819,
  0xd6990624,
  0xf40e3585,
  0x106aa070,
  0x19a4c116,
  0x1e376c08,
  0x2748774c,
  0x34b0bcb5,
  0x391c0cb3,
  0x4ed8aa4a,
  0x5b9cca4f,
  0x682e6ff3,
  0x748f82ee,
  0x78a5636f,
  0x84c87814,
  0x8cc70208,
  0x90befffa,
  0xa4506ceb,
  0xbef9a3f7,
  0xc67178f2,
);

const INITIAL = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

const schedule = new Int32Array(64);
const tail = new Uint8Array(BLOCK_BYTES * 2);
const state = new Int32Array(8);
const innerDigest = new Uint8Array(SHA256_BYTES);

export class HmacSha256 {
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;

  constructor(key: Uint8Array) {
    const block = new Uint8Array(BLOCK_BYTES);
    if (key.length > BLOCK_BYTES) sha256(key, block);
    else block.set(key);
    this.#inner = absorb(block.map((byte) => byte ^ 0x36));
    this.#outer = absorb(block.map((byte) => byte ^ 0x5c));
  }

  /** Write the 32-byte signature of `message` to the start of `out`. */
  sign(message: Uint8Array, out: Uint8Array): void {
    finish(this.#inner, message, innerDigest);
    finish(this.#outer, innerDigest, out);
  }
}

/** Write the digest of `message` to the start of `out`. */
export function sha256(message: Uint8Array, out: Uint8Array): void {
  state.set(INITIAL);
  digest(message, 0, out);
}

/** Digest of a text (UTF-8), base64url. */
export function sha256Text(text: string): string {
  const out = Buffer.alloc(SHA256_BYTES);
  sha256(Buffer.from(text), out);
  return out.toString('base64url');
}

/** Equal in their first `length` bytes? Takes the same time wherever they differ. */
export function sameBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  let difference = 0;
  for (let i = 0; i < length; i += 1) difference |= a[aAt + i]! ^ b[bAt + i]!;
  return difference === 0;
}

function absorb(pad: Uint8Array): Int32Array {
  const absorbed = Int32Array.from(INITIAL);
  compress(absorbed, pad, 0);
  return absorbed;
}

/** From a state that has absorbed one pad: the digest of pad and message. */
function finish(from: Int32Array, message: Uint8Array, out: Uint8Array): void {
  state.set(from);
  digest(message, BLOCK_BYTES, out);
}

/** Absorb a message into `state`, which has absorbed `before` bytes already, and write the digest. */
function digest(message: Uint8Array, before: number, out: Uint8Array): void {
  let at = 0;
  for (; message.length - at >= BLOCK_BYTES; at += BLOCK_BYTES) compress(state, message, at);
  const rest = message.length - at;
  const end = rest + 9 <= BLOCK_BYTES ? BLOCK_BYTES : BLOCK_BYTES * 2;
  tail.fill(0, rest, end);
  for (let i = 0; i < rest; i += 1) tail[i] = message[at + i]!;
  tail[rest] = 0x80;
  let bits = (before + message.length) * 8;
  for (let i = end - 1; i >= end - 8; i -= 1) {
    tail[i] = bits % 256;
    bits = Math.floor(bits / 256);
  }
  compress(state, tail, 0);
  if (end > BLOCK_BYTES) compress(state, tail, BLOCK_BYTES);
  for (let i = 0; i < 8; i += 1) {
    const word = state[i]!;
    out[i * 4] = word >>> 24;
    out[i * 4 + 1] = word >>> 16;
    out[i * 4 + 2] = word >>> 8;
    out[i * 4 + 3] = word;
  }
}

function compress(h: Int32Array, bytes: Uint8Array, at: number): void {
  const w = schedule;
  for (let i = 0; i < 16; i += 1) {
    const j = at + i * 4;
    w[i] = (bytes[j]! << 24) | (bytes[j + 1]! << 16) | (bytes[j + 2]! << 8) | bytes[j + 3]!;
  }
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let a = h[0]!;
  let b = h[1]!;
  let c = h[2]!;
  let d = h[3]!;
  let e = h[4]!;
  let f = h[5]!;
  let g = h[6]!;
  let last = h[7]!;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (last + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    last = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  h[0] = (h[0]! + a) | 0;
  h[1] = (h[1]! + b) | 0;
  h[2] = (h[2]! + c) | 0;
  h[3] = (h[3]! + d) | 0;
  h[4] = (h[4]! + e) | 0;
  h[5] = (h[5]! + f) | 0;
  h[6] = (h[6]! + g) | 0;
  h[7] = (h[7]! + last) | 0;
}
