/**
 * Configuration changes of a timeline, worked out before the run begins: each `set` gives the model that holds from then on. A change
 * that makes the configuration invalid, or that adds or removes pools or origins, is refused with its place in the scenario.
 */
import { applyChange } from '../config/change.ts';
import { type ParseOptions, parseConfig } from '../config/config-file.ts';
import { printPath } from '../config/document.ts';
import type { Model } from '../core/model.ts';
import type { Problem } from '../core/problem.ts';
import type { Micros } from '../core/time.ts';
import { type Scenario, momentOf } from './scenario.ts';

export interface PlannedChange {
  readonly event: Extract<Scenario['timeline'][number], { kind: 'set' }>;
  readonly at: Micros;
  readonly model: Model;
  /** The configuration as written that the model was read from. */
  readonly raw: unknown;
}

export function planChanges(
  scenario: Scenario,
  config: { readonly model: Model; readonly raw: unknown },
  start: Micros,
  options: ParseOptions,
): { readonly changes: readonly PlannedChange[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const changes: PlannedChange[] = [];
  const events = scenario.timeline
    .flatMap((event, index) => (event.kind === 'set' ? [{ event, index, at: momentOf(event.moment, start) }] : []))
    .sort((a, b) => a.at - b.at || a.index - b.index);
  let raw = config.raw;
  for (const { event, index, at } of events) {
    let sound = true;
    for (const [target, fields] of event.changes) {
      const path = ['timeline', index, 'set', target];
      const changed = applyChange(raw, target, fields, at);
      if (!changed.ok) {
        problems.push(scenario.document.problem(path, changed.message, changed.hint, 'key'));
        sound = false;
        continue;
      }
      raw = changed.value;
    }
    if (!sound) continue;
    const { model, findings } = parseConfig(raw, options);
    if (model === undefined) {
      for (const finding of findings) {
        if (finding.severity !== 'error') continue;
        const message = `${printPath(finding.path)}: ${finding.message}`;
        problems.push(scenario.document.problem(['timeline', index, 'set'], message, finding.hint));
      }
      continue;
    }
    if (!sameShape(config.model, model)) {
      problems.push(
        scenario.document.problem(
          ['timeline', index, 'set'],
          'a change may not add, remove or reorder pools and origins',
          'write them into the configuration from the start, with "enabled: false"',
        ),
      );
      continue;
    }
    changes.push({ event, at, model, raw });
  }
  return { changes, problems };
}

function sameShape(a: Model, b: Model): boolean {
  return (
    a.loadBalancers.length === b.loadBalancers.length &&
    a.pools.length === b.pools.length &&
    a.pools.every((pool, index) => {
      const other = b.pools[index]!;
      return (
        pool.id === other.id &&
        pool.origins.length === other.origins.length &&
        pool.origins.every((origin, at) => origin.name === other.origins[at]!.name)
      );
    })
  );
}
