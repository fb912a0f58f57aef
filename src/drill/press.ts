/**
 * `--pace N`: a story of minutes pressed into seconds. Every span that people chose is divided by N (the scenario's durations and moments, the
 * configuration's intervals and TTLs, the limits of checks that are such spans), rates and latencies stay, so the same number of things
 * happens per second in a shorter time. Prediction and drill get the same pressed input.
 *
 * What cannot be pressed is named: whole seconds that a format wants (rounded, with a note), and the constants of protocols.
 */
import { LAB_LIMITS } from '../config/context.ts';
import { parseConfig } from '../config/config-file.ts';
import { isRecord } from '../config/plain-value.ts';
import type { Check, Limit, Moment, WindowSpec } from '../checks/check.ts';
import type { Problem } from '../core/problem.ts';
import { parseMoment } from '../core/quantities.ts';
import { spanText } from '../core/figures.ts';
import { type Micros, micros } from '../core/time.ts';
import { planChanges } from '../replay/changes.ts';
import { bucketWidthUs } from '../replay/ledger.ts';
import { CODES, type ReplayInput } from '../replay/load.ts';
import type { ClientTraffic, ResolverPolicy, Scenario, TimelineEvent, TrafficSpec } from '../replay/scenario.ts';

export interface Pressed {
  readonly input: ReplayInput;
  /** Plain sentences: what was rounded, and what is not pressed. Empty at pace 1. */
  readonly notes: readonly string[];
}

export type PressResult =
  | { readonly ok: true; readonly value: Pressed }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** More makes whole seconds of everything: a monitor of 60 s is one of 1 s already. */
export const MAX_PACE = 60;
/** Narrower buckets hold too few requests to say anything. */
const LEAST_BUCKET_US = 500_000;
/** Parameters of faults that are spans of the story; the others are latencies. */
const PRESSED_PARAMETERS: ReadonlySet<string> = new Set(['up', 'down', 'over']);
/** Metrics whose limit is a span of the story, and those whose limit is a count that grows with its length. */
const SPAN_METRICS: ReadonlySet<string> = new Set([
  'detection_time',
  'recovery_time',
  'failing_time',
  'overloaded',
  'longest_overload',
]);
const COUNT_METRICS =
  /^(?:requests|failed_requests|served_requests|fallback_requests|retried_requests|status|cause|budget|sessions\w*|rejected|soa_answers|dns\.\w+|railgun\.(?:requests|direct|wan_bytes|page_bytes))$/;

export function press(input: ReplayInput, pace: number): PressResult {
  if (pace === 1) return { ok: true, value: { input, notes: [] } };
  const { start } = input;
  const rounded: string[] = [];
  const raw = pressConfig(input.raw, pace, rounded);
  const { model, findings } = parseConfig(raw, { ...CODES, limits: LAB_LIMITS });
  if (model === undefined) {
    const { scenario } = input;
    const problems = findings
      .filter(({ severity }) => severity === 'error')
      .map(({ message, hint }) => scenario.document.problem(['config'], `at --pace ${pace}: ${message}`, hint));
    return { ok: false, problems };
  }
  const scenario = pressScenario(input, pace, rounded);
  const end = micros(start + Math.round((input.end - start) / pace));
  const planned = planChanges(scenario, { model, raw }, start, { ...CODES, limits: LAB_LIMITS });
  if (planned.problems.length > 0) return { ok: false, problems: planned.problems };
  const logs = new Map([...input.logs].map(([spec, handle]) => [pressedOf(spec, input.scenario, scenario), handle]));
  const pages = input.pages.map((each) => ({ ...each, everyUs: Math.max(1, Math.round(each.everyUs / pace)) }));
  const stops = input.stops.map(({ check, line }) => ({ check: pressCheck(check, start, pace), line }));
  return {
    ok: true,
    value: {
      input: { ...input, scenario, model, raw, end, logs, stops, pages, changes: planned.changes },
      notes: notesOf(input, pace, rounded),
    },
  };
}

function pressedOf<Spec extends TrafficSpec>(spec: Spec, before: Scenario, after: Scenario): Spec {
  return after.traffic[before.traffic.indexOf(spec)] as Spec;
}

// The scenario

function pressScenario(input: ReplayInput, pace: number, rounded: string[]): Scenario {
  const { scenario, start, end } = input;
  const span = (us: number): number => Math.round(us / pace);
  const width = scenario.bucketUs ?? bucketWidthUs(end - start);
  const { railgun } = scenario.world;
  return {
    ...scenario,
    durationUs: span(end - start),
    bucketUs: Math.min(width, Math.max(LEAST_BUCKET_US, Math.round(width / pace / 100_000) * 100_000)),
    world: {
      ...scenario.world,
      railgun: {
        ...railgun,
        expirationUs: railgun.expirationUs === 0 ? 0 : Math.max(1_000_000, span(railgun.expirationUs)),
        replaceAfterUs: railgun.replaceAfterUs === 0 ? 0 : Math.max(1, span(railgun.replaceAfterUs)),
      },
    },
    traffic: scenario.traffic.map((spec) => pressTraffic(spec, start, pace)),
    pages: scenario.pages.map((pages) => ({ ...pages, everyUs: Math.max(1, span(pages.everyUs)) })),
    timeline: scenario.timeline.map((event) => pressEvent(event, start, pace, rounded)),
  };
}

