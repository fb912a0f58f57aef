/**
 * Warnings about a configuration that is valid: settings that have no effect, parts that nothing uses, pools that policies cannot
 * judge. Each is something that users of the real product were caught by (spec 10).
 */
import type { PoolId } from '../core/ids.ts';
import type { LoadBalancer, Model, Pool } from '../core/model.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { isRecord } from './plain-value.ts';
import { poolReferences } from './references.ts';

/** `raw`: the file's own lists, to see what was written. Only called when there are no errors, so indices agree with the model. */
export function adviseOn(
  model: Model,
  raw: { readonly load_balancers?: readonly unknown[] | undefined },
  findings: Findings,
): void {
  const pools = new Map(model.pools.map((pool) => [pool.id, pool]));
  const used = new Set<PoolId>();
  for (const [index, balancer] of model.loadBalancers.entries()) {
    const written = raw.load_balancers?.[index];
    for (const { pool } of poolReferences(balancer)) used.add(pool);
    adviseOnBalancer(balancer, isRecord(written) ? written : {}, ['load_balancers', index], pools, findings);
  }
  for (const [index, pool] of model.pools.entries()) {
    if (!used.has(pool.id))
      findings.warn(['pools', index], `no balancer uses pool "${pool.name}"`, 'name it in default_pools, or remove it');
  }
  const attached = new Set<string>(model.pools.flatMap((pool) => pool.monitor ?? []));
  for (const group of model.monitorGroups) for (const member of group.members) attached.add(member.monitor);
  for (const [index, monitor] of model.monitors.entries()) {
    if (!attached.has(monitor.id))
      findings.warn(['monitors', index], `no pool uses monitor "${monitor.id}"`, 'attach it to a pool, or remove it');
  }
  const linked = new Set(model.loadBalancers.flatMap((balancer) => balancer.railgun ?? []));
  for (const [index, railgun] of model.railguns.entries()) {
    if (railgun.enabled && !linked.has(railgun.id)) {
      findings.warn(
        ['railguns', index],
        `no balancer uses railgun "${railgun.name}"`,
        'name it in "railgun" of a zone or balancer',
      );
    }
  }
}

function adviseOnBalancer(
  balancer: LoadBalancer,
  written: Readonly<Record<string, unknown>>,
  path: Path,
  pools: ReadonlyMap<PoolId, Pool>,
  findings: Findings,
): void {
  const at = (name: string): Path => [...path, name];
  const places =
    balancer.regionPools.size + balancer.countryPools.size + balancer.regionCountryPools.size + balancer.popPools.size >
    0;
  const isGeo = balancer.steeringPolicy === 'geo' || (balancer.steeringPolicy === '' && places);
  const { kind } = balancer.affinity;
  if (!balancer.proxied && kind !== 'none') {
    const effect = kind === 'ip_cookie' ? 'only picks the origin by the resolver’s address' : 'has no effect';
    findings.warn(
      at('session_affinity'),
      `session_affinity "${kind}" ${effect} on a DNS-only balancer: a DNS answer carries no cookie`,
      'set proxied to true, or remove it',
    );
  }
  if (kind === 'none' && balancer.affinity.drainSeconds > 0) {
    findings.warn(
      [...at('session_affinity_attributes'), 'drain_duration'],
      'drain_duration has no effect without session_affinity',
    );
  }
  if (isGeo && balancer.rules.some((rule) => !rule.disabled && rule.fixedResponse === undefined)) {
    findings.warn(
      at('rules'),
      'the product’s manual says that rules on top of geo steering "do not function as expected"; here they are run plainly',
    );
  }
  if (!isGeo && places) {
    const maps = ['region_pools', 'country_pools', 'pop_pools'].filter(
      (name) => isRecord(written[name]) && Object.keys(written[name]).length > 0,
    );
    for (const name of maps) {
      findings.warn(
        at(name),
        `${name} is dormant: steering_policy "${balancer.steeringPolicy}" does not look at it, but its pools stay referenced`,
        'use "geo" or "", or remove the map',
        'key',
      );
    }
  }
  if (balancer.steeringPolicy === 'geo' && !places) {
    findings.warn(
      at('steering_policy'),
      'steering_policy "geo" without region_pools, country_pools or pop_pools is the same as "off"',
    );
  }
  if (!balancer.proxied && typeof written['railgun'] === 'string' && written['railgun'] !== '') {
    findings.warn(
      at('railgun'),
      'railgun has no effect on a DNS-only balancer: clients go to the origins themselves',
      'set proxied to true',
      'key',
    );
  }
  const list = balancer.defaultPools.flatMap((id) => pools.get(id) ?? []);
  const names = (of: readonly Pool[]): string => of.map((pool) => `"${pool.name}"`).join(', ');
  if (balancer.steeringPolicy === 'dynamic_latency') {
    const blind = list.filter((pool) => pool.monitor === undefined && pool.monitorGroup === undefined);
    if (blind.length > 0) {
      findings.warn(
        at('steering_policy'),
        `dynamic_latency needs a monitor for round-trip times; without one: ${names(blind)}`,
        'these pools come last, in list order',
      );
    }
  }
  if (balancer.steeringPolicy === 'proximity') {
    const lost = list.filter((pool) => pool.latitude === undefined);
    if (lost.length > 0) {
      findings.warn(
        at('steering_policy'),
        `proximity needs coordinates; without any: ${names(lost)}`,
        'these pools come last, in list order; give latitude and longitude',
      );
    }
  }
  const weighs = balancer.steeringPolicy === 'random' || balancer.steeringPolicy.startsWith('least_');
  for (const pool of balancer.randomSteering.poolWeights.keys()) {
    if (weighs && !balancer.defaultPools.includes(pool) && balancer.rules.length === 0) {
      findings.warn(
        [...at('random_steering'), 'pool_weights'],
        `pool_weights names "${pools.get(pool)?.name ?? pool}", which is not in default_pools`,
      );
    }
  }
}
