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

export class LinkState {
  addDelayUs = 0;
  /** Bytes per second; 0 = no limit. */
  rate: number;
  loss = 0;
  /** Nothing passes while true. */
  cut = false;
  /** Delay one way; `undefined` = from the distance. */
  readonly delayUs: number | undefined;

  constructor(delayUs: number | undefined, rate: number) {
    this.delayUs = delayUs;
    this.rate = rate;
  }

  /** There and back, for a distance in km (`undefined` = unknown). */
  roundTripUs(distanceKm: number | undefined): number {
    const own = this.delayUs ?? (distanceKm === undefined ? DEFAULT_DELAY_US : (distanceKm / KM_PER_MS) * US_PER_MS);
    return Math.round(2 * (own + this.addDelayUs) + this.loss * RETRANSMISSION_US);
  }

  transferUs(bytes: number): number {
    return this.rate > 0 ? Math.round((bytes / this.rate) * US_PER_SECOND) : 0;
  }
}
