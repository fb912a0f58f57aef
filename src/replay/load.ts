/**
 * From a scenario's text to everything a run needs: the configuration read and checked, names resolved, changes worked out, logs opened,
 * the span of time fixed. Every complaint carries its place; nothing is begun before all is sound.
 */
import { parseConfig } from '../config/config-file.ts';
import { configHash } from '../config/hash.ts';
import { readDocument } from '../config/document.ts';
import { checkConfig } from '../config/load-config.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Model } from '../core/model.ts';
import type { Checked, Problem } from '../core/problem.ts';
import { type Random, seededRandom } from '../core/random.ts';
import { type Micros, US_PER_SECOND, micros } from '../core/time.ts';
import type { GeoDatabase } from '../geo/mmdb.ts';
import { Locator } from '../geo/locate.ts';
import { COUNTRIES, POPS, findPop } from '../geo/tables.ts';
import { type PlannedChange, planChanges } from './changes.ts';
import { type LogHandle, type OpenedLog, openLog } from './log-handle.ts';
import { type LoadedPages, loadPages } from './page-files.ts';
import { popsBehind } from './population.ts';
import {
  DEFAULT_DURATION_US,
  DEFAULT_START,
  type LogTraffic,
  type Scenario,
  checkTimes,
  parseScenario,
} from './scenario.ts';
import type { SteadyRounds } from './steady-rounds.ts';
import { type StopCondition, readStops } from './stop-if.ts';
import { checkTargets } from './targets.ts';

/** What the outside world lends to a run: files by path as written in the scenario. */
export interface Files {
  /** The text of a file beside the scenario, or why it cannot be had. */
  readText(path: string): { readonly text: string; readonly file: string } | { readonly reason: string };
  /** The bytes of a log, from the beginning each time it is called. */
  readBytes(path: string): AsyncIterable<Uint8Array> | { readonly reason: string };
  readonly geoDatabase: GeoDatabase | undefined;
  /** Versions of pages, in order of their file names. Not every world has any. */
  readPages?(
    pattern: string,
  ): readonly { readonly file: string; readonly bytes: Uint8Array }[] | { readonly reason: string };
}

export interface ReplayOptions {
  readonly seed?: string | undefined;
  /** `duration=5m`, `traffic[0].clients.rate=10/s`: values put into the scenario before it is checked. */
  readonly set?: readonly string[];
  readonly version: string;
  readonly repeat: string;
}

export interface ReplayInput {
  readonly scenario: Scenario;
  readonly model: Model;
  /** The configuration as written that `model` was read from: what changes are applied to. */
  readonly raw: unknown;
  readonly configHash: string;
  readonly scenarioHash: string;
  readonly seed: string;
  readonly random: Random;
  readonly start: Micros;
  readonly end: Micros;
  readonly locator: Locator;
  readonly logs: ReadonlyMap<LogTraffic, LogHandle>;
  /** Where pages come from; never empty. */
  readonly pages: readonly LoadedPages[];
  readonly changes: readonly PlannedChange[];
  readonly stops: readonly StopCondition[];
  /** Index of the balancer for a host name; -1 = none. No host: the first. */
  readonly balancerOf: (host: string | undefined) => number;
  readonly warnings: readonly string[];
  readonly version: string;
  readonly repeat: string;
  /** Where the moments of the probes and the back-off of lanes shall be those of real edges with this seed: all data centers of a monitor together. */
  readonly probeSeed?: string | undefined;
  /** What is asked before the run begins, as a drill does; left out: the first requests open the lanes. */
  readonly steady?: SteadyRounds | undefined;
  readonly traceSink?: ((block: string) => void) | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: { readonly aborted: boolean } | undefined;
  /** Lets the outside world have its turn. */
  readonly turn?: (() => Promise<void>) | undefined;
}

export interface Progress {
  readonly now: number;
  readonly start: number;
  readonly end: number;
  readonly requests: number;
}

