/**
 * A configuration made ready for requests: names, compiled balancers, origins as attempts, cookies. Immutable; a reload makes a new
 * one, and requests under way keep the one that they began with.
 */
import type { Model } from '../core/model.ts';
import { AffinityCookies } from '../steering/affinity-cookie.ts';
import { type BalancerPlan, compileBalancer } from '../steering/plan.ts';
import { type AttemptOptions, OriginTarget, speaksTls } from './attempts.ts';
import { findName, indexNames, type NameIndex } from './records.ts';

export interface EdgeConfigOptions extends AttemptOptions {
  /** 32 bytes; all edges that share sessions share it. */
  readonly cookieKey: Uint8Array;
  /** A stable number per pool and origin, for counters that live longer than a configuration. */
  readonly slotOf: (pool: string, origin: string) => number;
  readonly version: number;
}

/** Who answers for a host name over HTTP. */
export type HostOwner =
  | { readonly kind: 'balancer'; readonly index: number; readonly host: string }
  /** A proxied record of the zone: the edge stands in front of one server. */
  | { readonly kind: 'record'; readonly target: OriginTarget; readonly host: string }
  | { readonly kind: 'nobody'; readonly host: string; readonly why: string };

/** Names remembered; a client can invent any number. */
const HOSTS_MAX = 10_000;
const ADDRESS_OR_LOCAL = /^(?:\d+\.\d+\.\d+\.\d+|\[.*\]|localhost|)$/;

export class EdgeConfig {
  readonly model: Model;
  readonly version: number;
  readonly names: NameIndex;
  readonly plans: readonly BalancerPlan[];
  readonly cookies: AffinityCookies;
  /** By pool and origin index. */
  readonly targets: readonly (readonly OriginTarget[])[];
  readonly options: EdgeConfigOptions;
  readonly #hosts = new Map<string, HostOwner>();

  constructor(model: Model, options: EdgeConfigOptions) {
    this.model = model;
    this.options = options;
    this.version = options.version;
    this.names = indexNames(model);
    this.plans = model.loadBalancers.map((_, index) => compileBalancer(model, index));
    this.cookies = new AffinityCookies(options.cookieKey, model);
    const monitors = new Map<string, (typeof model.monitors)[number]>(model.monitors.map((each) => [each.id, each]));
    this.targets = model.pools.map((pool, p) => {
      const monitor = pool.monitor === undefined ? undefined : monitors.get(pool.monitor);
      return pool.origins.map((origin, o) => {
        const slot = options.slotOf(pool.id, origin.name);
        const secure = speaksTls(origin, monitor === undefined ? [] : [monitor], options.originTls);
        return new OriginTarget({ pool: p, origin: o, slot }, pool, origin, secure, options);
      });
    });
  }

  /** `raw`: the Host of a request, as written. An address or `localhost` stands for the first balancer, so that curl needs no -H. */
  owner(raw: string): HostOwner {
    const known = this.#hosts.get(raw);
    if (known !== undefined) return known;
    const owner = this.#find(raw);
    if (this.#hosts.size >= HOSTS_MAX) this.#hosts.clear();
    this.#hosts.set(raw, owner);
    return owner;
  }

  #find(raw: string): HostOwner {
    const host = hostName(raw);
    const found = findName(this.names, host);
    if (found.kind === 'found' && found.owner.balancer !== -1) {
      const index = found.owner.balancer;
      if (this.model.loadBalancers[index]!.proxied) return { kind: 'balancer', index, host };
      return {
        kind: 'nobody',
        host,
        why: 'the load balancer of this name is DNS-only: its clients reach the origins by themselves',
      };
    }
    if (found.kind === 'found') {
      const record = found.owner.records.find(
        (each) => each.proxied && (each.type === 'A' || each.type === 'AAAA' || each.type === 'CNAME'),
      );
      if (record !== undefined)
        return { kind: 'record', host, target: this.#recordTarget(record.name, record.content) };
    }
    if (ADDRESS_OR_LOCAL.test(host)) {
      const first = this.model.loadBalancers.findIndex((each) => each.enabled && each.proxied);
      if (first !== -1) return { kind: 'balancer', index: first, host };
      return { kind: 'nobody', host, why: 'no load balancer is enabled and proxied' };
    }
    const disabled = this.model.loadBalancers.some((each) => each.name === host && !each.enabled);
    const why = disabled
      ? 'the load balancer of this name is disabled, and the zone has no proxied record for it'
      : 'no load balancer or proxied record has this name';
    return { kind: 'nobody', host, why };
  }

  #recordTarget(name: string, address: string): OriginTarget {
    const slot = this.options.slotOf('(records)', name);
    const secure = speaksTls({ port: 0 }, [], this.options.originTls);
    const origin = { name, address, port: 0, hostHeader: undefined };
    return new OriginTarget({ pool: -1, origin: -1, slot }, { name: '(records)' }, origin, secure, this.options);
  }
}

/** Lower case, without a port or a trailing dot. */
export function hostName(raw: string): string {
  const lower = raw.toLowerCase();
  const colon = lower.lastIndexOf(':');
  const bare = colon === -1 || lower.indexOf(']') > colon ? lower : lower.slice(0, colon);
  return bare.endsWith('.') ? bare.slice(0, -1) : bare;
}
