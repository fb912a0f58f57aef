/**
 * What the edge holds between requests: the configuration in force, the world that steering sees, and objects that are refilled
 * for each request so that none need be made. The story of a request is `handle-request.ts`.
 */
import type { Decision, Ladder, Rung } from '../core/decision.ts';
import { Draws } from '../core/draws.ts';
import type { HealthView, LoadView, NameView } from '../core/health-view.ts';
import type { Random } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import { RequestHead } from '../http1/head.ts';
import { REQUEST_LIMITS } from '../http1/limits.ts';
import { HeaderSessions } from '../steering/header-sessions.ts';
import type { SteerRequest, SteerWorld } from '../steering/request.ts';
import type { OriginTarget } from './attempts.ts';
import type { EdgeConfig, HostOwner } from './edge-config.ts';
import { FieldScan } from './field-scan.ts';
import type { Flight } from './flight.ts';
import { HeadFacts } from './head-facts.ts';
import type { ClientDirectory, ClientPlace, Trust } from './identify-client.ts';
import { RayIds } from './ray.ts';
import { ClientLines } from './request-fields.ts';
import { RequestKeys } from './request-keys.ts';

/** Attempts under way, told by the edge and seen by steering as `LoadView`. */
export interface LoadCounters {
  begin(target: OriginTarget): void;
  end(target: OriginTarget): void;
}

/** Host names that were found not to resolve when it mattered. */
export interface LiveNames extends NameView {
  failed(hostname: string): void;
}

/** A configuration with its own view of health and load: indices of one never meet another's. */
export interface EdgeState {
  readonly config: EdgeConfig;
  readonly world: SteerWorld;
}

export interface EdgePorts {
  readonly clients: ClientDirectory;
  readonly load: LoadCounters;
  readonly names: LiveNames;
  readonly random: Random;
  /** Only in a laboratory: draws are those of the replay with this seed, about the key that a request brings in this field. */
  readonly drill?: { readonly random: Random; readonly field: string } | undefined;
}

/** Who is asking, as the engine tells it; `memo` is ours, one per connection. */
export interface EdgeClient {
  readonly address: string;
  readonly scheme: 'http' | 'https';
  memo: unknown;
}

export class Edge {
  readonly clients: ClientDirectory;
  readonly load: LoadCounters;
  readonly names: LiveNames;
  readonly rays: RayIds;
  /** What steering draws from: to be told whom the draws are about, each time before it is asked. */
  readonly draws: Draws;
  readonly keys: RequestKeys;
  /** Only in a laboratory: what the last decision looked at, for its access log. */
  readonly rungs: Rung[] | undefined;
  readonly ladder: Ladder | undefined;
  readonly sessions = new HeaderSessions();
  readonly fields = new FieldScan();
  readonly facts = new HeadFacts(new RequestHead(REQUEST_LIMITS));
  /** Told of header sessions that are made or used, for other processes. */
  onSession: ((decision: Decision, now: Micros) => void) | undefined;
  state: EdgeState;
  #request: SteerRequest | undefined;

  constructor(ports: EdgePorts, config: EdgeConfig, health: HealthView, load: LoadView) {
    this.clients = ports.clients;
    this.load = ports.load;
    this.names = ports.names;
    // The name of the replay's own fork (replay/flights.ts).
    this.draws = new Draws((ports.drill?.random ?? ports.random).fork('steering'));
    this.keys = new RequestKeys(ports.drill?.field);
    const rungs: Rung[] = [];
    if (ports.drill !== undefined) {
      this.rungs = rungs;
      this.ladder = { add: (rung) => void rungs.push(rung) };
    }
    this.rays = new RayIds(ports.random.fork('rays'));
    this.state = this.#stateOf(config, health, load);
  }

  /** A new configuration, for requests from here on. */
  adopt(config: EdgeConfig, health: HealthView, load: LoadView): void {
    this.state = this.#stateOf(config, health, load);
  }

  /** The one request object, filled for this flight. */
  requestFor(flight: Flight): SteerRequest {
    const { place } = flight;
    this.facts.head = flight.head;
    let request = this.#request;
    if (request === undefined) {
      request = { location: place.location, clientHash: 0, clientAddress: '', claim: undefined, facts: this.facts };
      this.#request = request;
    }
    request.location = place.location;
    request.clientHash = place.hash;
    request.clientAddress = place.address;
    request.claim = undefined;
    request.claimProblem = undefined;
    return request;
  }

  /** For one decision about this flight; `part`: which one of it (`PART`). */
  worldFor(flight: Flight, part: number, now: Micros): SteerWorld {
    const { world } = flight.state;
    world.now = now;
    this.draws.about(flight.key, part);
    return world;
  }

  #stateOf(config: EdgeConfig, health: HealthView, load: LoadView): EdgeState {
    const { names, sessions, draws } = this;
    return { config, world: { health, load, names, random: draws, now: 0 as Micros, sessions } };
  }
}

/** What is remembered with a connection. */
export class ClientMemo {
  readonly trust: Trust;
  readonly own: ClientPlace;
  lines: ClientLines;
  /** The last Host and who owned it, in the configuration of that version. */
  host: string | undefined;
  owner: HostOwner | undefined;
  version = -1;
  /** The request under way, or the last one: a connection has one at a time. */
  flight: Flight | undefined;

  constructor(trust: Trust, own: ClientPlace, scheme: 'http' | 'https') {
    this.trust = trust;
    this.own = own;
    this.lines = new ClientLines(own, scheme);
  }
}

export function memoOf(edge: Edge, client: EdgeClient): ClientMemo {
  const { memo } = client;
  if (memo instanceof ClientMemo) return memo;
  const made = new ClientMemo(edge.clients.trust(client.address), edge.clients.place(client.address), client.scheme);
  client.memo = made;
  return made;
}
