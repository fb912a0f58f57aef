/**
 * What a lab for this scenario would take, and why it cannot be had: pure, so that `--dry-run` and every refusal cost no process. The
 * limits are those of one machine with a few cores; a scenario that is larger is for the replay.
 */
import type { Model } from '../../core/model.ts';
import type { ReplayInput } from '../../replay/load.ts';
import { originsNamed } from '../../replay/named-origins.ts';
import type { Scenario } from '../../replay/scenario.ts';
import { type Endpoint, LabError, type LabPlan, type PlannedOrigin } from '../lab.ts';
import { connects } from './listeners.ts';
import { type Machine, thisMachine } from './machine.ts';

/** Each probes every origin by itself. */
export const MOST_EDGES = 12;
export const MOST_ORIGINS = 32;
/** Each has its lanes to every edge. */
export const MOST_LISTENERS = 8;
export const MOST_STORE_NODES = 8;
export const MOST_DOORS = 256;

/** Resident memory as measured (docs/drills.md), rounded up, MB. */
const EDGE_MB = 170;
const ORIGIN_MB = 95;
const LISTENER_MB = 200;
const STORE_MB = 70;
const NETWORK_MB = 90;
/** Descriptors of the drill itself besides its clients: pipes, IPC and a log for each process. */
const FILES_PER_CHILD = 6;
/** Clients of the load, whose connections are kept. */
const CLIENT_FILES = 2_000;

/** What was named on the command line has to take a connection by then. */
const STRANGER_MS = 3_000;

/** Faults of the run itself: no process is asked to do them. */
const DONE_BY_THE_RUN: ReadonlySet<string> = new Set(['withdraw', 'ignore_ttl']);
/** Done to a relay, and so also to what is not ours. */
const DONE_BY_RELAY: ReadonlySet<string> = new Set(['refuse', 'reset', 'blackhole', 'flap', 'slow', 'power_loss']);

/**
 * Of this machine, as it is now.
 *
 * @param externals By origin number: what stands somewhere already (`--origin`).
 */
export async function planLab(input: ReplayInput, externals: ReadonlyMap<number, Endpoint>): Promise<LabPlan> {
  const plan = makePlan(input, externals, thisMachine());
  const strangers = plan.origins.flatMap(({ pool, origin, external }) =>
    external === undefined ? [] : [{ name: `${pool}/${origin}`, at: external }],
  );
  const answers = await Promise.all(strangers.map(({ at }) => connects(at, STRANGER_MS)));
  const silent = strangers.filter((_, index) => answers[index] === false);
  if (silent.length > 0) {
    const list = silent.map(({ name, at }) => `${name} at ${at.host}:${at.port}`).join(', ');
    throw new LabError(`no connection to ${list}`, 'start it first, or leave --origin out');
  }
  return plan;
}

