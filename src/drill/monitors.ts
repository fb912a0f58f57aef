/** The monitors that watch a pool, its own or those of its group; and the spans that follow from them. */
import type { Model, Monitor, Pool } from '../core/model.ts';
import { US_PER_SECOND } from '../core/time.ts';

export function monitorsOf(model: Model, pool: Pool): readonly Monitor[] {
  const group = model.monitorGroups.find(({ id }) => id === pool.monitorGroup);
  const ids = pool.monitor !== undefined ? [pool.monitor] : (group?.members ?? []).map(({ monitor }) => monitor);
  return model.monitors.filter(({ id }) => ids.includes(id));
}

/** Whole seconds, each once, ascending; empty when nothing is monitored. */
export function intervalsOf(model: Model): readonly number[] {
  const seconds = model.pools.flatMap((pool) => monitorsOf(model, pool).map((monitor) => monitor.intervalSeconds));
  return [...new Set(seconds)].sort((a, b) => a - b);
}

export function longestIntervalUs(model: Model): number {
  return (intervalsOf(model).at(-1) ?? 0) * US_PER_SECOND;
}

/** Waiting longer than this for the calendar is worth less than it costs. */
export const MAX_CALENDAR_SECONDS = 60;

/**
 * Seconds after which the calendar of all probes repeats: the least common multiple of the intervals, or the longest interval where that
 * would be too long to wait for. 1 without monitors.
 */
export function calendarSeconds(model: Model): number {
  const intervals = intervalsOf(model);
  let multiple = 1;
  for (const interval of intervals) multiple = (multiple * interval) / divisor(multiple, interval);
  return multiple <= MAX_CALENDAR_SECONDS ? multiple : Math.min(MAX_CALENDAR_SECONDS, intervals.at(-1) ?? 1);
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
