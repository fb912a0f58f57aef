/**
 * Decisions per second, policy by policy, beside a bare loop over the same requests (one draw and one table look-up each: what
 * no engine can avoid). Rounds are interleaved, so that a noisy neighbour hurts all rows alike; the median counts.
 *
 *   node bench/steering.ts [--quick]        last line: one JSON object
 */
import { createHmac } from 'node:crypto';
import type { AffinityClaim, Decision } from '../src/core/decision.ts';
import type { HealthView } from '../src/core/health-view.ts';
import type { Location } from '../src/core/location.ts';
import type { LoadBalancer, Model } from '../src/core/model.ts';
import { seededRandom } from '../src/core/random.ts';
import { AffinityCookies } from '../src/steering/affinity-cookie.ts';
import { HmacSha256 } from '../src/steering/hmac-sha256.ts';
import { compileBalancer } from '../src/steering/plan.ts';
import type { SteerRequest, SteerWorld } from '../src/steering/request.ts';
import { steer } from '../src/steering/steer.ts';
import { affinity, at, model, places, pool, rule, START } from '../test/steering/builders.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 9;
const REQUESTS = quick ? 200_000 : 1_000_000;
const CLIENTS = 4096;

const POPS = ['CDG', 'FRA', 'IAD', 'LAX', 'LHR', 'NRT', 'SIN', 'SJC'];
const CAPITALS = [0, 15, 30, 45, 60];

function pools() {
  const made = ['eu', 'us', 'as', 'sa', 'au'].map((id, i) =>
    pool(id, { origins: ['a', 'b', 'c'], latitude: CAPITALS[i]!, longitude: CAPITALS[i]! * 2 }),
  );
  return [...made, pool('fb')];
}

/** Everything healthy, always; `version` moves when the row says so. */
function healthy(): HealthView & { version: number } {
  return {
    version: 1,
    pool: () => 'healthy',
    origin: () => 'healthy',
    rttUs: (index, from) => ((index * 7 + from.popIndex * 3) % 11) * 10_000,
  };
}

interface Row {
  readonly name: string;
  readonly run: (requests: number) => number;
}

const locations: readonly Location[] = POPS.map((code) => at(code));
const hashes = Uint32Array.from({ length: CLIENTS }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0);

function row(
  name: string,
  fields: Partial<LoadBalancer>,
  options: { claims?: boolean; flipEvery?: number; explained?: boolean } = {},
): Row {
  const of: Model = model(pools(), fields);
  const plan = compileBalancer(of, 0);
  const health = healthy();
  const none = () => 0;
  const world: SteerWorld = {
    health,
    load: { poolOutstanding: none, poolConnections: none, originOutstanding: none, originConnections: none },
    names: { resolves: () => true },
    random: seededRandom(1),
    now: START,
  };
  const request: SteerRequest = {
    location: locations[0]!,
    clientHash: 0,
    clientAddress: '198.51.100.1',
    claim: undefined,
    facts: undefined,
  };
  const claims: (AffinityClaim | undefined)[] = Array.from({ length: CLIENTS }, () => undefined);
  let rungs = 0;
  const ladder = options.explained ? { add: () => void (rungs += 1) } : undefined;
  let client = 0;
  const run = (requests: number): number => {
    let sum = rungs;
    for (let i = 0; i < requests; i += 1) {
      client = (client + 1) % CLIENTS;
      request.location = locations[client % locations.length]!;
      request.clientHash = hashes[client]!;
      request.claim = claims[client];
      if (options.flipEvery !== undefined && i % options.flipEvery === 0) health.version += 1;
      const decision: Decision = steer(plan, request, world, ladder);
      if (decision.kind === 'origin') {
        sum += decision.pool * 8 + decision.origin;
        if (options.claims && decision.newClaim !== undefined) claims[client] = decision.newClaim;
      }
    }
    return sum;
  };
  return { name, run };
}

function bareLoop(): Row {
  const random = seededRandom(1);
  const table = new Map(locations.map((location, i) => [location, i]));
  let client = 0;
  return {
    name: 'bare loop',
    run: (requests) => {
      let sum = 0;
      for (let i = 0; i < requests; i += 1) {
        client = (client + 1) % CLIENTS;
        sum += table.get(locations[client % locations.length]!)! + Math.floor(random.next() * 3);
      }
      return sum;
    },
  };
}

