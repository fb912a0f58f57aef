/**
 * Where clients are while PoPs are withdrawn: at home as long as theirs is in use, else at the nearest that is left. Replay and drill ask
 * the same class, so both send the same client to the same edge. Which PoPs are out, and how many faults hold one out, is the caller's
 * business; the nearest PoP is found by `geo/locate.ts`.
 */
import type { Location } from '../core/location.ts';
import type { Locator } from '../geo/locate.ts';
import { POPS, findPop } from '../geo/tables.ts';

export class Whereabouts {
  /** PoPs of this world, withdrawn or not, by their index in the table. */
  readonly pops: readonly number[];
  readonly #home: Locator;
  readonly #codes: readonly string[];
  readonly #isOut: (popIndex: number) => boolean;
  #present: Locator;
  readonly #moved = new Map<Location, Location>();

  /**
   * @param pops Codes of the PoPs that `locator` uses, all of the table's when empty.
   * @param isOut Is this PoP withdrawn? Asked again with every `changed`.
   */
  constructor(locator: Locator, pops: readonly string[], isOut: (popIndex: number) => boolean) {
    this.#home = locator;
    this.#present = locator;
    this.#codes = pops.length > 0 ? pops : POPS.map((pop) => pop.code);
    this.pops = this.#codes.map((code) => findPop(code)!.index);
    this.#isOut = isOut;
  }

  /** The place of a client now, from the one it has while every PoP is in use. */
  locate(home: Location): Location {
    if (this.#present === this.#home) return home;
    const known = this.#moved.get(home);
    if (known !== undefined) return known;
    const now = this.#present.moved(home);
    this.#moved.set(home, now);
    return now;
  }

  /** To be called whenever a PoP was withdrawn or came back. */
  changed(): void {
    this.#moved.clear();
    const left = this.#codes.filter((_, at) => !this.#isOut(this.pops[at]!));
    if (left.length === this.#codes.length) this.#present = this.#home;
    // With nobody left the clients stay where they are.
    else if (left.length > 0) this.#present = this.#home.using(left);
  }
}
