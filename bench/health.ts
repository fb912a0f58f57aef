/**
 * What health costs: probes a second through plan and board (with and without changes of state), and what steering pays per
 * question. Peer in the same interleaved run: a bare loop over a typed array, doing one read, add and write per step.
 *
 *   node bench/health.ts [--quick]        last line: one JSON object
 */
import { POPS, REGIONS } from '../src/geo/tables.ts';
import type { Location } from '../src/core/location.ts';
import type { Model, Monitor, Pool } from '../src/core/model.ts';
import { type Micros, fromSeconds, micros } from '../src/core/time.ts';
import { layOut } from '../src/health/layout.ts';
import { ProbePlan, settle } from '../src/health/probe-plan.ts';
import { HealthBoard } from '../src/health/view.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 9;
const PROBES = quick ? 200_000 : 1_000_000;
const QUESTIONS = quick ? 2_000_000 : 20_000_000;
const PASS = { reason: 'no_failures', rttUs: 20_000 } as const;
const FAIL = { reason: 'tcp_connection_failed', rttUs: undefined } as const;
const START = fromSeconds(1_772_366_400);

const sites = { pops: POPS, regions: REGIONS.map((region) => region.code), inUse: POPS.map((pop) => pop.index) };
const places: readonly Location[] = POPS.map((pop) => ({
  pop: pop.code,
  popIndex: pop.index,
  region: pop.region,
  regionIndex: pop.regionIndex,
  country: pop.country,
  latitude: pop.latitude,
  longitude: pop.longitude,
  assumed: [],
}));

/** Six pools of six origins; 13 regions of three data centers, or all 357. */
function modelOf(kind: 'regions' | 'everywhere'): Model {
  const monitor: Monitor = {
    id: 'm' as Monitor['id'],
    type: 'http',
    description: '',
    method: 'GET',
    path: '/',
    headers: new Map(),
    port: 0,
    timeoutSeconds: 5,
    retries: 2,
    intervalSeconds: 60,
    expectedCodes: [],
    expectedBody: '',
    followRedirects: false,
    allowInsecure: false,
    probeZone: '',
    consecutiveUp: 2,
    consecutiveDown: 2,
  };
  const pools = Array.from(
    { length: 6 },
    (_, p): Pool => ({
      id: `pool-${p}` as Pool['id'],
      name: `pool-${p}`,
      description: '',
      enabled: true,
      disabledAt: undefined,
      minimumOrigins: 1,
      monitor: monitor.id,
      monitorGroup: undefined,
      checkRegions: kind === 'regions' ? sites.regions : null,
      healthSources: null,
      origins: Array.from({ length: 6 }, (_, o) => ({
        name: `origin-${o}`,
        address: `192.0.2.${o}`,
        enabled: true,
        disabledAt: undefined,
        weight: 100,
        port: 0,
        hostHeader: undefined,
        virtualNetworkId: undefined,
        flattenCname: true,
      })),
      originSteering: 'random',
      loadShedding: undefined,
      latitude: undefined,
      longitude: undefined,
    }),
  );
  return { loadBalancers: [], pools, monitors: [monitor], monitorGroups: [], railguns: [], zones: [] };
}

/** Probes a second; `flapping`: a sixth of the origins changes its mind every few minutes. */
function probesPerSecond(kind: 'regions' | 'everywhere', flapping: boolean): number {
  const layout = layOut(modelOf(kind), sites);
  const board = new HealthBoard(layout);
  const plan = new ProbePlan(layout, START, { seed: 42 });
  const began = process.hrtime.bigint();
  let sent = 0;
  while (sent < PROBES) {
    const now = micros(plan.nextAt);
    const probe = plan.next(now);
    if (probe === undefined) continue;
    sent += 1;
    const down = flapping && probe.origin === 0 && Math.floor((now - START) / 300_000_000) % 2 === 1;
    settle(plan, board, probe, down ? FAIL : PASS, now);
  }
  return (sent / Number(process.hrtime.bigint() - began)) * 1e9;
}

function questionsPerSecond(kind: 'regions' | 'everywhere'): number {
  const layout = layOut(modelOf(kind), sites);
  const board = new HealthBoard(layout);
  const plan = new ProbePlan(layout, START, { seed: 42 });
  for (let now: Micros = START; now < START + plan.warmUpUs; ) {
    now = micros(plan.nextAt);
    const probe = plan.next(now);
    if (probe !== undefined) settle(plan, board, probe, probe.dataCenter % 7 === 0 ? FAIL : PASS, now);
  }
  let up = 0;
  const began = process.hrtime.bigint();
  for (let i = 0; i < QUESTIONS; i += 1) {
    const from = places[i % places.length]!;
    const pool = i % 6;
    if (board.pool(pool, from) !== 'critical' && board.origin(pool, i % 5, from) === 'healthy') up += 1;
  }
  const rate = (QUESTIONS / Number(process.hrtime.bigint() - began)) * 1e9;
  if (up === 0) throw new Error('nothing was healthy: the bench measures the wrong thing');
  return rate;
}

function loopPerSecond(): number {
  const cells = new Float64Array(1 << 16);
  let next = 1;
  const began = process.hrtime.bigint();
  for (let i = 0; i < QUESTIONS; i += 1) {
    next = (next * 48_271) % 2_147_483_647;
    cells[next & 0xffff]! += next;
  }
  const rate = (QUESTIONS / Number(process.hrtime.bigint() - began)) * 1e9;
  return cells[1]! < 0 ? 0 : rate;
}

const rows: Record<string, () => number> = {
  loop: loopPerSecond,
  probes_39_steady: () => probesPerSecond('regions', false),
  probes_39_flapping: () => probesPerSecond('regions', true),
  probes_357_steady: () => probesPerSecond('everywhere', false),
  probes_357_flapping: () => probesPerSecond('everywhere', true),
  questions_39: () => questionsPerSecond('regions'),
  questions_357: () => questionsPerSecond('everywhere'),
};
const seen: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, measure] of Object.entries(rows)) (seen[name] ??= []).push(measure());
}
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const loop = median(seen['loop']!);
const result: Record<string, number> = {};
console.log('what                      million/s   of a bare loop');
for (const [name, values] of Object.entries(seen)) {
  const rate = median(values);
  result[`${name}_per_s`] = Math.round(rate);
  console.log(
    `${name.padEnd(24)} ${(rate / 1e6).toFixed(2).padStart(10)} ${((100 * rate) / loop).toFixed(1).padStart(14)} %`,
  );
}
console.log(JSON.stringify({ bench: 'health', quick, ...result }));
