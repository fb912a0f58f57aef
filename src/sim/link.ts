/**
 * The way between an edge and an origin, as arithmetic: a delay each way, a rate, a share of loss. Loss costs time, never
 * bytes: a lost segment is sent again after a retransmission time-out, so the mean cost is share × time-out.
 */
import { US_PER_MS, US_PER_SECOND } from '../core/time.ts';

/** Smallest retransmission time-out of Linux. */
const RETRANSMISSION_US = 200 * US_PER_MS;
/** Light in fibre: 200 km per millisecond one way; real paths are about half again as long as the great circle. */
const KM_PER_MS = 200 / 1.5;
/** Where nothing says how far apart two places are. */
export const DEFAULT_DELAY_US = 10 * US_PER_MS;

export interface LinkEffect {
  /** Each way. */
  readonly addDelayUs?: number;
  /** Bytes per second that are left. */
  readonly rate?: number;
  /** Share of segments. */
  readonly loss?: number;
  readonly cut?: boolean;
}

/** Faults lay effects on top of each other: delays add up, the narrowest rate holds, losses meet by chance, one cut is enough. */
export class LinkState {
  addDelayUs = 0;
  /** Bytes per second; 0 = no limit. */
  rate: number;
  loss = 0;
  /** Nothing passes while true. */
  cut = false;
  /** When the present cut began; meaningless without one. */
  cutSince = 0;
  /** Delay one way; `undefined` = from the distance. */
  readonly delayUs: number | undefined;
  /** When connections that stood were last forgotten by something on the way; lanes older than that are dead. */
  forgottenAt = Number.NEGATIVE_INFINITY;
  onForget: (() => void) | undefined;
  /** Called when a cut has ended. */
  onPass: (() => void) | undefined;
  readonly #rate: number;
  readonly #effects: LinkEffect[] = [];

  constructor(delayUs: number | undefined, rate: number) {
    this.delayUs = delayUs;
    this.rate = rate;
    this.#rate = rate;
  }

  /** The function it returns takes the effect off again. */
  apply(effect: LinkEffect, now = 0): () => void {
    if (effect.cut === true && !this.cut) this.cutSince = now;
    this.#effects.push(effect);
    this.#settle();
    return () => {
      const at = this.#effects.indexOf(effect);
      if (at < 0) return;
      this.#effects.splice(at, 1);
      const before = this.cut;
      this.#settle();
      if (before && !this.cut) this.onPass?.();
    };
  }

  forget(now: number): void {
    this.forgottenAt = now;
    this.onForget?.();
  }

  /** There and back, for a distance in km (`undefined` = unknown). */
  roundTripUs(distanceKm: number | undefined): number {
    const own = this.delayUs ?? (distanceKm === undefined ? DEFAULT_DELAY_US : (distanceKm / KM_PER_MS) * US_PER_MS);
    return Math.round(2 * (own + this.addDelayUs) + this.loss * RETRANSMISSION_US);
  }

  transferUs(bytes: number): number {
    return this.rate > 0 ? Math.round((bytes / this.rate) * US_PER_SECOND) : 0;
  }

  #settle(): void {
    let addDelayUs = 0;
    let rate = this.#rate;
    let arrives = 1;
    let cut = false;
    for (const effect of this.#effects) {
      addDelayUs += effect.addDelayUs ?? 0;
      if (effect.rate !== undefined) rate = rate > 0 ? Math.min(rate, effect.rate) : effect.rate;
      arrives *= 1 - (effect.loss ?? 0);
      cut ||= effect.cut === true;
    }
    this.addDelayUs = addDelayUs;
    this.rate = rate;
    this.loss = 1 - arrives;
    this.cut = cut;
  }
}
