/**
 * The answer to one DNS question, as a pure function (spec 4.1 to 4.4, 9.2): names and records from the configuration, places
 * from `geo`, the choice of a pool from a `steer` that is handed in.
 *
 *     name ── not ours ─────────────────────────────────────────► REFUSED
 *          ── ours, unknown ────────────────────────────────────► NXDOMAIN, SOA
 *          ── balancer, proxied, A or AAAA ─────────────────────► edge addresses, TTL 300, whatever the health
 *          ── balancer, DNS-only, A, AAAA or CNAME ── steer ─┬──► addresses of the pool (4.4), the balancer's TTL
 *          │                                                 └──► nothing may serve: NOERROR, no answers, SOA (4.3)
 *          ── the zone's records of the type ───────────────────► those; a proxied one: edge addresses
 *          ── none of the type ─────────────────────────────────► NOERROR, no answers, SOA
 *
 * Knows no wire format: the case of the question's name, truncation and message ids are the DNS server's matter
 * (`live/dns-server.ts`), caching the resolver's (`sim/resolver.ts` in a replay).
 */
import type { Decision } from '../core/decision.ts';
import type { HealthView, NameView } from '../core/health-view.ts';
import type { CountryCode } from '../core/ids.ts';
import type { Location } from '../core/location.ts';
import type {
  DnsRecord,
  LoadBalancer,
  LocationStrategy,
  Origin,
  SoaRecord,
  SteeringPolicy,
  Zone,
} from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { Locator, Place } from '../geo/locate.ts';
import { hashText } from '../core/hash.ts';
import { hashAddress, rendezvousPrice } from '../steering/hash.ts';
import { findName, type NameIndex } from './records.ts';

/** TTL of edge addresses: the automatic one (LB-055). */
export const PROXIED_TTL_SECONDS = 300;
/** CNAMEs followed inside our own zones before the chain counts as a loop. */
const MAX_CHAIN = 8;

export interface DnsQuestion {
  /** Any case; with or without a trailing dot. */
  readonly name: string;
  /** `A`, `AAAA`, `MX`, … in capitals. */
  readonly type: string;
  /** Address of the resolver that asks. */
  readonly resolver: string;
  /** Where the resolver is, when the caller knows better than a GeoIP file, as a replay does. */
  readonly resolverPlace?: Place;
  /** The PoP that answers. */
  readonly pop: string;
  /** EDNS client subnet (RFC 7871). A prefix of 0 bits says nothing. */
  readonly clientSubnet?: { readonly address: string; readonly prefixBits: number };
}

/** Host names of origins, as they resolve from a place; addresses never come here. Empty = does not resolve. */
export interface NameLookup extends NameView {
  addresses(hostname: string, family: 4 | 6, from: Location): readonly string[];
}

