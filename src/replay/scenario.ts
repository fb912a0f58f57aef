/**
 * A scenario as the replay and the drill use it: every text turned into numbers, every reference checked against the model.
 * `scenario-schema.ts` is the file's shape; here is the second pass, with positions for every complaint. Nothing is read from disk
 * here: the caller hands over the texts.
 */
import type { SourceDocument, Path } from '../config/document.ts';
import { readDocument } from '../config/document.ts';
import { Findings } from '../config/finding.ts';
import { parseRailgunNat } from '../config/railgun-nat.ts';
import { checkShape } from '../config/shape.ts';
import { EMPTY_NAT_MAP, type NatMap } from '../core/nat-map.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Checked, Problem } from '../core/problem.ts';
import {
  parseBitRate,
  parseDuration,
  parseInstant,
  parseMoment,
  parseRate,
  parseShare,
  parseSize,
} from '../core/quantities.ts';
import { type Micros, US_PER_MINUTE, US_PER_MS, US_PER_SECOND, micros } from '../core/time.ts';
import { FAULTS } from '../sim/faults/catalogue.ts';
import { type Allowance, readAllowance } from './allowance.ts';
import type { Fault, StartUp, Target, TargetKind } from '../sim/faults/fault.ts';
import type { OriginTraits } from '../sim/origin.ts';
import { PAGE_EVERY_US } from '../sim/page-clock.ts';
import { PAGE_KINDS, type PageKind } from '../sim/pages.ts';
import type { RailgunTraits } from '../sim/railgun-estate.ts';
import type * as z from 'zod';
import {
  type RawClients,
  type RawLog,
  type RawShell,
  type RawWorld,
  clientSource,
  faultEvent,
  healEvent,
  logSource,
  noteEvent,
  pageSource,
  scenarioShell,
  setEvent,
} from './scenario-schema.ts';

export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly file: string;
  readonly seed: string;
  /** `undefined` = where the log begins. */
  readonly start: Micros | undefined;
  readonly durationUs: number | undefined;
  readonly bucketUs: number | undefined;
  readonly trace: 'all' | 'notable' | 'none';
  /** Of traffic that does not say its own. */
  readonly fidelity: Fidelity;
  /** A path as written, or the configuration itself. */
  readonly config: { readonly path: string } | { readonly value: unknown };
  readonly world: World;
  readonly traffic: readonly TrafficSpec[];
  /** Where pages come from; empty = news from the generator, in the size that each request states. */
  readonly pages: readonly PagesSpec[];
  readonly timeline: readonly TimelineEvent[];
  readonly checks: readonly { readonly text: string; readonly line: number; readonly column: number }[];
  readonly stopIf: readonly { readonly text: string; readonly line: number; readonly column: number }[];
  /** By figure, how far a drill may be from its prediction; absent ones have the defaults of `drill/fidelity.ts`. */
  readonly fidelityAllowed: ReadonlyMap<string, Allowance>;
  /** Servers that stand already and that a drill should use, `POOL/ORIGIN` to `HOST:PORT`, as written. */
  readonly addressBook: readonly {
    readonly origin: string;
    readonly endpoint: string;
    readonly line: number;
    readonly column: number;
  }[];
  readonly document: SourceDocument;
}

export type Fidelity = 'flow' | 'wire';

/** Successive versions of pages: a kind of the generator, or a pattern of files in order of their names. */
export interface PagesSpec {
  readonly from: { readonly kind: PageKind } | { readonly files: string };
  readonly everyUs: number;
  readonly line: number;
  readonly column: number;
}

export interface World {
  /** Empty = every PoP of the table. */
  readonly pops: readonly string[];
  readonly defaultPop: string | undefined;
  readonly countryOf: 'pop' | 'client';
  /** Keys: origin name, `POOL/ORIGIN`, or `*`. */
  readonly origins: ReadonlyMap<string, OriginTraits>;
  readonly links: ReadonlyMap<string, { readonly delayUs: number | undefined; readonly rate: number }>;
  readonly railgun: RailgunTraits;
  /** A drill puts in what it has measured. */
  readonly startUp: StartUp;
  readonly countries: ReadonlyMap<string, string>;
}

