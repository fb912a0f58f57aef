/**
 * Changes to a configuration as it was written: PATCH and PUT of one object (LB-024 to LB-027, LB-044, LB-253), and the `set:` of
 * a scenario's timeline. The written value changes, and is then parsed again as a whole, so a change is checked like a file.
 * Nothing that is handed in is modified.
 */
import type { Micros } from '../core/time.ts';
import { toRfc3339 } from '../core/time.ts';
import { canonicalHost } from './host-names.ts';
import { readMoment } from './moment.ts';
import { isRecord } from './plain-value.ts';
import { didYouMean } from '../core/suggest.ts';

type Plain = Readonly<Record<string, unknown>>;

export type ObjectKind = 'load_balancer' | 'pool' | 'origin' | 'monitor' | 'monitor_group' | 'railgun' | 'zone';

const SECTIONS: Readonly<Record<Exclude<ObjectKind, 'origin'>, string>> = {
  load_balancer: 'load_balancers',
  pool: 'pools',
  monitor: 'monitors',
  monitor_group: 'monitor_groups',
  railgun: 'railguns',
  zone: 'zones',
};

/** Written by the service, never by a body (LB-026). `disabled_at` follows `enabled`. */
const SERVER_FIELDS: ReadonlySet<string> = new Set(['id', 'created_on', 'modified_on', 'disabled_at']);

export type Changed =
  | { readonly ok: true; readonly value: Plain }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/**
 * Lays `fields` over one object of the written configuration. Targets: `load_balancer/NAME`, `pool/NAME`, `origin/POOL/NAME`,
 * `monitor/ID`, `monitor_group/ID`, `railgun/NAME`, `zone/NAME`; NAME is an id or a name, for a balancer also the first label
 * of its name, for an origin also its address.
 */
export function applyChange(raw: unknown, target: string, fields: unknown, at: Micros): Changed {
  if (!isRecord(raw)) return { ok: false, message: 'there is no configuration to change', hint: '' };
  if (!isRecord(fields))
    return { ok: false, message: `the change of ${target} must be an object`, hint: 'write { field: value }' };
  const [kind = '', ...rest] = target.split('/');
  const section =
    kind === 'origin' ? 'pools' : Object.hasOwn(SECTIONS, kind) ? SECTIONS[kind as keyof typeof SECTIONS] : undefined;
  if (section === undefined) {
    const words = [...Object.keys(SECTIONS), 'origin'];
    return {
      ok: false,
      message: `unknown target "${target}"`,
      hint: didYouMean(kind, words) || `begin with ${words.join('/, ')}/`,
    };
  }
  const listed = raw[section];
  const list: readonly unknown[] = Array.isArray(listed) ? listed : [];
  const ownerKind = (kind === 'origin' ? 'pool' : kind) as ObjectKind;
  const name = kind === 'origin' ? (rest[0] ?? '') : rest.join('/');
  const index = find(list, name, ownerKind);
  if (index === undefined) return notFound(ownerKind, name, list);
  const before = list[index] as Plain;
  let after: Plain;
  if (kind === 'origin') {
    const origins: readonly unknown[] = Array.isArray(before['origins']) ? before['origins'] : [];
    const wanted = rest.slice(1).join('/');
    const place = find(origins, wanted, 'origin');
    if (place === undefined) return notFound('origin', wanted, origins);
    after = { ...before, origins: origins.with(place, mergeObject('origin', origins[place] as Plain, fields, at)) };
  } else {
    after = mergeObject(ownerKind, before, fields, at);
  }
  return { ok: true, value: { ...raw, [section]: list.with(index, after) } };
}

/** Several changes at one moment; the first that cannot be made is told. */
export function applyChanges(raw: unknown, changes: Readonly<Record<string, unknown>>, at: Micros): Changed {
  let value = raw;
  for (const [target, fields] of Object.entries(changes)) {
    const changed = applyChange(value, target, fields, at);
    if (!changed.ok) return changed;
    value = changed.value;
  }
  return isRecord(value)
    ? { ok: true, value }
    : { ok: false, message: 'there is no configuration to change', hint: '' };
}

/**
 * PATCH: supplied properties replace the stored ones, whole maps included; the rest stays (LB-024). `pool_sets: null` leaves
 * them (LB-253).
 */
