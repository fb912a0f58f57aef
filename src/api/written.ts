/**
 * Reading and rewriting the configuration as written: plain objects under the public API's names. Nothing that is handed in is modified.
 */
import type { Plain } from './ports.ts';

export type Section = 'railguns' | 'zones' | 'load_balancers';

export function listOf(written: Plain, section: Section): readonly Plain[] {
  const list = written[section];
  return Array.isArray(list) ? list.filter((each): each is Plain => typeof each === 'object' && each !== null) : [];
}

/** How the rest of the house calls it (config/config-file.ts): its id, or its name. */
export function idOf(object: Plain): string {
  return text(object, 'id') || text(object, 'name');
}

export function text(object: Plain, key: string): string {
  const value = object[key];
  return typeof value === 'string' ? value : '';
}

/** By id or name; names of zones in any case. */
export function findIn(list: readonly Plain[], id: string): Plain | undefined {
  return list.find((each) => each['id'] === id) ?? list.find((each) => sameName(text(each, 'name'), id));
}

export function withSection(written: Plain, section: Section, list: readonly Plain[]): Plain {
  return { ...written, [section]: list };
}

/** The same list with one object put in the place of another. */
export function replaced(list: readonly Plain[], before: Plain, after: Plain): readonly Plain[] {
  return list.map((each) => (each === before ? after : each));
}

export function without(object: Plain, ...keys: readonly string[]): Plain {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The balancers of a zone: those whose names lie in it and in no closer zone. */
export function balancersIn(written: Plain, zone: Plain): readonly Plain[] {
  const zones = listOf(written, 'zones').map((each) => text(each, 'name').toLowerCase());
  const own = text(zone, 'name').toLowerCase();
  const inside = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);
  return listOf(written, 'load_balancers').filter((balancer) => {
    const name = text(balancer, 'name').toLowerCase();
    return inside(name, own) && !zones.some((other) => other.length > own.length && inside(name, other));
  });
}