export interface ResolverPolicy {
  readonly kind: 'honour' | 'clamp' | 'ignore';
  readonly minUs: number;
  readonly maxUs: number;
}

export type TrafficSpec = LogTraffic | ClientTraffic;

export interface LogTraffic {
  readonly kind: 'log';
  readonly fidelity: Fidelity;
  readonly path: string;
  readonly host: string | undefined;
  readonly speed: number;
  readonly failOnBroken: boolean;
  readonly resolver: ResolverPolicy;
  readonly line: number;
  readonly column: number;
}

export interface ClientTraffic {
  readonly kind: 'clients';
  readonly fidelity: Fidelity;
  readonly count: number;
  /** Points of a ramp: `moment` text and rate per second; one point at +0s is a steady rate. */
  readonly ramp: readonly { readonly moment: string; readonly rate: number }[];
  readonly from: ReadonlyMap<string, number>;
  readonly sessionUs: number;
  /** 0 = clients are picked at random for each arrival. */
  readonly thinkUs: number;
  readonly cookieShare: number;
  readonly pages: number;
  /** 0 = the page's own. */
  readonly pageBytes: number;
  readonly host: string | undefined;
  readonly path: string;
  readonly method: string;
  readonly resolver: ResolverPolicy;
  readonly resolversPerPop: number;
  readonly line: number;
}

interface EventBase {
  /** As written; `momentOf` gives the time once the start is known. */
  readonly moment: string;
  readonly note: string;
  readonly line: number;
  readonly column: number;
}

export type TimelineEvent =
  | (EventBase & {
      readonly kind: 'fault';
      readonly fault: Fault;
      readonly target: Target;
      readonly parameters: Readonly<Record<string, number>>;
      readonly forUs: number;
    })
  | (EventBase & { readonly kind: 'heal'; readonly what: string })
  | (EventBase & { readonly kind: 'set'; readonly changes: ReadonlyMap<string, Readonly<Record<string, unknown>>> })
  | (EventBase & { readonly kind: 'note' });

export const DEFAULT_START = parseInstant('2026-01-01T00:00:00Z')!;
export const DEFAULT_DURATION_US = 10 * US_PER_MINUTE;
export const DEFAULT_ORIGIN: OriginTraits = { capacity: 0, queueLimit: 100, latencyUs: 20 * US_PER_MS, jitterUs: 0 };
/** The seed documents' page: 92,516 bytes (PA-01). */
const DEFAULT_PAGE_BYTES = 92_516;
const US_PER_DAY = 24 * 60 * US_PER_MINUTE;
/** A replay may span a leap year; longer is surely a slip. */
const MAX_DURATION_US = 366 * US_PER_DAY;
/** Reserved words of a timeline entry; everything else beside a fault is one of its parameters. */
const EVENT_KEYS = new Set(['at', 'fault', 'target', 'for', 'note']);

/** @param set Values put in before anything is checked, as `world.origins.eu-1.capacity=100/s`. */
export function parseScenario(text: string, file: string, set: readonly string[] = []): Checked<Scenario> {
  const read = readDocument(text, file);
  if (!read.ok) return read;
  const overridden = applyOverrides(read.value, set);
  if (!overridden.ok) return overridden;
  const reader = new Reader(overridden.value);
  const scenario = reader.read();
  const problems = reader.problems();
  if (scenario === undefined || problems.some((problem) => problem.severity === 'error'))
    return { ok: false, problems };
  return { ok: true, value: scenario, warnings: problems };
}

