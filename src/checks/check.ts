/**
 * A check as data: what `parse-check.ts` makes of a line and `judge.ts` holds against a report. Times stay as written, because
 * `12:03` and `+3m` only become moments once the start of the run is known.
 */
import type { Metric, Unit } from './metrics.ts';

export type Comparison = '<' | '<=' | '>' | '>=' | '==' | '!=';

/** An object or word in brackets, as written. `column` counts from 1. */
export interface Scope {
  readonly kind: 'pool' | 'origin' | 'region' | 'pop' | 'word' | 'status';
  /** Pool, region, PoP, word, or the pool of an origin. */
  readonly name: string;
  /** For `origin` only. */
  readonly origin: string;
  readonly column: number;
}

export interface Moment {
  readonly text: string;
  readonly column: number;
}

export type WindowSpec =
  | { readonly kind: 'whole' }
  | { readonly kind: 'from'; readonly from: Moment; readonly to: Moment }
  | { readonly kind: 'before'; readonly to: Moment }
  | { readonly kind: 'after'; readonly from: Moment }
  | { readonly kind: 'at'; readonly at: Moment }
  | { readonly kind: 'within'; readonly spanUs: number; readonly of: Moment };

export interface Limit {
  /** In the base of the unit: percent, times, µs, bytes, per second, or a bare count. */
  readonly value: number;
  readonly unit: Unit;
  /** As written: `0.5%`. */
  readonly text: string;
}

interface Asked {
  /** As written, without blanks around it. */
  readonly text: string;
  readonly metric: Metric;
  /** What stood in the brackets; empty = everything. */
  readonly scopes: readonly Scope[];
}

export interface NumberCheck extends Asked {
  readonly kind: 'number';
  readonly comparison: Comparison;
  readonly limit: Limit;
  readonly window: WindowSpec;
  /** `for 30s`: it must hold for at least one stretch this long; 0 = over the window as a whole. */
  readonly forUs: number;
}

export interface SpanCheck extends Asked {
  readonly kind: 'span';
  readonly limitUs: number;
  readonly of: Moment;
}

export interface StateCheck extends Asked {
  readonly kind: 'state';
  readonly window: WindowSpec;
}

export type Check = NumberCheck | SpanCheck | StateCheck;

/** What is wrong with a check, and where. The caller adds file and line. */
export interface CheckProblem {
  /** From 1, within the text that was given. */
  readonly column: number;
  /** How many characters the complaint is about, at least 1. */
  readonly length: number;
  readonly message: string;
  /** What would be right; may be empty. */
  readonly hint: string;
}

export type ParsedCheck =
  | { readonly ok: true; readonly check: Check }
  | { readonly ok: false; readonly problem: CheckProblem };
