/**
 * Steady state, before anything is broken and again after all is healed: for an unbroken span every edge serves every name, and nobody's
 * opinion about an origin changes or is other than the prediction's. Only then is what follows the fault's doing.
 */
import type { Scheduler } from '../core/ports.ts';
import { type Micros, US_PER_SECOND, after } from '../core/time.ts';
import { spanText } from '../core/figures.ts';
import type { SteadyRounds } from '../replay/steady-rounds.ts';

/** Unbroken, on the wall's clock. Longer than the first round of probes (1 s) and its retries take on loopback. */
export const STEADY_SPAN_US = 3 * US_PER_SECOND;
/** Between two rounds of questions. */
const ROUND_US = 250_000;
/** Between "steady" and the first arrival: the page clock is told, timers are set. */
export const LEAD_US = 200_000;
/** What is asked for: a page of the traffic, and a piece of it only. */
export const STEADY_PAGE = { page: 0, bodyBytes: 1_024 } as const;

/** The same in the prediction: it begins with the lanes open, and with what stores and windows have seen by then. */
export const STEADY_ROUNDS: SteadyRounds = {
  ...{ leadUs: LEAD_US, spanUs: STEADY_SPAN_US, everyUs: ROUND_US },
  ...STEADY_PAGE,
};

export interface SteadyWorld {
  readonly scheduler: Scheduler;
  readonly signal: AbortSignal;
  readonly limitUs: number;
  /** Asks every edge for every name, once. What went wrong, or `undefined`. */
  round(): Promise<string | undefined>;
  /** When an edge last changed its mind about an origin, and which; wall time. */
  lastChange(): { readonly at: Micros; readonly what: string };
  /** Why waiting has no sense any more; `undefined` = go on. */
  lost(): string | undefined;
  /** A state that may not be, in words: an origin that is down although the prediction has it up. */
  wrong(): string | undefined;
}

export type Steadiness = { readonly ok: true; readonly tookUs: number } | { readonly ok: false; readonly why: string };

export async function waitForSteady(world: SteadyWorld): Promise<Steadiness> {
  const { scheduler, signal, limitUs } = world;
  const begun = scheduler.now();
  let calmSince: number = begun;
  let why = '';
  for (;;) {
    if (signal.aborted) return { ok: false, why: 'interrupted' };
    const lost = world.lost();
    if (lost !== undefined) return { ok: false, why: lost };
    const trouble = (await world.round()) ?? world.wrong();
    const now = scheduler.now();
    if (trouble !== undefined) {
      calmSince = now;
      why = trouble;
    }
    const change = world.lastChange();
    if (change.at > calmSince) {
      calmSince = change.at;
      why = change.what;
    }
    if (now - calmSince >= STEADY_SPAN_US) return { ok: true, tookUs: now - begun };
    if (now - begun >= limitUs) {
      const last = why === '' ? 'nothing went wrong, but there was no time' : why;
      return { ok: false, why: `not ${spanText(STEADY_SPAN_US)} without trouble within ${spanText(limitUs)}: ${last}` };
    }
    await pause(scheduler, ROUND_US);
  }
}

export function pause(scheduler: Scheduler, us: number): Promise<void> {
  return new Promise((resolve) => {
    scheduler.at(after(scheduler.now(), us), resolve);
  });
}