function pressTraffic(spec: TrafficSpec, start: Micros, pace: number): TrafficSpec {
  const resolver = pressResolver(spec.resolver, pace);
  if (spec.kind === 'log') return { ...spec, resolver, speed: spec.speed * pace };
  const clients: ClientTraffic = {
    ...spec,
    resolver,
    ramp: spec.ramp.map((point) => ({ ...point, moment: pressMoment(point.moment, start, pace) })),
    sessionUs: Math.max(1, Math.round(spec.sessionUs / pace)),
    thinkUs: spec.thinkUs === 0 ? 0 : Math.max(1, Math.round(spec.thinkUs / pace)),
  };
  return clients;
}

function pressResolver(policy: ResolverPolicy, pace: number): ResolverPolicy {
  if (policy.kind !== 'clamp') return policy;
  const most = policy.maxUs === Number.MAX_SAFE_INTEGER ? policy.maxUs : Math.round(policy.maxUs / pace);
  return { ...policy, minUs: Math.round(policy.minUs / pace), maxUs: most };
}

function pressEvent(event: TimelineEvent, start: Micros, pace: number, rounded: string[]): TimelineEvent {
  const moment = pressMoment(event.moment, start, pace);
  switch (event.kind) {
    case 'fault': {
      const parameters = Object.fromEntries(
        Object.entries(event.parameters).map(([key, value]) => {
          const pressed = PRESSED_PARAMETERS.has(key) && event.fault.parameters[key]?.kind === 'duration';
          return [key, pressed ? Math.max(1, Math.round(value / pace)) : value];
        }),
      );
      const forUs = event.forUs === 0 ? 0 : Math.max(1, Math.round(event.forUs / pace));
      return { ...event, moment, parameters, forUs };
    }
    case 'set': {
      const changes = new Map<string, Readonly<Record<string, unknown>>>();
      for (const [target, fields] of event.changes) changes.set(target, pressFields(target, fields, pace, rounded));
      return { ...event, moment, changes };
    }
    default:
      return { ...event, moment };
  }
}

/** A moment that the scenario's reader has accepted, as `+Nus`. */
function pressMoment(text: string, start: Micros, pace: number): string {
  const at = parseMoment(text, start) ?? start;
  // A moment before the start was refused long ago.
  return `+${Math.round(Math.max(0, at - start) / pace)}us`;
}

// The configuration

type Plain = Readonly<Record<string, unknown>>;

/** TTLs that hold where none is written: an absent one is pressed, too. */
const USUAL_TTL = 30;
const USUAL_SESSION_TTL = { cookie: 82_800, header: 1_800 } as const;
/** The shortest TTL of a zone's record: the format has no allowance for less. */
const LEAST_RECORD_TTL = 30;
const USUAL_RECORD_TTL = 300;

function pressConfig(raw: unknown, pace: number, rounded: string[]): unknown {
  if (!isRecord(raw)) return raw;
  const each = (section: string, change: (item: Plain, index: number) => Plain): Record<string, unknown> => {
    const list = raw[section];
    if (!Array.isArray(list)) return {};
    return { [section]: list.map((item: unknown, index) => (isRecord(item) ? change(item, index) : item)) };
  };
  return {
    ...raw,
    ...each('load_balancers', (item) => {
      const named = `load_balancer/${String(item['name'])}`;
      const kind = item['session_affinity'];
      const sticky = typeof kind === 'string' && kind !== 'none' && kind !== '';
      const whole = {
        ...item,
        ...(item['proxied'] === true || item['ttl'] !== undefined ? {} : { ttl: USUAL_TTL }),
        ...(sticky && !(Number(item['session_affinity_ttl']) > 0)
          ? { session_affinity_ttl: kind === 'header' ? USUAL_SESSION_TTL.header : USUAL_SESSION_TTL.cookie }
          : {}),
      };
      return pressFields(named, whole, pace, rounded);
    }),
    ...each('monitors', (item, index) => {
      const named = `monitor/${typeof item['id'] === 'string' ? item['id'] : `monitor-${index + 1}`}`;
      return pressFields(named, { interval: 60, timeout: 5, ...item }, pace, rounded);
    }),
    ...each('zones', (item) => pressFields(`zone/${String(item['name'])}`, item, pace, rounded)),
  };
}