export interface EdgeAddresses {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

/** What steering is asked about one query; the caller makes a request of it and adds health, load and chance. */
export interface DnsSteerQuery {
  readonly location: Location;
  readonly resolver: string;
  /** Lower case, without a trailing dot. */
  readonly name: string;
  readonly type: string;
  /** `192.0.2.0/24` */
  readonly clientSubnet: string | undefined;
}

export interface DnsWorld {
  readonly locator: Locator;
  readonly health: HealthView;
  readonly names: NameLookup;
  readonly random: Random;
  readonly edge: EdgeAddresses;
  /** `balancer`: index in `Model.loadBalancers`, an enabled and DNS-only one. */
  readonly steer: (balancer: number, query: DnsSteerQuery) => Decision;
}

export type DnsAnswerRecord =
  | {
      /** Of the owner, lower case: write the question's own spelling where they are equal but for case. */
      readonly name: string;
      readonly type: DnsRecord['type'] | 'HINFO';
      readonly ttlSeconds: number;
      /** As in `DnsRecord.content`. */
      readonly content: string;
      /** MX and SRV; 0 otherwise. */
      readonly priority: number;
      /** Index of the origin whose address this is, in the pool of the decision; -1 for all else. */
      readonly origin: number;
    }
  | { readonly name: string; readonly type: 'SOA'; readonly ttlSeconds: number; readonly soa: SoaRecord };

export interface DnsAnswer {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED' | 'SERVFAIL';
  readonly authoritative: boolean;
  readonly answers: readonly DnsAnswerRecord[];
  readonly authority: readonly DnsAnswerRecord[];
  /** How long the answer as a whole may be kept: its smallest TTL, or the SOA's minimum for a negative one. 0 = not at all. */
  readonly ttlSeconds: number;
  /** Bits of the client subnet that the answer depends on, to be sent back (RFC 7871, 7.2.1); 0 = on none. */
  readonly scopeBits: number;
  /** Index of the balancer that answered; -1 = the zone, or nobody. */
  readonly balancer: number;
  /** Of a DNS-only balancer. */
  readonly decision: Decision | undefined;
  /** What steering saw. */
  readonly location: Location | undefined;
}

const NOBODY = { scopeBits: 0, balancer: -1, decision: undefined, location: undefined } as const;

export function answerQuestion(index: NameIndex, question: DnsQuestion, world: DnsWorld): DnsAnswer {
  const lower = question.name.toLowerCase();
  const name = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  return follow(index, { ...question, name }, world, 0);
}

function follow(index: NameIndex, question: DnsQuestion, world: DnsWorld, depth: number): DnsAnswer {
  const { name, type } = question;
  const found = findName(index, name);
  if (found.kind === 'foreign') return refused();
  if (found.kind === 'absent') return negative('NXDOMAIN', found.zone);
  const { zone, owner } = found;
  if (type === 'SOA' && name === zone.name) {
    return positive([{ name, type: 'SOA', ttlSeconds: zone.soa.minimum, soa: zone.soa }]);
  }
  // RFC 8482: a small answer to a question that mostly attackers ask.
  if (type === 'ANY') {
    return positive([{ name, type: 'HINFO', ttlSeconds: 3_600, content: 'RFC8482', priority: 0, origin: -1 }]);
  }
  if (owner.balancer !== -1 && (type === 'A' || type === 'AAAA' || type === 'CNAME')) {
    return answerBalancer(index, owner.balancer, question, zone, world);
  }
  const records = owner.records.filter((record) => record.type === type);
  // A name with a balancer has no CNAME: the balancer stands in its place (LB-045).
  const alias = owner.balancer === -1 ? owner.records.find((record) => record.type === 'CNAME') : undefined;
  if (alias !== undefined && (records.length === 0 || alias.proxied)) {
    return followAlias(index, alias, question, zone, world, depth);
  }
  if (records.length === 0) return negative('NOERROR', zone);
  if (records.some((record) => record.proxied)) return edgeAnswer(question, zone, world.edge);
  return positive(records.map((record) => fromZone(name, record)));
}

/** The zone's CNAME, where the balancer has no say: proxied, flattened at the apex, or given as it is and followed while it is ours. */
function followAlias(
  index: NameIndex,
  alias: DnsRecord,
  question: DnsQuestion,
  zone: Zone,
  world: DnsWorld,
  depth: number,
): DnsAnswer {
  const { name, type } = question;
  if (alias.proxied) return edgeAnswer(question, zone, world.edge);
  if (depth >= MAX_CHAIN) return { ...refused(), rcode: 'SERVFAIL' };
  const target = alias.content;
  const apex = name === zone.name;
  const rest = follow(index, { ...question, name: target }, world, depth + 1);
  if (apex) {
    if (type !== 'A' && type !== 'AAAA') return negative('NOERROR', zone);
    const from = world.locator.pop(question.pop);
    const foreign = rest.rcode === 'REFUSED';
    const contents = foreign
      ? world.names.addresses(target, type === 'A' ? 4 : 6, from)
      : rest.answers.flatMap((record) => ('content' in record && record.type === type ? [record.content] : []));
    // The apex exists whatever its target does; the decision, if a balancer stood at the target, goes along.
    const own =
      contents.length === 0
        ? negative('NOERROR', zone)
        : positive(
            contents.map((content) =>
              address(
                name,
                type,
                Math.min(alias.ttlSeconds, foreign ? alias.ttlSeconds : rest.ttlSeconds),
                content,
                -1,
              ),
            ),
          );
    const { scopeBits, balancer, decision, location } = rest;
    return { ...own, scopeBits, balancer, decision, location };
  }
  const first = fromZone(name, alias);
  if (rest.rcode === 'SERVFAIL') return rest;
  if (rest.rcode === 'REFUSED') return positive([first]);
  return { ...rest, answers: [first, ...rest.answers], ttlSeconds: Math.min(alias.ttlSeconds, rest.ttlSeconds) };
}

function answerBalancer(
  index: NameIndex,
  balancerIndex: number,
  question: DnsQuestion,
  zone: Zone,
  world: DnsWorld,
): DnsAnswer {
  const balancer = index.model.loadBalancers[balancerIndex]!;
  // Proxied: health, steering and location_strategy have no part in it (LB-054, LB-092).
  if (balancer.proxied) return { ...edgeAnswer(question, zone, world.edge), balancer: balancerIndex };
  let seen = seenFrom(question, balancer.locationStrategy, policyOf(balancer), world.locator);
  let decision = steerFrom(balancerIndex, question, seen, world);
  if ('settings' in decision) {
    // A rule may change the policy or the location strategy, and with it the place. Once: the rules saw the place before.
    const { locationStrategy, steeringPolicy } = decision.settings;
    const again = seenFrom(question, locationStrategy, steeringPolicy, world.locator);
    if (again.location !== seen.location) {
      seen = again;
      decision = steerFrom(balancerIndex, question, seen, world);
    }
  }
  const told = { balancer: balancerIndex, decision, location: seen.location, scopeBits: seen.scopeBits };
  switch (decision.kind) {
    case 'records':
    case 'none':
      return { ...negative('NOERROR', zone), ...told };
    case 'fixed_response':
      return { ...positive([]), ...told };
    case 'origin':
    case 'fallback': {
      const answers = addressesOf(index, decision, question, zone, world, seen.location);
      return { ...(answers.length === 0 ? negative('NOERROR', zone) : positive(answers)), ...told };
    }
  }
}

function steerFrom(balancer: number, question: DnsQuestion, seen: Seen, world: DnsWorld): Decision {
  const subnet = question.clientSubnet;
  return world.steer(balancer, {
    location: seen.location,
    resolver: question.resolver,
    name: question.name,
    type: question.type,
    clientSubnet: subnet === undefined ? undefined : `${subnet.address}/${subnet.prefixBits}`,
  });
}

interface Seen {
  readonly location: Location;
  readonly scopeBits: number;
}

/**
 * Where the question comes from, as `location_strategy` has it (spec 2.3): PoP and region are those of the PoP that answers,
 * always; country and coordinates may be the client subnet's or the resolver's.
 */
function seenFrom(question: DnsQuestion, strategy: LocationStrategy, policy: SteeringPolicy, locator: Locator): Seen {
  const { preferEcs, mode } = strategy;
  const subnet = question.clientSubnet;
  if (subnet !== undefined && subnet.prefixBits > 0) {
    const preferred = preferEcs === 'always' || preferEcs === policy;
    const place = preferred ? locator.place(subnet.address) : undefined;
    if (place !== undefined && (place.country !== undefined || place.latitude !== undefined)) {
      // `geo`: country level only.
      const used = preferEcs === 'geo' ? countryOnly(place.country) : place;
      return { location: locator.at(question.pop, used), scopeBits: subnet.prefixBits };
    }
  }
  if (mode === 'pop') return { location: locator.pop(question.pop), scopeBits: 0 };
  const place = question.resolverPlace ?? locator.place(question.resolver);
  return { location: locator.at(question.pop, place), scopeBits: 0 };
}

function countryOnly(country: CountryCode | undefined): Place {
  return { country, latitude: undefined, longitude: undefined, assumed: [] };
}

/** `""` is geo when any place has a list of its own, else off (LB-074 to LB-077). */
function policyOf(balancer: LoadBalancer): SteeringPolicy {
  if (balancer.steeringPolicy !== '') return balancer.steeringPolicy;
  const { popPools, countryPools, regionPools, regionCountryPools } = balancer;
  return [popPools, countryPools, regionPools, regionCountryPools].some((map) => map.size > 0) ? 'geo' : 'off';
}

/**
 * The addresses of the chosen pool (spec 4.4): of all usable endpoints when their weights are equal, of exactly one, drawn by
 * weight, when they differ. Judged among the endpoints that have the asked family [inferred].
 */
function addressesOf(
  index: NameIndex,
  decision: Extract<Decision, { kind: 'origin' | 'fallback' }>,
  question: DnsQuestion,
  zone: Zone,
  world: DnsWorld,
  from: Location,
): readonly DnsAnswerRecord[] {
  const { type, name } = question;
  const apex = name === zone.name;
  const { ttlSeconds, affinity } = decision.settings;
  const pool = index.model.pools[decision.pool]!;
  const family = type === 'AAAA' ? 6 : 4;
  const ignoreHealth = decision.kind === 'fallback';

  const fit: {
    readonly at: number;
    readonly origin: Origin;
    readonly contents: readonly string[];
    readonly alias: boolean;
  }[] = [];
  pool.origins.forEach((origin, at) => {
    if (!origin.enabled || origin.weight <= 0) return;
    if (!ignoreHealth && !healthy(world.health, decision.pool, at, from)) return;
    const literal = literalFamily(origin.address);
    if (literal !== undefined) {
      if (literal === family && type !== 'CNAME') fit.push({ at, origin, contents: [origin.address], alias: false });
    } else if (!origin.flattenCname && !apex) {
      if (world.names.resolves(origin.address, from)) fit.push({ at, origin, contents: [origin.address], alias: true });
    } else if (type !== 'CNAME') {
      const contents = world.names.addresses(origin.address, family, from);
      if (contents.length > 0) fit.push({ at, origin, contents, alias: false });
    }
  });
  if (fit.length === 0) return [];

  const equal = fit.every((endpoint) => endpoint.origin.weight === fit[0]!.origin.weight);
  const byAddress = affinity.kind === 'ip_cookie';
  // A CNAME stands alone (RFC 1034, 3.6.2), so a pool with one among its endpoints gives one of them.
  let chosen = fit;
  if (!equal || byAddress || fit.some((endpoint) => endpoint.alias)) {
    // Steering drew one by weight already. If that one has not this family, draw again among those that have.
    const drawn = fit.find((endpoint) => endpoint.at === decision.origin);
    chosen = [drawn ?? (byAddress ? byHash(fit, question.resolver, pool.id) : byWeight(fit, world.random))];
  }
  return chosen.flatMap(({ at, contents, alias }) =>
    contents.map((content) => address(name, alias ? 'CNAME' : family === 4 ? 'A' : 'AAAA', ttlSeconds, content, at)),
  );
}

function healthy(health: HealthView, pool: number, origin: number, from: Location): boolean {
  const state = health.origin(pool, origin, from);
  return state === 'healthy' || state === 'unmonitored';
}

/** Weights are whole numbers, so the sums are exact. */
function byWeight<T extends { readonly origin: Origin }>(endpoints: readonly T[], random: Random): T {
  let left = random.below(endpoints.reduce((sum, endpoint) => sum + endpoint.origin.weight, 0));
  for (const endpoint of endpoints) {
    left -= endpoint.origin.weight;
    if (left < 0) return endpoint;
  }
  return endpoints.at(-1)!;
}

/** `ip_cookie` without cookies: the same resolver, the same endpoint (C15), by the hash that steering uses. */
function byHash<T extends { readonly origin: Origin }>(endpoints: readonly T[], resolver: string, pool: string): T {
  const client = hashAddress(resolver);
  const price = ({ origin }: T): number => rendezvousPrice(client, hashText(`${pool}/${origin.name}`), origin.weight);
  return endpoints.reduce((best, endpoint) => (price(endpoint) < price(best) ? endpoint : best));
}

/** 4, 6, or `undefined` for a host name. `config` has checked that it is one of these. */
function literalFamily(text: string): 4 | 6 | undefined {
  if (text.includes(':')) return 6;
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) ? 4 : undefined;
}