export function mergeObject(kind: ObjectKind, before: Plain, body: Plain, at: Micros): Plain {
  const after: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(body)) {
    if (key === '__proto__' || SERVER_FIELDS.has(key) || value === undefined) continue;
    if (kind === 'load_balancer' && key === 'pool_sets' && value === null) continue;
    after[key] = value;
  }
  return stamp(kind, before, after, at);
}

/** PUT: the body replaces everything but what the server writes (LB-025). */
export function replaceObject(kind: ObjectKind, before: Plain, body: Plain, at: Micros): Plain {
  const after: Record<string, unknown> = {};
  for (const key of ['id', 'created_on', 'modified_on']) if (Object.hasOwn(before, key)) after[key] = before[key];
  for (const [key, value] of Object.entries(body)) {
    if (key !== '__proto__' && !SERVER_FIELDS.has(key) && value !== undefined) after[key] = value;
  }
  return stamp(kind, before, after, at);
}

/** The fields that the server writes: `disabled_at` (LB-044), and `modified_on` where the object has one (LB-027). */
function stamp(kind: ObjectKind, before: Plain, after: Record<string, unknown>, at: Micros): Plain {
  if (kind === 'pool' || kind === 'origin') stampDisabled(before, after, at);
  if (kind === 'pool' && Array.isArray(after['origins'])) {
    const old: readonly unknown[] = Array.isArray(before['origins']) ? before['origins'] : [];
    after['origins'] = after['origins'].map((origin: unknown) => {
      if (!isRecord(origin)) return origin;
      const was = old.find((each) => isRecord(each) && originKey(each) === originKey(origin));
      const next = { ...origin };
      stampDisabled(isRecord(was) ? was : {}, next, at);
      return next;
    });
  }
  if (Object.hasOwn(before, 'modified_on') || Object.hasOwn(before, 'created_on')) {
    const last = typeof before['modified_on'] === 'string' ? readMoment(before['modified_on']) : undefined;
    // Two writes in one microsecond still advance.
    after['modified_on'] = toRfc3339(last !== undefined && at <= last ? ((last + 1) as Micros) : at);
  }
  return after;
}

/** `disabled_at` is there exactly while `enabled` is false, and keeps the moment of the first such write. */
function stampDisabled(before: Plain, after: Record<string, unknown>, at: Micros): void {
  if (after['enabled'] !== false) delete after['disabled_at'];
  else if (before['enabled'] !== false) after['disabled_at'] = toRfc3339(at);
  else if (before['disabled_at'] === undefined) delete after['disabled_at'];
  else after['disabled_at'] = before['disabled_at'];
}

function originKey(origin: Plain): unknown {
  return origin['name'] || origin['address'];
}

function find(list: readonly unknown[], name: string, kind: ObjectKind): number | undefined {
  const matching = (test: (item: Plain) => boolean): number[] =>
    list.flatMap((item, index) => (isRecord(item) && test(item) ? [index] : []));
  const byId = matching((item) => item['id'] === name);
  if (byId.length > 0) return byId[0];
  const isHost = kind === 'load_balancer' || kind === 'zone';
  const same = (value: unknown): boolean =>
    typeof value === 'string' && (isHost ? canonicalHost(value) === canonicalHost(name) : value === name);
  const byName = matching((item) => same(item['name']) || (kind === 'origin' && item['address'] === name));
  if (byName.length > 0) return byName[0];
  // Monitors and groups without an id are called by their place, as the reader calls them.
  const place = new RegExp(kind === 'monitor' ? '^monitor-(\\d+)$' : '^group-(\\d+)$').exec(name);
  if ((kind === 'monitor' || kind === 'monitor_group') && place !== null) {
    const index = Number(place[1]) - 1;
    const item = list[index];
    return isRecord(item) && item['id'] === undefined ? index : undefined;
  }
  const byLabel =
    kind === 'load_balancer'
      ? matching((item) => typeof item['name'] === 'string' && item['name'].split('.')[0] === name)
      : [];
  return byLabel.length === 1 ? byLabel[0] : undefined;
}

function notFound(kind: ObjectKind, name: string, list: readonly unknown[]): Changed {
  const words = list.flatMap((item) =>
    isRecord(item) ? [item['name'], item['id']].filter((word) => typeof word === 'string') : [],
  );
  const hint = didYouMean(name, words) || (words.length > 0 && words.length <= 8 ? `known: ${words.join(', ')}` : '');
  return { ok: false, message: `there is no ${kind.replace('_', ' ')} "${name}"`, hint };
}
