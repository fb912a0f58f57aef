/**
 * Names that lead back to themselves: a CNAME that ends at its own name, a balancer whose origin is the balancer. A request
 * that followed either would never arrive.
 */
import type { Model } from '../core/model.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';

interface Step {
  readonly to: string;
  readonly path: Path;
}

export function findCycles(model: Model, findings: Findings): void {
  const steps = new Map<string, Step[]>();
  const add = (from: string, to: string, path: Path): void => {
    const list = steps.get(from);
    if (list === undefined) steps.set(from, [{ to, path }]);
    else list.push({ to, path });
  };
  // A balancer supersedes a CNAME of its name (LB-045), so only its pools lead on from there.
  const balanced = new Set(model.loadBalancers.filter((each) => each.enabled).map((each) => each.name));
  for (const [zone, { records }] of model.zones.entries()) {
    for (const [index, record] of records.entries()) {
      if (record.type === 'CNAME' && !balanced.has(record.name))
        add(record.name, record.content, ['zones', zone, 'records', index, 'content']);
    }
  }
  for (const balancer of model.loadBalancers) {
    if (!balancer.enabled) continue;
    const pools = new Set([...balancer.defaultPools, balancer.fallbackPool]);
    for (const lists of [balancer.regionPools, balancer.countryPools, balancer.regionCountryPools, balancer.popPools]) {
      for (const list of lists.values()) for (const pool of list) pools.add(pool);
    }
    for (const [index, pool] of model.pools.entries()) {
      if (!pools.has(pool.id)) continue;
      for (const [place, origin] of pool.origins.entries()) {
        add(balancer.name, origin.address, ['pools', index, 'origins', place, 'address']);
      }
    }
  }
  const finished = new Set<string>();
  for (const start of steps.keys()) walk(start, steps, finished, findings);
}

/** Depth first without recursion; each name is finished once, so each cycle is told once. */
function walk(
  start: string,
  steps: ReadonlyMap<string, readonly Step[]>,
  finished: Set<string>,
  findings: Findings,
): void {
  if (finished.has(start)) return;
  const trail: { name: string; next: number }[] = [{ name: start, next: 0 }];
  const onTrail = new Set([start]);
  for (let here = trail.at(-1); here !== undefined; here = trail.at(-1)) {
    const step = steps.get(here.name)?.[here.next];
    here.next += 1;
    if (step === undefined) {
      trail.pop();
      onTrail.delete(here.name);
      finished.add(here.name);
    } else if (onTrail.has(step.to)) {
      const names = trail.map((each) => each.name);
      const round = [...names.slice(names.indexOf(step.to)), step.to];
      findings.error(
        'cycle',
        step.path,
        `this leads back to itself: ${round.slice(0, 8).join(' → ')}`,
        'point it at a server',
      );
    } else if (!finished.has(step.to)) {
      trail.push({ name: step.to, next: 0 });
      onTrail.add(step.to);
    }
  }
}