/** Fields of one object, or those of a change to it. */
function pressFields(target: string, fields: Plain, pace: number, rounded: string[]): Plain {
  const kind = target.split('/')[0];
  const pressed: Record<string, unknown> = { ...fields };
  const seconds = (holder: Record<string, unknown>, key: string, least: number, name = key): void => {
    const value = holder[key];
    if (typeof value !== 'number' || value <= 0) return;
    const exact = value / pace;
    const whole = Math.max(least, Math.round(exact));
    if (Math.abs(whole - exact) > 1e-9)
      rounded.push(`${target}: ${name} ${value} s is ${whole} s, not ${round3(exact)} s`);
    holder[key] = whole;
  };
  if (kind === 'monitor') {
    seconds(pressed, 'interval', 1);
    seconds(pressed, 'timeout', 1);
  }
  if (kind === 'load_balancer') {
    if (pressed['proxied'] !== true) seconds(pressed, 'ttl', 1);
    affinity(pressed, seconds);
    if (Array.isArray(pressed['rules'])) {
      pressed['rules'] = pressed['rules'].map((rule: unknown) => {
        if (!isRecord(rule) || !isRecord(rule['overrides'])) return rule;
        const overrides: Record<string, unknown> = { ...rule['overrides'] };
        if (pressed['proxied'] !== true) seconds(overrides, 'ttl', 1, 'ttl of a rule');
        affinity(overrides, seconds);
        return { ...rule, overrides };
      });
    }
  }
  if (kind === 'zone') {
    if (isRecord(pressed['soa'])) {
      const soa: Record<string, unknown> = { min_ttl: 1_800, ...pressed['soa'] };
      seconds(soa, 'min_ttl', 1, 'soa.min_ttl');
      pressed['soa'] = soa;
    } else if (fields['name'] !== undefined) pressed['soa'] = { min_ttl: Math.max(1, Math.round(1_800 / pace)) };
    if (Array.isArray(pressed['records'])) {
      pressed['records'] = pressed['records'].map((record: unknown) => {
        if (!isRecord(record)) return record;
        const written = record['ttl'];
        const one: Record<string, unknown> = {
          ...record,
          ttl: typeof written === 'number' && written > 1 ? written : USUAL_RECORD_TTL,
        };
        seconds(one, 'ttl', LEAST_RECORD_TTL, `ttl of ${String(record['name'])}`);
        return one;
      });
    }
  }
  return pressed;
}

function affinity(
  holder: Record<string, unknown>,
  seconds: (holder: Record<string, unknown>, key: string, least: number, name?: string) => void,
): void {
  seconds(holder, 'session_affinity_ttl', 1);
  const attributes = holder['session_affinity_attributes'];
  if (!isRecord(attributes)) return;
  const pressed: Record<string, unknown> = { ...attributes };
  seconds(pressed, 'drain_duration', 1);
  holder['session_affinity_attributes'] = pressed;
}

// Checks

/** The same question about the pressed run: its times, spans of the story and counts divided; shares and latencies as they are. */
export function pressCheck(check: Check, start: Micros, pace: number): Check {
  if (pace === 1) return check;
  const text = `${check.text} (pressed by ${pace})`;
  const moment = (one: Moment): Moment => ({ ...one, text: pressMoment(one.text, start, pace) });
  if (check.kind === 'span') return { ...check, text, limitUs: check.limitUs / pace, of: moment(check.of) };
  const window = pressWindow(check.window, moment, pace);
  if (check.kind === 'state') return { ...check, text, window };
  return { ...check, text, window, limit: pressLimit(check.metric.name, check.limit, pace), forUs: check.forUs / pace };
}

function pressLimit(metric: string, limit: Limit, pace: number): Limit {
  const counted = (limit.unit === 'count' || limit.unit === 'bytes') && COUNT_METRICS.test(metric);
  const spanned = limit.unit === 'time' && SPAN_METRICS.has(metric);
  return counted || spanned ? { ...limit, value: limit.value / pace } : limit;
}

function pressWindow(spec: WindowSpec, moment: (one: Moment) => Moment, pace: number): WindowSpec {
  switch (spec.kind) {
    case 'whole':
      return spec;
    case 'from':
      return { kind: 'from', from: moment(spec.from), to: moment(spec.to) };
    case 'before':
      return { kind: 'before', to: moment(spec.to) };
    case 'after':
      return { kind: 'after', from: moment(spec.from) };
    case 'at':
      return { kind: 'at', at: moment(spec.at) };
    case 'within':
      return { kind: 'within', spanUs: spec.spanUs / pace, of: moment(spec.of) };
    default:
      return spec satisfies never;
  }
}

// What is said about it

/** Constants of protocols and of the edge that no setting reaches. */
const NOT_PRESSED =
  'not pressed: connect time-out (19 s) and read time-out (100 s) of the edge, TCP and TLS, latencies of origins and links, what faults add to them, and on the link PING (15 s + 10 s), back-off (1 s to 60 s) and the check of an L4 balancer';

function notesOf(input: ReplayInput, pace: number, rounded: readonly string[]): string[] {
  const was = spanText(input.end - input.start);
  const is = spanText(Math.round((input.end - input.start) / pace));
  return [
    `Pressed by ${pace}: ${was} of the scenario in ${is}. Moments, holds, sessions, intervals and TTLs are ${pace} times shorter in prediction and drill alike; requests per second are as written.`,
    ...(rounded.length === 0
      ? []
      : [`Whole seconds are the least that a setting knows, in both: ${[...new Set(rounded)].join('; ')}.`]),
    `${NOT_PRESSED.charAt(0).toUpperCase()}${NOT_PRESSED.slice(1)}.`,
  ];
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
