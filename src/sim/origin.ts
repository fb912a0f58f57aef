/**
 * One origin as the model sees it: a server with a rate it can serve, a queue, a latency, and whatever faults act on it now.
 *
 *   arrivals ──> [ queue, at most `queueLimit` ] ──> one server, `capacity` per second ──> latency ──> answer
 *
 * The queue is a fluid one: `#freeAt` is when the server has worked off all it accepted, so waiting is `#freeAt - now` and a full
 * queue answers 503 at once. That is exact for a steady service time and costs no event. Faults are effects laid on top of each
 * other; the worst mode wins, factors multiply.
 *
 * What is drawn for a request depends on its key alone (`core/draws.ts`), so it draws the same here and in the lab's origin of that name.
 */
import { Draws, PART } from '../core/draws.ts';
import type { Random } from '../core/random.ts';
import { US_PER_SECOND } from '../core/time.ts';
import {
  CONNECT_TIMEOUT,
  ORIGIN_ERROR,
  OVERLOADED,
  READ_TIMEOUT,
  REFUSED,
  RESET,
  SERVED,
  TLS_INVALID,
  UNREACHABLE,
} from './outcome.ts';

/** Limits of the edge towards an origin, spec 6.1. */
export const CONNECT_TIMEOUT_US = 19 * US_PER_SECOND;
export const READ_TIMEOUT_US = 100 * US_PER_SECOND;
/**
 * Whoever opens a connection and hears nothing sends its SYN again after 1, 2, 3, 4, 5, 7 and 11 s (Linux since 6.5 with its default
 * of four linear time-outs): when the way is free again by then, the connection stands. The pauses between, the last one up to the time-out.
 */
export const SYN_PAUSES_US: readonly number[] = [1, 1, 1, 1, 1, 2, 4, 8].map((seconds) => seconds * US_PER_SECOND);

/** From harmless to worst: where several effects meet, the later one in this list holds. */
export const ORIGIN_MODES = ['up', 'tls_invalid', 'reset', 'refuse', 'unreachable', 'blackhole'] as const;
export type OriginMode = (typeof ORIGIN_MODES)[number];

export interface OriginEffect {
  readonly mode?: OriginMode;
  /** Share of requests answered with the origin's own 500. */
  readonly errorShare?: number;
  readonly latencyFactor?: number;
  readonly latencyAddUs?: number;
  /** What is left of the stated capacity, 0..1. */
  readonly capacityFactor?: number;
}

export interface OriginTraits {
  /** Requests per second; 0 = no limit. */
  readonly capacity: number;
  /** Requests that may wait. */
  readonly queueLimit: number;
  readonly latencyUs: number;
  /** Latency is uniform in latencyUs ± jitterUs. */
  readonly jitterUs: number;
}

export class SimOrigin {
  readonly traits: OriginTraits;
  /** Grows whenever requests under way are cut off: what was in flight before fails. */
  generation = 0;
  /** Written by `admit`: how the attempt will end, and when (whole µs after it was sent). */
  ending = SERVED;
  afterUs = 0;
  mode: OriginMode = 'up';
  /** Requests turned away by a full queue so far. */
  rejected = 0;
  readonly #draws: Draws;
  /** Probes answered so far. */
  #probes = 0;
  readonly #effects: OriginEffect[] = [];
  #errorShare = 0;
  #factor = 1;
  #addUs = 0;
  #serviceUs: number;
  #queueUs: number;
  #freeAt = 0;

  constructor(traits: OriginTraits, random: Random) {
    this.traits = traits;
    this.#draws = new Draws(random);
    this.#serviceUs = traits.capacity > 0 ? US_PER_SECOND / traits.capacity : 0;
    this.#queueUs = this.#serviceUs * traits.queueLimit;
  }

  /** Lays an effect on; the function it returns takes it off again. `cut`: requests under way are lost now. */
  apply(effect: OriginEffect, cut = false): () => void {
    this.#effects.push(effect);
    if (cut) this.generation += 1;
    this.#settle();
    return () => {
      const at = this.#effects.indexOf(effect);
      if (at < 0) return;
      this.#effects.splice(at, 1);
      this.#settle();
    };
  }