export const CODES = {
  pops: new Set<string>(POPS.map((pop) => pop.code)),
  countries: new Set<string>(COUNTRIES.keys()),
};

export async function prepareReplay(
  text: string,
  file: string,
  files: Files,
  options: ReplayOptions,
): Promise<Checked<ReplayInput>> {
  const parsed = parseScenario(text, file, options.set ?? []);
  if (!parsed.ok) return parsed;
  const scenario = parsed.value;
  const config = readConfig(scenario, files);
  if (!config.ok) return config;
  const { model, raw } = config.value;
  const warnings: Problem[] = [...parsed.warnings, ...config.warnings];
  const problems: Problem[] = [
    ...checkPlaces(scenario),
    ...checkTargets(scenario, model),
    ...checkHosts(scenario, model),
  ];
  if (problems.length > 0) return { ok: false, problems };

  const pages = loadPages(scenario, files);
  if (pages.problems.length > 0) return { ok: false, problems: pages.problems };
  const balancerOf = hostTable(model);
  const logs = new Map<LogTraffic, LogHandle>();
  let start = scenario.start;
  let end: number | undefined;
  for (const spec of scenario.traffic) {
    if (spec.kind !== 'log') continue;
    const opened = await openLog(spec, (path) => files.readBytes(path), {
      needsSpan: start === undefined || scenario.durationUs === undefined,
    });
    if (!opened.ok) {
      problems.push(logProblem(scenario, spec, opened));
      continue;
    }
    logs.set(spec, opened.handle);
    const { firstUs, lastUs } = opened.handle;
    if (firstUs === undefined || lastUs === undefined) continue;
    // A start falls on a whole second, so that buckets and times of day read well.
    start ??= micros(Math.floor(firstUs / US_PER_SECOND) * US_PER_SECOND);
    const played = start + (lastUs - firstUs) / spec.speed;
    end = Math.max(end ?? 0, Math.ceil((played + 1) / US_PER_SECOND) * US_PER_SECOND);
  }
  if (problems.length > 0) return { ok: false, problems };
  const from = start ?? DEFAULT_START;
  const until = micros(
    scenario.durationUs !== undefined ? from + scenario.durationUs : (end ?? from + DEFAULT_DURATION_US),
  );
  problems.push(...checkTimes(scenario, from, until));
  const planned = planChanges(scenario, { model, raw }, from, CODES);
  problems.push(...planned.problems);
  const { stops, problems: stopProblems } = readStops(scenario, model, from, until);
  problems.push(...stopProblems);
  if (problems.length > 0) return { ok: false, problems };

  const seed = options.seed ?? scenario.seed;
  const locator = new Locator({
    ...(scenario.world.pops.length > 0 ? { pops: scenario.world.pops } : {}),
    ...(scenario.world.defaultPop === undefined ? {} : { defaultPop: scenario.world.defaultPop }),
    ...(files.geoDatabase === undefined ? {} : { database: files.geoDatabase }),
    country: scenario.world.countryOf,
    networks: new Map([...scenario.world.countries].map(([network, country]) => [network, { country }])),
  });
  return {
    ok: true,
    warnings,
    value: {
      scenario,
      model,
      raw,
      configHash: configHash(raw),
      scenarioHash: configHash(scenario.document.value),
      seed,
      random: seededRandom(seed),
      start: from,
      end: until,
      locator,
      logs,
      pages: pages.pages,
      changes: planned.changes,
      stops,
      balancerOf,
      warnings: warnings.map(
        (problem) =>
          `${problem.file}:${problem.line}: ${problem.message}${problem.hint === '' ? '' : `, ${problem.hint}`}`,
      ),
      version: options.version,
      repeat: options.repeat,
    },
  };
}

export interface RawConfig {
  readonly model: Model;
  /** The plain value that the model was read from: what changes are applied to. */
  readonly raw: unknown;
}

