/**
 * `healthy(pool/eu) at 12:02`: whether a thing was in a state all through a window. Beats are exact moments, so nothing is rounded.
 * A pool without beats of its own is taken to be as healthy as the best of its origins.
 */
import { momentText, percentText } from '../core/figures.ts';
import type { Beat, RunReport } from '../core/report.ts';
import type { Scope, StateCheck } from './check.ts';
import { type Measured, beatsOf, nameOf } from './measure.ts';
import type { Window } from './window.ts';

/** `unmonitored`: health is not considered, so nothing speaks against it (LB-127). `unprobed` counts as down (LB-126). */
const GOOD: readonly string[] = ['healthy', 'degraded', 'unmonitored'];
const BAD: readonly string[] = ['unhealthy', 'critical', 'unprobed'];

/** The value is the percentage of the window spent in a state that fits. */
export function measureState(check: StateCheck, report: RunReport, window: Window): Measured {
  const scope = check.scopes[0];
  const beats = timelineOf(scope, report);
  const fits = check.metric.name === 'healthy' ? GOOD : BAD;
  const asked = Math.max(1, window.toUs - window.fromUs);
  let known = 0;
  let held = 0;
  const seen: string[] = [];
  beats.forEach((beat, i) => {
    const from = Math.max(beat.fromUs, window.fromUs);
    const to = Math.min(beats[i + 1]?.fromUs ?? report.endUs, window.toUs);
    if (to <= from) return;
    known += to - from;
    if (fits.includes(beat.state)) held += to - from;
    seen.push(`${beat.state} from ${momentText(beat.fromUs, report)}`);
  });
  if (known < asked)
    return {
      kind: 'nothing',
      why: `the report does not hold the health of ${nameOf(scope)}${window.words || ' for the whole run'}`,
    };
  const percent = (100 * held) / asked;
  const few = seen.slice(0, 4).join(', ') + (seen.length > 4 ? `, and ${seen.length - 4} more changes` : '');
  const share = asked === 1 ? '' : ` (${check.metric.name} ${percentText(percent)} of the time)`;
  return { kind: 'measured', value: percent, said: `${nameOf(scope)} was ${few}${share}` };
}

function timelineOf(scope: Scope | undefined, report: RunReport): readonly Beat[] {
  const own = beatsOf(scope, report);
  if (own !== undefined && own.length > 0) return own;
  if (scope?.kind !== 'pool') return [];
  const pool = report.pools.find(({ name, id }) => name === scope.name || id === scope.name);
  if (pool === undefined || pool.origins.some((origin) => origin.beats.length === 0)) return [];
  const moments = [...new Set(pool.origins.flatMap((origin) => origin.beats.map((beat) => beat.fromUs)))].sort(
    (a, b) => a - b,
  );
  return moments.flatMap((fromUs): Beat[] => {
    const states = pool.origins.map((origin) => origin.beats.findLast((beat) => beat.fromUs <= fromUs)?.state);
    if (states.includes(undefined)) return [];
    const best = states.find((state) => GOOD.includes(state!)) ?? states[0];
    return best === undefined ? [] : [{ fromUs, state: best, reason: 'the best of its origins' }];
  });
}