/** Pure. Throws a LabError with everything that stands in the way, one sentence each. */
export function makePlan(input: ReplayInput, externals: ReadonlyMap<number, Endpoint>, machine: Machine): LabPlan {
  const { scenario, model } = input;
  const { world } = scenario;
  const reasons: string[] = [];
  const notes: string[] = [];

  const pops = input.locator.popsInUse;
  if (pops.length > MOST_EDGES) {
    const how = world.pops.length === 0 ? 'it names none under world.pops, so that every PoP there is counts; ' : '';
    reasons.push(
      `the scenario has ${pops.length} PoPs, and a lab starts an edge for each, at most ${MOST_EDGES}: ${how}name the few that matter under world.pops`,
    );
  }
  const origins = plannedOrigins(model, externals);
  if (origins.length > MOST_ORIGINS)
    reasons.push(`the configuration has ${origins.length} origins, and a lab starts at most ${MOST_ORIGINS}`);
  const linked = usesLink(model);
  const { listeners, stores, l4 } = linked ? linkParts(scenario, machine, reasons, notes) : NO_LINK;
  reasons.push(...faultReasons(input, origins, { linked, machine, tls: usesTls(scenario) }), ...monitorReasons(model));
  if (machine.platform !== 'linux')
    notes.push(
      'Relays listen at 127.77.x.y: where loopback has only 127.0.0.1, add those addresses first (sudo ifconfig lo0 alias …).',
    );

  const doors = pops.length * (origins.length + (linked ? 1 : 0)) + (linked ? origins.length + listeners : 0);
  if (doors > MOST_DOORS)
    reasons.push(
      `${pops.length} PoPs and ${origins.length} origins take ${doors} relays, and a lab has at most ${MOST_DOORS}`,
    );
  const own = origins.filter((origin) => origin.external === undefined).length;
  const nodes = stores.filter((store) => store.kind !== 'embedded').length;
  // A listener with a wrong token stands by for each that is to have one.
  const strange = listeners === 0 ? 0 : wrongTokens(scenario);
  const processes = pops.length + own + listeners + strange + nodes + 1;
  const openFiles = processes * FILES_PER_CHILD + CLIENT_FILES;
  if (openFiles > machine.openFiles)
    reasons.push(
      `the drill needs about ${openFiles} open files, and this shell allows ${machine.openFiles}: raise it with "ulimit -n ${openFiles}"`,
    );
  // Threads count as processes, and each program of ours has about a dozen.
  if (processes * 12 > machine.processes)
    reasons.push(
      `the drill needs ${processes} processes, and this user may have ${machine.processes} threads: see "ulimit -u"`,
    );
  const neededMb =
    pops.length * EDGE_MB + own * ORIGIN_MB + (listeners + strange) * LISTENER_MB + nodes * STORE_MB + NETWORK_MB;
  const freeMb = Math.floor(machine.freeBytes / 1_048_576);
  if (neededMb > freeMb)
    reasons.push(
      `the lab needs about ${neededMb} MB of memory, and ${freeMb} MB are free: name fewer PoPs, or free some`,
    );
  if (reasons.length > 0) throw new LabError(reasons.join('; '), 'nothing was started');

  notes.push(
    'Every edge probes by itself, from where it stands; the replay has the data centers of the regions that a pool is checked from.',
    'Connections between edge and origin have open windows: TCP slow start is played on lanes only, in the replay and here.',
  );
  if (model.monitors.some((monitor) => monitor.type === 'https') && !usesTls(scenario))
    notes.push('Origins of the lab speak plain HTTP: https monitors are played as http ones.');
  return {
    edges: pops.map((pop) => ({ pop })),
    origins,
    listeners,
    l4,
    stores,
    processes,
    openFiles,
    notes,
  };
}

const NO_LINK: LinkParts = { listeners: 0, stores: [], l4: false };

interface LinkParts {
  readonly listeners: number;
  readonly stores: LabPlan['stores'];
  readonly l4: boolean;
}

function linkParts(scenario: Scenario, machine: Machine, reasons: string[], notes: string[]): LinkParts {
  const { railgun } = scenario.world;
  if (railgun.listeners > MOST_LISTENERS)
    reasons.push(`the scenario has ${railgun.listeners} listeners, and a lab starts at most ${MOST_LISTENERS}`);
  if (railgun.storeNodes > MOST_STORE_NODES)
    reasons.push(`the scenario has ${railgun.storeNodes} store nodes, and a lab starts at most ${MOST_STORE_NODES}`);
  const l4 = railgun.topology === 'behind-l4' || railgun.listeners > 1;
  if (l4 && railgun.topology !== 'behind-l4')
    notes.push('Several listeners share one address: a balancer without checks deals lanes out in turn.');
  const kind = namesRedis(scenario) ? 'redis' : 'memcached';
  const binary = kind === 'redis' ? machine.redis : machine.memcached;
  const sets = railgun.sharedStore ? 1 : railgun.listeners;
  const insists = scenario.timeline.some((event) => event.kind === 'fault' && event.target.kind === 'store');
  if (binary === undefined) {
    const server = kind === 'redis' ? 'redis-server' : 'memcached';
    if (insists)
      reasons.push(`the scenario breaks its store, and ${server} is not installed: install it, or remove that fault`);
    notes.push(`${server} is not installed: each listener keeps its page versions in its own process.`);
    return { listeners: railgun.listeners, l4, stores: [{ kind: 'embedded', why: `${server} is not installed` }] };
  }
  // Redis is one server, whatever the number of memcached nodes.
  const count = kind === 'redis' ? sets : sets * railgun.storeNodes;
  const why = railgun.sharedStore ? 'shared by the listeners' : 'each listener has its own';
  return { listeners: railgun.listeners, l4, stores: Array.from({ length: count }, () => ({ kind, why })) };
}