  /** A request reaches the origin now. `roundTripUs` is the way there and back. Result in `ending` and `afterUs`. */
  admit(now: number, roundTripUs: number, key: number): void {
    if (this.mode === 'up') this.#serve(now, roundTripUs, this.#draws.about(key, PART.first));
    else this.#fail(roundTripUs);
  }

  /** The same for a monitor's request, which has no key: of those, it is the how-manyth. `trusting`: it does not look at the certificate. */
  probe(now: number, roundTripUs: number, trusting: boolean): void {
    if (this.mode === 'up' || (trusting && this.mode === 'tls_invalid')) {
      this.#serve(now, roundTripUs, this.#draws.about(this.#probes++, PART.probe));
    } else this.#fail(roundTripUs);
  }

  /** Probes are counted from here: at the run's start, since how many came before it is nobody's to say. */
  countProbes(): void {
    this.#probes = 0;
  }

  #serve(now: number, roundTripUs: number, draws: Draws): void {
    let waitUs = 0;
    if (this.#serviceUs > 0) {
      const start = this.#freeAt > now ? this.#freeAt : now;
      waitUs = start - now;
      if (waitUs > this.#queueUs) {
        this.rejected += 1;
        this.ending = OVERLOADED;
        this.afterUs = roundTripUs;
        return;
      }
      this.#freeAt = start + this.#serviceUs;
    }
    const { latencyUs, jitterUs } = this.traits;
    const share = this.#errorShare;
    const fails = (share > 0 || jitterUs > 0) && draws.next() < share;
    if (fails) {
      this.ending = ORIGIN_ERROR;
      this.afterUs = Math.floor(roundTripUs + waitUs + 0.5);
      return;
    }
    // Always the second draw: a fault that makes some fail leaves the others' latencies as they were.
    const own = jitterUs > 0 ? latencyUs + (draws.next() * 2 - 1) * jitterUs : latencyUs;
    const answerUs = waitUs + own * this.#factor + this.#addUs;
    if (answerUs > READ_TIMEOUT_US) {
      this.ending = READ_TIMEOUT;
      this.afterUs = roundTripUs + READ_TIMEOUT_US;
      return;
    }
    this.ending = SERVED;
    this.afterUs = Math.floor(roundTripUs + answerUs + 0.5);
  }

  #fail(roundTripUs: number): void {
    switch (this.mode) {
      case 'refuse':
        this.ending = REFUSED;
        this.afterUs = roundTripUs;
        return;
      case 'reset':
        this.ending = RESET;
        this.afterUs = roundTripUs;
        return;
      case 'tls_invalid':
        this.ending = TLS_INVALID;
        this.afterUs = roundTripUs * 2;
        return;
      case 'unreachable':
        this.ending = UNREACHABLE;
        this.afterUs = roundTripUs;
        return;
      default:
        this.ending = CONNECT_TIMEOUT;
        this.afterUs = CONNECT_TIMEOUT_US;
    }
  }

  #settle(): void {
    let mode = 0;
    let healthy = 1;
    let factor = 1;
    let addUs = 0;
    let capacity = 1;
    for (const effect of this.#effects) {
      if (effect.mode !== undefined) mode = Math.max(mode, ORIGIN_MODES.indexOf(effect.mode));
      healthy *= 1 - (effect.errorShare ?? 0);
      factor *= effect.latencyFactor ?? 1;
      addUs += effect.latencyAddUs ?? 0;
      capacity *= effect.capacityFactor ?? 1;
    }
    this.mode = ORIGIN_MODES[mode]!;
    this.#errorShare = 1 - healthy;
    this.#factor = factor;
    this.#addUs = addUs;
    // A capacity of nearly nothing still drains the queue some day: one request in a thousand seconds.
    const rate = this.traits.capacity * Math.max(capacity, 0.001 / Math.max(this.traits.capacity, 1));
    this.#serviceUs = this.traits.capacity > 0 ? US_PER_SECOND / rate : 0;
    this.#queueUs = this.#serviceUs * this.traits.queueLimit;
  }
}