function signatures(): readonly Row[] {
  const key = Buffer.alloc(32, 7);
  const message = Buffer.alloc(23, 3);
  const out = new Uint8Array(32);
  const hmac = new HmacSha256(key);
  const cookies = new AffinityCookies(key, model(pools()));
  const issue = (i: number): AffinityClaim => ({ loadBalancer: 'lb', pool: 'eu', origin: 'a', issuedAt: i });
  const known = cookies.encode(issue(1));
  const repeat =
    (work: (i: number) => number) =>
    (requests: number): number => {
      let sum = 0;
      for (let i = 0; i < requests; i += 1) sum += work(i);
      return sum;
    };
  return [
    {
      name: 'sign: HmacSha256',
      run: repeat(() => {
        hmac.sign(message, out);
        return out[0]!;
      }),
    },
    { name: 'sign: node createHmac', run: repeat(() => createHmac('sha256', key).update(message).digest()[0]!) },
    { name: 'cookie: encode', run: repeat((i) => cookies.encode(issue(i)).length) },
    { name: 'cookie: decode, known', run: repeat(() => cookies.decode(known)!.issuedAt) },
  ];
}

const regionPools = places({ WEU: ['eu', 'us'], ENAM: ['us', 'eu'], WNAM: ['us', 'as'] });
const always = rule('always', { overrides: { failoverAcrossPools: true } });

const rows: readonly Row[] = [
  bareLoop(),
  row('off', { steeringPolicy: 'off' }),
  row('geo', { steeringPolicy: 'geo', regionPools }),
  row(
    'geo + cookie, session kept',
    { steeringPolicy: 'geo', regionPools, affinity: affinity({ kind: 'cookie' }) },
    { claims: true },
  ),
  row('geo + cookie, new session', { steeringPolicy: 'geo', regionPools, affinity: affinity({ kind: 'cookie' }) }),
  row('geo + ip_cookie, first', { steeringPolicy: 'geo', regionPools, affinity: affinity({ kind: 'ip_cookie' }) }),
  row('geo, health moves every 1000', { steeringPolicy: 'geo', regionPools }, { flipEvery: 1000 }),
  row('geo, health moves every 10', { steeringPolicy: 'geo', regionPools }, { flipEvery: 10 }),
  row('geo, explained', { steeringPolicy: 'geo', regionPools }, { explained: true }),
  row('geo + one rule', { steeringPolicy: 'geo', regionPools, rules: [always] }),
  row('random', { steeringPolicy: 'random' }),
  row('dynamic_latency', { steeringPolicy: 'dynamic_latency' }),
  row('proximity', { steeringPolicy: 'proximity' }),
  row('least_outstanding_requests', { steeringPolicy: 'least_outstanding_requests' }),
  row('least_connections', { steeringPolicy: 'least_connections' }),
  ...signatures(),
];

const times: number[][] = rows.map(() => []);
let sink = 0;
for (const each of rows) sink += each.run(REQUESTS / 10);
for (let round = 0; round < ROUNDS; round += 1) {
  rows.forEach((each, i) => {
    const before = process.cpuUsage();
    sink += each.run(REQUESTS);
    const spent = process.cpuUsage(before);
    times[i]!.push((spent.user + spent.system) / REQUESTS);
  });
}

const medians = times.map((list) => list.sort((a, b) => a - b)[ROUNDS >> 1]! * 1000);
console.log(`${'row'.padEnd(34)}${'ns'.padStart(8)}${'M/s'.padStart(8)}${'x bare'.padStart(8)}`);
rows.forEach((each, i) => {
  const ns = medians[i]!;
  console.log(
    `${each.name.padEnd(34)}${ns.toFixed(0).padStart(8)}${(1000 / ns).toFixed(2).padStart(8)}${(ns / medians[0]!).toFixed(1).padStart(8)}`,
  );
});
console.log(
  JSON.stringify({
    bench: 'steering',
    requests: REQUESTS,
    rounds: ROUNDS,
    sink: sink % 1000,
    nanoseconds: Object.fromEntries(rows.map((each, i) => [each.name, Math.round(medians[i]!)])),
    perSecond: Object.fromEntries(rows.map((each, i) => [each.name, Math.round(1e9 / medians[i]!)])),
  }),
);
