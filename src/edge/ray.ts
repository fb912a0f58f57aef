/**
 * `CF-Ray`: 16 hex digits and the PoP, the same towards the origin, the client and the log (LB-224, LB-229). The first half
 * tells processes apart, the second counts: unique without a draw for every request.
 */
import type { Random } from '../core/random.ts';

/** Two hex digits of every byte. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1));

export class RayIds {
  readonly #process: string;
  /** `#process` and the upper half of the count, which seldom changes. */
  #prefix: string;
  #count: number;

  constructor(random: Random) {
    this.#process = (random.below(4294967296) + 4294967296).toString(16).slice(1);
    this.#count = random.below(4294967296);
    this.#prefix = this.#process + upper(this.#count);
  }

  /** The 16 digits; whoever writes the field adds `-` and the PoP. */
  next(): string {
    this.#count = (this.#count + 1) >>> 0;
    if ((this.#count & 0xffff) === 0) this.#prefix = this.#process + upper(this.#count);
    return this.#prefix + HEX[(this.#count >>> 8) & 0xff] + HEX[this.#count & 0xff];
  }
}

function upper(count: number): string {
  return `${HEX[count >>> 24]}${HEX[(count >>> 16) & 0xff]}`;
}