function applyOverrides(document: SourceDocument, set: readonly string[]): Checked<SourceDocument> {
  let current = document;
  const problems: Problem[] = [];
  const complain = (message: string, hint: string): void => {
    problems.push({ severity: 'error', file: '--set', line: 0, column: 0, path: '', message, hint });
  };
  for (const each of set) {
    const equals = each.indexOf('=');
    const path = equals > 0 ? readPath(each.slice(0, equals)) : undefined;
    const value = equals > 0 ? readDocument(each.slice(equals + 1), '--set') : undefined;
    if (path === undefined || value?.ok !== true) {
      const hint = 'write --set PATH=VALUE, such as duration=5m or traffic[0].clients.rate=10/s';
      complain(`"${each}" cannot be read`, hint);
      continue;
    }
    try {
      current = current.override(path, value.value.value);
    } catch {
      const message = `"${each.slice(0, equals)}" leads through a value that is no map or list`;
      complain(message, 'see the keys of the scenario file');
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: current, warnings: [] };
}

/** `world.origins.eu-1.capacity`, `traffic[0].clients.rate`; `undefined` when it is no path. */
function readPath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  for (const part of text.split('.')) {
    const match = /^([^[\]]+)((?:\[\d+\])*)$/.exec(part);
    if (match === null || match[1] === '__proto__') return undefined;
    path.push(match[1]!);
    for (const index of match[2]!.matchAll(/\d+/g)) path.push(Number(index[0]));
  }
  return path;
}

/** True when a parsed document is meant as a scenario rather than a configuration. */
export function looksLikeScenario(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && ('traffic' in value || 'timeline' in value || 'config' in value)
  );
}

/** The time of a moment that `parseScenario` has accepted. */
export function momentOf(moment: string, start: Micros): Micros {
  return parseMoment(moment, start) ?? start;
}

/** Events before the start or after the end: complaints that need the start to be known. */
export function checkTimes(scenario: Scenario, start: Micros, end: Micros): readonly Problem[] {
  const problems: Problem[] = [];
  scenario.timeline.forEach((event, index) => {
    const at = momentOf(event.moment, start);
    // A time of day is the next one after the start, so one that has just passed is a day away.
    const passed =
      /^\d/.test(event.moment) && at > end && at - US_PER_DAY < start && start - (at - US_PER_DAY) < US_PER_DAY / 2;
    if (at < start || passed) {
      problems.push(
        scenario.document.problem(
          ['timeline', index, 'at'],
          `"${event.moment}" is before the start`,
          'move it, or set an earlier "start"',
        ),
      );
    } else if (at > end) {
      problems.push(
        scenario.document.problem(
          ['timeline', index, 'at'],
          `"${event.moment}" is after the end`,
          'move it, or set a longer "duration"',
        ),
      );
    }
  });
  return problems;
}

class Reader {
  readonly #findings = new Findings();
  readonly #document: SourceDocument;

  constructor(document: SourceDocument) {
    this.#document = document;
  }