function edgeAnswer(question: DnsQuestion, zone: Zone, edge: EdgeAddresses): DnsAnswer {
  const { name, type } = question;
  const addresses = type === 'A' ? edge.v4 : type === 'AAAA' ? edge.v6 : [];
  if (addresses.length === 0) return negative('NOERROR', zone);
  return positive(addresses.map((content) => address(name, type, PROXIED_TTL_SECONDS, content, -1)));
}

function address(name: string, type: string, ttlSeconds: number, content: string, origin: number): DnsAnswerRecord {
  return { name, type: type as DnsRecord['type'], ttlSeconds, content, priority: 0, origin };
}

/** A wildcard's record is answered under the name that was asked. */
function fromZone(name: string, record: DnsRecord): DnsAnswerRecord {
  const { type, ttlSeconds, content, priority } = record;
  return { name, type, ttlSeconds, content, priority: type === 'MX' || type === 'SRV' ? priority : 0, origin: -1 };
}

function positive(answers: readonly DnsAnswerRecord[]): DnsAnswer {
  const ttlSeconds = answers.reduce((least, record) => Math.min(least, record.ttlSeconds), Number.POSITIVE_INFINITY);
  return {
    rcode: 'NOERROR',
    authoritative: true,
    answers,
    authority: [],
    ttlSeconds: answers.length === 0 ? 0 : ttlSeconds,
    ...NOBODY,
  };
}

/** No such name, or none of the type: the zone's SOA says how long that may be kept (RFC 2308). */
function negative(rcode: 'NOERROR' | 'NXDOMAIN', zone: Zone): DnsAnswer {
  const ttlSeconds = zone.soa.minimum;
  const authority: DnsAnswerRecord[] = [{ name: zone.name, type: 'SOA', ttlSeconds, soa: zone.soa }];
  return { rcode, authoritative: true, answers: [], authority, ttlSeconds, ...NOBODY };
}

function refused(): DnsAnswer {
  return { rcode: 'REFUSED', authoritative: false, answers: [], authority: [], ttlSeconds: 0, ...NOBODY };
}
