/**
 * What the machines need of a delta codec, and no more. `delta/` has the real ones; tests inject small ones. A codec is pure: same
 * bytes in, same bytes out.
 *
 * SAME is no codec here: it is a mode of RESPONSE, found by comparing, and costs no body bytes at all.
 */
export interface DeltaCodec {
  /** Bit n: this end can encode and decode codec n (1 copy/add, 2 hybrid, 3 zstd, 4 brotli; spec 12.4 id 10). */
  readonly mask: number;
  /**
   * `current` against `previous`, by the best codec that `allowed` (a mask) has. `undefined` when none of them is ours. The caller
   * decides whether the result is worth sending.
   */
  encode(previous: Uint8Array, current: Uint8Array, allowed: number): Encoded | undefined;
  /** What can be done for `encode` while the new page is awaited. A hint: of the last such page, until the next `encode`. */
  prepare?(previous: Uint8Array, allowed: number): void;
  /**
   * Back again: exactly `length` bytes, or a refusal. Any bytes may come in; memory stays within `length` and the inputs. `into` is
   * memory of that length for the page: a codec that can writes there, and returns it.
   */
  decode(codec: number, previous: Uint8Array, delta: Uint8Array, length: number, into?: Uint8Array): Decoded;
}

export interface Encoded {
  readonly codec: number;
  readonly bytes: Uint8Array;
}

export type Decoded =
  | { readonly kind: 'page'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly why: string };
