/** What leads where in a lab, read from the scenario: how far a pool is, beside which the listeners stand, and whom a listener calls. */
import type { Model } from '../../core/model.ts';
import { US_PER_MS } from '../../core/time.ts';
import type { ReplayInput } from '../../replay/load.ts';
import { PLACES } from '../../replay/places.ts';
import { LinkState } from '../../sim/link.ts';
import type { Endpoint } from '../lab.ts';
import { hostOf } from './edge-config.ts';

/** The discard port: a map that leads to no origin of the scenario leads nowhere. */
const NOBODY: Endpoint = { host: '127.0.0.1', port: 9 };

export function poolIndex(model: Model, id: string): number {
  return model.pools.findIndex((pool) => pool.id === id);
}

/** The pool beside which the listeners stand: the first that a balancer with a link sends its traffic to. */
export function linkedPool(model: Model): number {
  const balancer = model.loadBalancers.find((one) => one.proxied && one.railgun !== undefined);
  return Math.max(0, poolIndex(model, balancer?.defaultPools[0] ?? balancer?.fallbackPool ?? ''));
}

/** There and back between a PoP and a pool, as the replay has it; bytes per second, 0 = no limit. */
export function wayBetween(
  { model, scenario }: ReplayInput,
  pop: string,
  pool: number,
): { readonly rttMs: number; readonly rate: number } {
  const link = scenario.world.links.get('edge-origin');
  const { latitude, longitude } = model.pools[pool] ?? {};
  const index = PLACES.indexOf(pop);
  const far = index === undefined || latitude === undefined || longitude === undefined;
  const distance = far ? undefined : PLACES.distanceKm(index, latitude, longitude);
  const state = new LinkState(link?.delayUs, link?.rate ?? 0);
  return { rttMs: state.roundTripUs(distance) / US_PER_MS, rate: state.rate };
}

/**
 * `railgun-nat.conf` of a listener: leads it to the origins beside it. Where the scenario gives it a map of its own, that map decides by the
 * balancer's name and the address as written, and what it leads to is put in here.
 * @param near Doors in front of the origins, by the origin's number.
 * @param ownHosts Every origin has a host name of its own, by which the map tells them apart.
 */
export function natMap(
  { model, scenario }: ReplayInput,
  listener: number,
  near: ReadonlyMap<number, Endpoint>,
  ownHosts: boolean,
): string {
  const own = scenario.world.railgun.nat?.[listener];
  const host = model.loadBalancers.find((one) => one.proxied && one.railgun !== undefined)?.name ?? '';
  const target = own?.entries.get(`${host}:443`) ?? own?.entries.get(host) ?? own?.fallback;
  const there = target === undefined ? undefined : numbersAt(model, target.address);
  const lines = [...near.keys()].map((number) => {
    const chosen = there === undefined || there.includes(number) ? number : there[0];
    const at = chosen === undefined ? undefined : near.get(chosen);
    const { host: address, port } = at ?? NOBODY;
    return `${ownHosts ? hostOf(number) : 'default'} = ${address}:${port}`;
  });
  return `${lines.join('\n')}\n`;
}

function numbersAt(model: Model, address: string): readonly number[] {
  const origins = model.pools.flatMap((pool) => pool.origins);
  return origins.flatMap((origin, number) => (origin.address === address ? [number] : []));
}
