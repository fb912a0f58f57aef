/**
 * When pages change: a page has a new version every `everyUs`, each page at a moment of its own, so that a site does not change all at
 * once. Both fidelities ask this clock; what the versions look like is `bodies.ts`.
 */
import { finalise } from '../core/hash.ts';
import { US_PER_MINUTE } from '../core/time.ts';

/** A version of the shipped generator is five minutes after the one before it (pages.ts). */
export const PAGE_EVERY_US = 5 * US_PER_MINUTE;

/** Number of the version that `page` (any whole number) has `sinceUs` after the run began: 0 or 1 at first, one more each `everyUs`; before, 0. */
export function versionAt(page: number, sinceUs: number, everyUs: number): number {
  const phase = (finalise(page) / 2 ** 32) * everyUs;
  return Math.max(0, Math.floor((sinceUs + phase) / everyUs));
}