/** `target: redis` or `redis/1` in the timeline says which store is meant; the scenario has no other word for it. */
export function namesRedis(scenario: Scenario): boolean {
  const { value } = scenario.document;
  const timeline: unknown = typeof value === 'object' && value !== null && 'timeline' in value ? value.timeline : [];
  return (Array.isArray(timeline) ? timeline : []).some(
    (event: unknown) =>
      typeof event === 'object' && event !== null && 'target' in event && /^redis\b/.test(String(event.target)),
  );
}

/** Does any balancer send its traffic over a link that is switched on? */
export function usesLink(model: Model): boolean {
  return model.loadBalancers.some((balancer) => balancer.proxied && balancer.railgun !== undefined);
}

/** Origins speak TLS where their certificate is to run out. */
export function usesTls(scenario: Scenario): boolean {
  return scenario.timeline.some((event) => event.kind === 'fault' && event.fault.name === 'tls_expired');
}

function wrongTokens({ timeline, world }: Scenario): number {
  const named = timeline.flatMap((event) =>
    event.kind === 'fault' && event.fault.name === 'wrong_token' ? [event.target.name] : [],
  );
  return named.some((name) => name === '' || name === 'all') ? world.railgun.listeners : new Set(named).size;
}

function plannedOrigins(model: Model, externals: ReadonlyMap<number, Endpoint>): readonly PlannedOrigin[] {
  return model.pools
    .flatMap((pool) => pool.origins.map((origin) => ({ pool: pool.id, origin: origin.name })))
    .map((one, number) => ({ number, ...one, external: externals.get(number) }));
}

function faultReasons(
  { scenario, model }: ReplayInput,
  origins: readonly PlannedOrigin[],
  facts: { readonly linked: boolean; readonly machine: Machine; readonly tls: boolean },
): readonly string[] {
  return scenario.timeline.flatMap((event) => {
    if (event.kind !== 'fault') return [];
    const { fault, target, line } = event;
    const at = `line ${line}: `;
    if (!fault.live && !DONE_BY_THE_RUN.has(fault.name))
      return [`${at}"${fault.name}" (${fault.summary}) cannot be done on real sockets: it is for the replay only`];
    if ((target.kind === 'listener' || target.kind === 'store') && !facts.linked)
      return [`${at}"${fault.name}" is aimed at a ${target.kind}, and no balancer has a railgun`];
    if (fault.name === 'half_open' && !facts.linked)
      return [`${at}"${fault.name}" makes lanes be forgotten, and no balancer has a railgun`];
    if (target.kind === 'pop' && !DONE_BY_THE_RUN.has(fault.name)) {
      const { pops } = scenario.world;
      if (!pops.includes(target.name))
        return [`${at}there is no edge at ${target.name}: the lab has ${pops.join(', ')}`];
    }
    if (target.kind !== 'pool' && target.kind !== 'origin') return [];
    const struck = originsNamed(model, target).flatMap((number) => origins[number] ?? []);
    if (facts.tls && facts.linked)
      return [`${at}"tls_expired" and a railgun in one lab are not built: drill them apart`];
    const stranger = struck.find((origin) => origin.external !== undefined);
    if (stranger === undefined || DONE_BY_RELAY.has(fault.name)) return [];
    return [
      `${at}"${fault.name}" needs an origin of the lab's own, and ${stranger.pool}/${stranger.origin} is not: in front of it, ${[...DONE_BY_RELAY].join(', ')} can be done`,
    ];
  });
}

function monitorReasons(model: Model): readonly string[] {
  return model.monitors.flatMap((monitor) =>
    monitor.type === 'udp_icmp' || monitor.type === 'icmp_ping' || monitor.type === 'smtp'
      ? [
          `the monitor "${monitor.id}" is of type ${monitor.type}, and a lab's origins speak HTTP: use http, https or tcp`,
        ]
      : [],
  );
}
