/**
 * What an object must know of its surroundings to be checked: which names exist, which limits hold, how strict to be. A file
 * brings its own names; the control API brings those of its store.
 */
import type { MonitorId, PoolId, RailgunId } from '../core/ids.ts';
import type { Zone } from '../core/model.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { didYouMean } from '../core/suggest.ts';

/**
 * `strict`: as the service refuses, so do we. `lenient` (spec 7.4): ranges, references and formats are warnings, the field counts
 * as not given, and an object that cannot be used without it is left out of the model.
 */
export type Profile = 'strict' | 'lenient';

/** Limits that depend on a plan (spec 0.2 C11, 1.7). The defaults are those of the widest plan where one is known. */
export interface Limits {
  readonly intervalSeconds: readonly [number, number];
  readonly originsPerPool: number;
  readonly affinityHeaders: number;
  /** Shortest TTL of DNS answers and of sessions, where that is below the public minima: in a lab, where minutes are pressed into seconds. */
  readonly leastTtlSeconds?: number;
}

/** 1,000 origins a pool is our own bound: counters are arrays of pools × origins × PoPs. */
export const DEFAULT_LIMITS: Limits = { intervalSeconds: [10, 3600], originsPerPool: 1_000, affinityHeaders: 5 };
/** For who probes and serves only the own machine: a pressed drill, `serve --min-interval 1`. Whole seconds stay whole. */
export const LAB_LIMITS: Limits = { ...DEFAULT_LIMITS, intervalSeconds: [1, 3600], leastTtlSeconds: 1 };

export interface ParseContext {
  readonly profile: Profile;
  readonly limits: Limits;
  readonly pools: Names<PoolId>;
  readonly monitors: Names<MonitorId>;
  readonly monitorGroups: Names<string>;
  readonly railguns: Names<RailgunId>;
  /** Empty = not stated, so nothing is checked against them. */
  readonly zones: readonly ZoneFacts[];
  /** Tables of `geo`, when the caller has them: a code outside gets a warning. */
  readonly pops?: ReadonlySet<string>;
  readonly countries?: ReadonlySet<string>;
}

/** What a balancer takes over from its zone. */
export interface ZoneFacts extends Pick<Zone, 'name' | 'alwaysUseHttps'> {
  readonly railgun: RailgunId | undefined;
}

/** A context with nothing in it but rules: for one object alone. */
export function emptyContext(profile: Profile = 'strict'): ParseContext {
  return {
    profile,
    limits: DEFAULT_LIMITS,
    pools: new Names('pool'),
    monitors: new Names('monitor'),
    monitorGroups: new Names('monitor group'),
    railguns: new Names('railgun'),
    zones: [],
  };
}

/** Each suggestion looks at every name: a file with thousands of wrong references gets the first ones only. */
const MAX_SUGGESTIONS = 50;

/** The objects of one kind by id, and by name where that is not ambiguous. Ids are minted by whoever has seen the object. */
export class Names<Id extends string> {
  readonly #kind: string;
  readonly #byId = new Map<string, Id>();
  /** `null` = two objects have this name. */
  readonly #byName = new Map<string, Id | null>();

  #misses = 0;

  constructor(kind: string) {
    this.#kind = kind;
  }

  add(id: Id, name: string): void {
    this.#byId.set(id, id);
    if (name !== '') this.#byName.set(name, this.#byName.has(name) && this.#byName.get(name) !== id ? null : id);
  }

  /** The id behind an id or a name; reports and returns `undefined` when there is none. */
  resolve(text: string, path: Path, findings: Findings, at: 'value' | 'key' = 'value'): Id | undefined {
    const found = this.#byId.get(text) ?? this.#byName.get(text);
    if (found) return found;
    if (found === null) {
      findings.error('unknown_reference', path, `two ${this.#kind}s are named ${shown(text)}`, 'use the id', at);
    } else {
      this.#misses += 1;
      const hint = this.#misses > MAX_SUGGESTIONS ? '' : didYouMean(text, this.#words()) || this.#list();
      findings.error('unknown_reference', path, `no ${this.#kind} has the id or name ${shown(text)}`, hint, at);
    }
    return undefined;
  }

  *#words(): Iterable<string> {
    yield* this.#byId.keys();
    yield* this.#byName.keys();
  }

  #list(): string {
    const words = [...new Set(this.#words())];
    if (words.length === 0) return `there are no ${this.#kind}s`;
    return words.length <= 8 ? `known: ${words.join(', ')}` : '';
  }
}