  problems(): readonly Problem[] {
    return this.#findings.list.map(({ path, message, hint, at, severity }) =>
      this.#document.problem(path, message, hint, at === 'key' ? 'key' : 'value', severity),
    );
  }

  read(): Scenario | undefined {
    const shell = this.#shape(scenarioShell, this.#document.value, []);
    return shell === undefined ? undefined : this.#scenario(shell);
  }

  #scenario(raw: RawShell): Scenario {
    const start = raw.start === undefined ? undefined : this.#instant(['start'], raw.start);
    return {
      name: raw.name,
      description: raw.description ?? '',
      file: this.#document.file,
      seed: String(raw.seed ?? 1),
      start,
      durationUs: raw.duration === undefined ? undefined : this.#span(['duration'], raw.duration, 1, MAX_DURATION_US),
      bucketUs: raw.resolution === undefined ? undefined : this.#span(['resolution'], raw.resolution, 100 * US_PER_MS),
      trace: raw.trace ?? 'notable',
      fidelity: raw.fidelity ?? 'flow',
      config: typeof raw.config === 'string' ? { path: raw.config } : { value: raw.config },
      world: this.#world(raw.world ?? {}),
      traffic: this.#trafficOf(raw, start ?? DEFAULT_START),
      pages: raw.traffic.flatMap((source, index) =>
        'pages' in source ? this.#pagesOf(source, ['traffic', index]) : [],
      ),
      timeline: (raw.timeline ?? []).flatMap((event, index) =>
        this.#event(event, ['timeline', index], start ?? DEFAULT_START),
      ),
      checks: (raw.checks ?? []).map((check, index) => ({ text: check, ...this.#document.locate(['checks', index]) })),
      stopIf: [raw.stop_if ?? []].flat().map((check, index) => ({
        text: check,
        ...this.#document.locate(Array.isArray(raw.stop_if) ? ['stop_if', index] : ['stop_if']),
      })),
      fidelityAllowed: this.#allowances(raw.drill?.fidelity ?? {}),
      addressBook: Object.entries(raw.drill?.origins ?? {}).map(([origin, endpoint]) => ({
        origin,
        endpoint,
        ...this.#document.locate(['drill', 'origins', origin]),
      })),
      document: this.#document,
    };
  }

  #allowances(raw: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, Allowance> {
    const allowed = new Map<string, Allowance>();
    for (const [figure, text] of Object.entries(raw)) {
      if (text === undefined) continue;
      const read = readAllowance(figure, text);
      if ('hint' in read) this.#complain(['drill', 'fidelity', figure], `"${text}" cannot be read`, read.hint);
      else allowed.set(figure, read);
    }
    return allowed;
  }

  #world(raw: RawWorld): World {
    const origins = new Map<string, OriginTraits>();
    for (const [key, traits] of Object.entries(raw.origins ?? {})) {
      const path = ['world', 'origins', key];
      origins.set(key, {
        capacity:
          traits.capacity === undefined ? DEFAULT_ORIGIN.capacity : this.#rate([...path, 'capacity'], traits.capacity),
        queueLimit: traits.queue ?? DEFAULT_ORIGIN.queueLimit,
        latencyUs:
          traits.latency === undefined ? DEFAULT_ORIGIN.latencyUs : this.#span([...path, 'latency'], traits.latency),
        jitterUs:
          traits.jitter === undefined ? DEFAULT_ORIGIN.jitterUs : this.#span([...path, 'jitter'], traits.jitter),
      });
    }
    const links = new Map<string, { delayUs: number | undefined; rate: number }>();
    for (const [key, link] of Object.entries(raw.links ?? {})) {
      const path = ['world', 'links', key];
      if (key !== 'edge-origin') this.#complain(path, `unknown link "${key}"`, 'the only link is "edge-origin"', 'key');
      links.set(key, {
        delayUs: link.delay === undefined ? undefined : this.#span([...path, 'delay'], link.delay),
        rate: link.rate === undefined ? 0 : this.#bitrate([...path, 'rate'], link.rate),
      });
    }
    const railgun = raw.railgun ?? {};
    const memcached = railgun.memcached ?? {};
    return {
      pops: raw.pops ?? [],
      defaultPop: raw.default_pop,
      countryOf: raw.country_of ?? 'pop',
      origins,
      links,
      railgun: {
        topology: railgun.topology ?? 'in-front',
        ...(railgun.maps === undefined ? {} : { nat: this.#maps(['world', 'railgun', 'maps'], railgun.maps) }),
        // A group of at least two has two, whatever `listeners` says.
        listeners: Math.max(railgun.listeners ?? 1, railgun.autoscale?.min ?? 1),
        storeNodes: memcached.nodes ?? 1,
        sharedStore: memcached.shared ?? true,
        expirationUs:
          memcached.expiration === undefined
            ? 600 * US_PER_SECOND
            : this.#span(['world', 'railgun', 'memcached', 'expiration'], memcached.expiration),
        streamSize:
          railgun.stream_size === undefined
            ? 1_048_576
            : this.#size(['world', 'railgun', 'stream_size'], railgun.stream_size),
        replaceAfterUs:
          railgun.autoscale?.replace_after === undefined
            ? railgun.autoscale === undefined
              ? 0
              : 2 * US_PER_MINUTE
            : this.#span(['world', 'railgun', 'autoscale', 'replace_after'], railgun.autoscale.replace_after),
      },
      startUp: this.#startUp(raw.start_up ?? {}),
      countries: new Map(Object.entries(raw.countries ?? {})),
    };
  }

  #startUp(raw: NonNullable<RawWorld['start_up']>): StartUp {
    const span = (key: keyof typeof raw): number => {
      const text = raw[key];
      return text === undefined ? 0 : this.#span(['world', 'start_up', key], text);
    };
    return { edge: span('edge'), listener: span('listener'), store: span('memcached'), origin: span('origin') };
  }

  #trafficOf(raw: RawShell, start: Micros): TrafficSpec[] {
    this.#fidelity = raw.fidelity ?? 'flow';
    this.#ownPages = raw.traffic.some((source) => 'pages' in source);
    const traffic = raw.traffic.flatMap((source, index) =>
      'pages' in source ? [] : this.#traffic(source, ['traffic', index], start),
    );
    if (raw.traffic.every((source) => 'pages' in source))
      this.#complain(['traffic'], 'nobody asks for the pages', 'add "log: FILE" or "clients: { count, rate }"');
    return traffic;
  }
  #fidelity: Fidelity = 'flow';
  #ownPages = false;

  #pagesOf(raw: Record<string, unknown>, path: Path): PagesSpec[] {
    const source = this.#shape(pageSource, raw, path);
    if (source === undefined) return [];
    const { pages } = source;
    const kind = PAGE_KINDS.find((one) => one === pages);
    // A word without a dot, a slash or a star is meant as a kind.
    if (kind === undefined && /^\w+$/.test(pages))
      this.#complain(
        [...path, 'pages'],
        `unknown pages "${pages}"`,
        didYouMean(pages, PAGE_KINDS) || 'a file pattern has a "/" or a "*"',
      );
    return [
      {
        from: kind === undefined ? { files: pages } : { kind },
        everyUs: source.every === undefined ? PAGE_EVERY_US : this.#span([...path, 'every'], source.every, 1),
        ...this.#document.locate([...path, 'pages']),
      },
    ];
  }

  #maps(path: Path, raw: readonly string[]): readonly NatMap[] {
    return raw.map((text, index) => {
      const read = parseRailgunNat(`map ${index + 1}`, text);
      if (read.ok) return read.value;
      for (const { message, hint } of read.problems) this.#complain([...path, index], message, hint);
      return EMPTY_NAT_MAP;
    });
  }

  #traffic(raw: Record<string, unknown>, path: Path, start: Micros): TrafficSpec[] {
    if ('log' in raw) {
      const log = this.#shape(logSource, raw, path);
      return log === undefined ? [] : [this.#log(log, path)];
    }
    if ('clients' in raw) {
      const source = this.#shape(clientSource, raw, path);
      if (source === undefined) return [];
      return [this.#clients(source.clients, [...path, 'clients'], start, source.fidelity ?? this.#fidelity)];
    }
    this.#complain(
      path,
      'a traffic source needs "log", "clients" or "pages"',
      'write "log: FILE" or "clients: { count, rate }"',
    );
    return [];
  }

  #log(raw: RawLog, path: Path): LogTraffic {
    return {
      kind: 'log',
      fidelity: raw.fidelity ?? this.#fidelity,
      path: raw.log,
      host: raw.host,
      speed: raw.speed ?? 1,
      failOnBroken: raw.on_broken === 'fail',
      resolver: this.#resolver([...path, 'resolver_ttl'], raw.resolver_ttl),
      ...this.#document.locate([...path, 'log']),
    };
  }

  #clients(raw: RawClients, path: Path, start: Micros, fidelity: Fidelity): ClientTraffic {
    const points = typeof raw.rate === 'string' ? [{ at: '+0s', rate: raw.rate }] : raw.rate;
    const ramp = points.map((point, at) => {
      const where = typeof raw.rate === 'string' ? [...path, 'rate'] : [...path, 'rate', at, 'rate'];
      if (typeof raw.rate !== 'string') this.#moment([...path, 'rate', at, 'at'], point.at, start);
      return { moment: point.at, rate: this.#rate(where, point.rate) };
    });
    return {
      kind: 'clients',
      fidelity,
      count: raw.count,
      ramp,
      from: new Map(Object.entries(raw.from ?? {})),
      sessionUs: raw.sessions === undefined ? 30 * US_PER_MINUTE : this.#span([...path, 'sessions'], raw.sessions, 1),
      thinkUs: raw.think === undefined ? 0 : this.#span([...path, 'think'], raw.think, 1),
      cookieShare: raw.cookies === undefined ? 1 : this.#share([...path, 'cookies'], raw.cookies),
      pages: raw.pages ?? 100,
      pageBytes:
        raw.page_bytes === undefined
          ? this.#ownPages
            ? 0
            : DEFAULT_PAGE_BYTES
          : this.#size([...path, 'page_bytes'], raw.page_bytes),
      host: raw.host,
      path: raw.path ?? '/',
      method: raw.method ?? 'GET',
      resolver: this.#resolver([...path, 'resolver_ttl'], raw.resolver_ttl),
      resolversPerPop: raw.resolvers ?? 4,
      line: this.#document.locate(path).line,
    };
  }

  #resolver(
    path: Path,
    raw: 'honour' | 'ignore' | { min?: string | undefined; max?: string | undefined } | undefined,
  ): ResolverPolicy {
    if (raw === undefined || raw === 'honour') return { kind: 'honour', minUs: 0, maxUs: Number.MAX_SAFE_INTEGER };
    if (raw === 'ignore') return { kind: 'ignore', minUs: 0, maxUs: Number.MAX_SAFE_INTEGER };
    const minUs = raw.min === undefined ? 0 : this.#span([...path, 'min'], raw.min);
    const maxUs = raw.max === undefined ? Number.MAX_SAFE_INTEGER : this.#span([...path, 'max'], raw.max);
    if (minUs > maxUs) this.#complain([...path, 'min'], `"${raw.min}" is longer than "max"`, 'swap the two');
    return { kind: 'clamp', minUs, maxUs };
  }

  #event(raw: Record<string, unknown>, path: Path, start: Micros): TimelineEvent[] {
    const moment = String(raw.at);
    this.#moment([...path, 'at'], moment, start);
    const base: EventBase = { moment, note: String(raw.note ?? ''), ...this.#document.locate(path) };
    if ('fault' in raw) {
      const event = this.#shape(faultEvent, raw, path);
      return event === undefined ? [] : this.#fault(event, path, base);
    }
    if ('heal' in raw) {
      const event = this.#shape(healEvent, raw, path);
      if (event === undefined) return [];
      if (event.heal !== 'all' && !FAULTS.has(event.heal)) this.#target([...path, 'heal'], event.heal);
      return [{ kind: 'heal', what: event.heal, ...base }];
    }
    if ('set' in raw) {
      const event = this.#shape(setEvent, raw, path);
      return event === undefined ? [] : [{ kind: 'set', changes: new Map(Object.entries(event.set)), ...base }];
    }
    if ('note' in raw) {
      const event = this.#shape(noteEvent, raw, path);
      return event === undefined ? [] : [{ kind: 'note', ...base }];
    }
    this.#complain(
      path,
      'an entry of the timeline needs "fault", "heal", "set" or "note"',
      'for example "fault: power_loss"',
    );
    return [];
  }

  #fault(raw: Record<string, unknown>, path: Path, base: EventBase): TimelineEvent[] {
    const name = String(raw.fault);
    const fault = FAULTS.get(name);
    if (fault === undefined) {
      this.#complain(
        [...path, 'fault'],
        `unknown fault "${name}"`,
        didYouMean(name, FAULTS.keys()) || `known: ${[...FAULTS.keys()].join(', ')}`,
      );
      return [];
    }
    const parameters: Record<string, number> = {};
    for (const [key, parameter] of Object.entries(fault.parameters)) parameters[key] = parameter.default;
    for (const [key, value] of Object.entries(raw)) {
      if (EVENT_KEYS.has(key)) continue;
      const parameter = Object.hasOwn(fault.parameters, key) ? fault.parameters[key] : undefined;
      if (parameter === undefined) {
        const known = Object.keys(fault.parameters);
        const hint = known.length === 0 ? `"${name}" takes no parameters` : didYouMean(key, known);
        this.#complain([...path, key], `unknown key "${key}" for the fault "${name}"`, hint, 'key');
        continue;
      }
      const at: Path = [...path, key];
      const text = String(value);
      if (parameter.kind === 'duration') parameters[key] = this.#span(at, text);
      else if (parameter.kind === 'share') parameters[key] = this.#share(at, text);
      else if (parameter.kind === 'bitrate') parameters[key] = this.#bitrate(at, text);
      else if (typeof value === 'number') parameters[key] = value;
      else this.#complain(at, `"${text}" is not a number`, 'write a number such as 3');
    }
    const aimed =
      raw.target === undefined ? defaultTarget(fault) : this.#target([...path, 'target'], String(raw.target));
    if (aimed === undefined) {
      if (raw.target === undefined)
        this.#complain(path, `the fault "${name}" needs a target`, `add "target: ${fault.targets[0]}/NAME"`);
    } else if (!fault.targets.includes(aimed.kind)) {
      this.#complain(
        [...path, 'target'],
        `"${name}" cannot be aimed at a ${aimed.kind}`,
        `its targets are: ${fault.targets.map((kind) => `${kind}/NAME`).join(', ')}`,
      );
    }
    const forUs = raw.for === undefined ? 0 : this.#span([...path, 'for'], String(raw.for), 1);
    return aimed === undefined ? [] : [{ kind: 'fault', fault, target: aimed, parameters, forUs, ...base }];
  }

  #target(path: Path, text: string): Target | undefined {
    const slash = text.indexOf('/');
    const word = slash < 0 ? text : text.slice(0, slash);
    const kind = TARGET_WORDS.get(word);
    if (kind === undefined) {
      this.#complain(path, `unknown target "${text}"`, didYouMean(word, [...TARGET_WORDS.keys()]));
      return undefined;
    }
    return { kind, name: slash < 0 ? 'all' : text.slice(slash + 1) };
  }

  #shape<S extends z.ZodType>(schema: S, value: unknown, path: Path): z.output<S> | undefined {
    return checkShape(schema, value, path, this.#findings);
  }

  #complain(path: Path, message: string, hint: string, what: 'value' | 'key' = 'value'): void {
    this.#findings.error('bad_format', path, message, hint, what);
  }

  #number(path: Path, text: string, value: number | undefined, hint: string): number {
    if (value === undefined || !Number.isFinite(value)) {
      this.#complain(path, `"${text}" cannot be read`, hint);
      return 0;
    }
    return value;
  }

  #span(path: Path, text: string, least = 0, most = MAX_DURATION_US): number {
    const value = this.#number(
      path,
      text,
      parseDuration(text),
      'write a span with its unit, such as "90s", "5m" or "1h30m"',
    );
    if (parseDuration(text) !== undefined && (value < least || value > most)) {
      this.#complain(
        path,
        `"${text}" is out of range`,
        value < least ? 'it must be longer than nothing' : 'at most 366 days',
      );
    }
    return value;
  }

  #rate(path: Path, text: string): number {
    return this.#number(path, text, parseRate(text), 'write a rate such as "400/s" or "30/m"');
  }

  #bitrate(path: Path, text: string): number {
    return this.#number(path, text, parseBitRate(text), 'write a bit rate such as "50Mbit" or "1Gbit"');
  }

  #size(path: Path, raw: string | number): number {
    return this.#number(path, String(raw), parseSize(String(raw)), 'write a size such as "250KB" or 92516');
  }

  #share(path: Path, raw: string | number): number {
    return this.#number(path, String(raw), parseShare(String(raw)), 'write a share such as "40%" or 0.4');
  }

  #instant(path: Path, text: string): Micros {
    return micros(this.#number(path, text, parseInstant(text), 'write RFC 3339, such as "2026-03-01T12:00:00Z"'));
  }

  #moment(path: Path, text: string, start: Micros): Micros {
    return micros(this.#number(path, text, parseMoment(text, start), 'write "+3m", "12:03", "12:03:30", or RFC 3339'));
  }
}

const TARGET_WORDS: ReadonlyMap<string, TargetKind> = new Map([
  ['pool', 'pool'],
  ['origin', 'origin'],
  ['link', 'link'],
  ['listener', 'listener'],
  ['memcached', 'store'],
  ['redis', 'store'],
  ['store', 'store'],
  ['pop', 'pop'],
  ['region', 'region'],
  ['resolver', 'resolver'],
]);

/** Faults with only one kind of target that has an obvious "all" need not name it. */
function defaultTarget(fault: Fault): Target | undefined {
  const only = fault.targets.length === 1 ? fault.targets[0] : undefined;
  if (only === 'resolver' || only === 'listener' || only === 'store') return { kind: only, name: 'all' };
  if (only === 'link') return { kind: 'link', name: 'edge-origin' };
  return undefined;
}
