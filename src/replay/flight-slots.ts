/**
 * Where requests under way lie: a slot each, 64 bytes, which is one cache line, and beside it the few objects that a request has. A slot is
 * taken at arrival, given back at the end and used again; nothing here knows what the columns are for (`flights.ts`, `lane-flights.ts`).
 */
import type { Decision } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { WireOutcome } from '../sim/wire/sender-place.ts';

/** Event kind of a completion; its operand is the slot. */
export const COMPLETE = 1;

/** Requests under way for which there is room at first. */
const FIRST_SLOTS = 1024;

// A slot's row: 8 doubles or 16 ints over the same 64 bytes.
const DOUBLES = 8;
const ARRIVED_AT = 0;
/** Of the body. */
const BYTES = 1;
const INTS = 16;
/** In order of arrival, from 0; uint32. */
const NUMBER = 4;
/** Whom the draws are about (`Arrival.key`). */
const KEY = 5;
const CLIENT = 6;
const BALANCER = 7;
/** Global number of the origin of the last attempt, -1 = none. */
const ORIGIN = 8;
/** Of that origin when the attempt began: another one at its end means that it was cut off. */
const GENERATION = 9;
const LISTENER = 10;
/** Number of the lane at its PoP. */
const LANE = 11;
/** Hash of the page. */
const PAGE = 12;
/** Ledger bucket of the last attempt. */
const BUCKET = 13;
/** PoP index, and the ledger's row of its region above it. */
const PLACE = 14;
const POP_MASK = 0xffff;
const REGION_SHIFT = 16;
/** Flags, attempts, and how the last attempt will end. */
const STATE = 15;
const ATTEMPT = 1 << 8;
const ENDING_SHIFT = 16;
const ENDING_MASK = 0xff;
/** Above it, while nobody answers a SYN: how often it was sent again. */
const SYNS_SHIFT = 24;

// Flags of STATE.
const VIA_LANE = 1;
const FALLBACK = 2;
const DIRECT = 4;
const DNS_ONLY = 8;
const STALE = 16;
/** The listener has asked the origin once more, as it does once when an answer breaks off before it began. */
const ASKED_AGAIN = 32;
/** Played by the real machines of the link. */
const WIRE = 64;
/** The body's type may not be delta-coded. */
const NOT_TEXT = 128;

/**
 * All of them, to be taken apart where they are used (`const { INTS, STATE } = SLOT;`): the compiler of the hot path folds a module's own
 * constants, and loads imported ones each time, which a replay feels.
 */
export const SLOT = {
  DOUBLES,
  ARRIVED_AT,
  NUMBER,
  BYTES,
  INTS,
  KEY,
  CLIENT,
  BALANCER,
  ORIGIN,
  GENERATION,
  LISTENER,
  LANE,
  PAGE,
  BUCKET,
  PLACE,
  POP_MASK,
  REGION_SHIFT,
  STATE,
  ATTEMPT,
  SYNS_SHIFT,
  VIA_LANE,
  FALLBACK,
  DIRECT,
  DNS_ONLY,
  STALE,
  ASKED_AGAIN,
  WIRE,
  NOT_TEXT,
} as const;

/** What the wire must know of a request beside its slot. */
export interface WireAsked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
}

export class FlightSlots {
  ints = new Int32Array(0);
  doubles = new Float64Array(0);
  readonly decisions: Decision[] = [];
  readonly locations: Location[] = [];
  /** Only with a trace. */
  readonly candidates: string[] = [];
  /** Only with a trace: why it did not go over the link. */
  readonly directReasons: string[] = [];
  // Only of requests at wire fidelity.
  readonly asked: WireAsked[] = [];
  readonly outcomes: (WireOutcome | undefined)[] = [];
  #free = new Int32Array(0);
  #freeCount = 0;

  constructor() {
    this.#grow(FIRST_SLOTS);
  }

  get taken(): number {
    return this.#free.length - this.#freeCount;
  }

  /** The number of a slot. `ints` and `doubles` may be others afterwards. */
  take(): number {
    if (this.#freeCount === 0) this.#grow(this.#free.length * 2);
    return this.#free[--this.#freeCount]!;
  }

  give(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  #grow(slots: number): void {
    const before = this.#free.length;
    const rows = new ArrayBuffer(slots * INTS * 4);
    const ints = new Int32Array(rows);
    ints.set(this.ints);
    this.ints = ints;
    this.doubles = new Float64Array(rows);
    this.#free = new Int32Array(slots);
    for (let slot = slots - 1; slot >= before; slot -= 1) this.#free[this.#freeCount++] = slot;
  }
}

export function attemptsOf(state: number): number {
  return (state >> 8) & 0xff;
}

export function endingOf(state: number): number {
  return (state >> ENDING_SHIFT) & ENDING_MASK;
}

export function withEnding(state: number, ending: number): number {
  return (state & 0xffff) | (ending << ENDING_SHIFT);
}

/** Of a request that was sent to an origin. */
export function poolOf(decision: Decision): number {
  return decision.kind === 'origin' || decision.kind === 'fallback' ? decision.pool : 0;
}