function readConfig(scenario: Scenario, files: Files): Checked<RawConfig> {
  if ('value' in scenario.config) {
    const { model, findings } = parseConfig(scenario.config.value, CODES);
    const problems = findings.map(({ path, message, hint, at, severity }) =>
      scenario.document.problem(['config', ...path], message, hint, at, severity),
    );
    if (model === undefined) return { ok: false, problems };
    return { ok: true, value: { model, raw: scenario.config.value }, warnings: problems };
  }
  const found = files.readText(scenario.config.path);
  if ('reason' in found) {
    const problem = scenario.document.problem(
      ['config'],
      `"${scenario.config.path}" ${found.reason}`,
      'the path is looked up beside the scenario',
    );
    return { ok: false, problems: [problem] };
  }
  const read = readDocument(found.text, found.file);
  if (!read.ok) return read;
  const loaded = checkConfig(read.value, CODES);
  if (!loaded.ok) return loaded;
  return { ok: true, value: { model: loaded.value.model, raw: read.value.value }, warnings: loaded.warnings };
}

/** PoPs and places that the scenario names but the table does not have. */
function checkPlaces(scenario: Scenario): Problem[] {
  const problems: Problem[] = [];
  const codes = POPS.map((pop) => pop.code as string);
  const unknown = (path: readonly (string | number)[], code: string, what: 'value' | 'key' = 'value'): void => {
    problems.push(
      scenario.document.problem(
        path,
        `unknown PoP "${code}"`,
        didYouMean(code, codes) || 'three letters, such as LHR',
        what,
      ),
    );
  };
  scenario.world.pops.forEach((code, index) => {
    if (findPop(code) === undefined) unknown(['world', 'pops', index], code);
  });
  const { defaultPop } = scenario.world;
  if (defaultPop !== undefined && findPop(defaultPop) === undefined) unknown(['world', 'default_pop'], defaultPop);
  scenario.traffic.forEach((spec, index) => {
    if (spec.kind !== 'clients') return;
    for (const key of spec.from.keys()) {
      if (popsBehind(key, CODES.pops).length > 0) continue;
      const path = ['traffic', index, 'clients', 'from', key];
      problems.push(
        scenario.document.problem(path, `"${key}" is no region, country or PoP`, 'write WEU, DE or LHR', 'key'),
      );
    }
  });
  return problems;
}

function checkHosts(scenario: Scenario, model: Model): Problem[] {
  const balancerOf = hostTable(model);
  const names = model.loadBalancers.map((balancer) => balancer.name);
  return scenario.traffic.flatMap((spec, index) => {
    if (spec.host === undefined || balancerOf(spec.host) >= 0) return [];
    const path = spec.kind === 'log' ? ['traffic', index, 'host'] : ['traffic', index, 'clients', 'host'];
    return [
      scenario.document.problem(
        path,
        `no load balancer answers for "${spec.host}"`,
        didYouMean(spec.host, names) || `known: ${names.join(', ')}`,
      ),
    ];
  });
}

/** Exact names before wildcards (spec 2.1, step 1). */
export function hostTable(model: Model): (host: string | undefined) => number {
  const exact = new Map(model.loadBalancers.map((balancer, index) => [balancer.name as string, index]));
  return (host) => {
    if (host === undefined || host === '') return model.loadBalancers.length > 0 ? 0 : -1;
    const name = host.toLowerCase().replace(/:\d+$/, '');
    const found = exact.get(name);
    if (found !== undefined) return found;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const wild = exact.get(`*${name.slice(dot)}`);
      if (wild !== undefined) return wild;
    }
    return -1;
  };
}

function logProblem(scenario: Scenario, spec: LogTraffic, problem: Extract<OpenedLog, { ok: false }>): Problem {
  return {
    severity: 'error',
    file: scenario.file,
    line: spec.line,
    column: spec.column,
    path: 'traffic',
    message: problem.message,
    hint: problem.hint,
  };
}
