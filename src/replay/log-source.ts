/**
 * Requests of an access log as traffic. The log streams in through an asynchronous reader, some thousands of entries at a time; the run
 * asks `starved` before it goes on and waits for `fill` when it is. Each client address is one client with one cookie jar.
 */
import { hashText } from '../core/hash.ts';
import { hashAddress, mix } from '../steering/hash.ts';
import type { Location } from '../core/location.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import type { Arrival, TrafficSource } from './arrivals.ts';
import type { LogEntry } from './access-log.ts';
import type { ClientTable } from './clients.ts';
import { Repeats } from './repeats.ts';

export interface LogPlan {
  readonly source: number;
  /** Entries in order of time, in batches. */
  readonly batches: AsyncIterator<readonly LogEntry[]>;
  /** Virtual time of the log's first entry. */
  readonly start: number;
  readonly speed: number;
  readonly endAt: number;
  /** Balancer of a host; -1 = none of ours. */
  readonly balancerOf: (host: string | undefined) => number;
  readonly locate: (entry: LogEntry) => Location;
  readonly wire: boolean;
}

/** Types that may be delta-coded, told by the path's ending (spec 3): no ending is a page. */
const TEXT_ENDING = /(?:^|\/)[^/.]*$|\.(?:html?|css|js|mjs|json|xml|txt|svg|php|asp|aspx|rss|atom)$/i;

export class LogSource implements TrafficSource {
  nextAt = Number.POSITIVE_INFINITY;
  /** No entry is at hand although the log has more: call `fill` and wait. */
  starved = true;
  requests = 0;
  /** Entries whose host is none of our balancers'. */
  foreign = 0;
  readonly clients = new Map<string, number>();
  readonly #plan: LogPlan;
  readonly #table: ClientTable;
  readonly #addresses: (client: number, address: string) => void;
  #batch: readonly LogEntry[] = [];
  #at = 0;
  #first: number | undefined;
  #ended = false;
  /** Keys given out at the moment of the last entry. */
  readonly #given = new Repeats();
  #moment = -1;
  /** Hash of that moment and of this source. */
  #when = 0;

  constructor(plan: LogPlan, table: ClientTable, addresses: (client: number, address: string) => void) {
    this.#plan = plan;
    this.#table = table;
    this.#addresses = addresses;
  }

  async fill(): Promise<void> {
    while (!this.#ended && this.#at >= this.#batch.length) {
      const next = await this.#plan.batches.next();
      if (next.done === true) this.#ended = true;
      else {
        this.#batch = next.value;
        this.#at = 0;
      }
    }
    this.#look();
  }

  take(arrival: Arrival): void {
    const entry = this.#batch[this.#at]!;
    const client = this.#clientOf(entry);
    arrival.at = this.nextAt as Micros;
    arrival.client = client;
    arrival.source = this.#plan.source;
    arrival.balancer = this.#plan.balancerOf(entry.host);
    arrival.host = entry.host ?? '';
    arrival.method = entry.method;
    arrival.path = entry.target;
    arrival.page = hashText(entry.target) | 0;
    arrival.key = this.#keyOf(entry, this.#table.hash(client), arrival.page);
    arrival.bodyBytes = entry.bytes;
    const query = entry.target.indexOf('?');
    arrival.wire = this.#plan.wire;
    arrival.text = TEXT_ENDING.test(query < 0 ? entry.target : entry.target.slice(0, query));
    this.requests += 1;
    this.#at += 1;
    this.#look();
  }

  /** Stop here: the run is over. */
  async close(): Promise<void> {
    await this.#plan.batches.return?.();
  }

  #look(): void {
    for (;;) {
      const entry = this.#batch[this.#at];
      if (entry === undefined) {
        this.nextAt = Number.POSITIVE_INFINITY;
        this.starved = !this.#ended;
        return;
      }
      if (this.#plan.balancerOf(entry.host) < 0) {
        this.foreign += 1;
        this.#at += 1;
        continue;
      }
      this.#first ??= entry.atUs;
      const at = Math.round(this.#plan.start + (entry.atUs - this.#first) / this.#plan.speed);
      if (at >= this.#plan.endAt) {
        this.#ended = true;
        this.#batch = [];
        continue;
      }
      this.nextAt = at;
      this.starved = false;
      return;
    }
  }

  /** From what the line says, so that a log with lines cut out leaves the others' keys; of equal lines of one moment, the how-manyth. */
  #keyOf(entry: LogEntry, client: number, target: number): number {
    if (entry.atUs !== this.#moment) {
      const seconds = Math.floor(entry.atUs / US_PER_SECOND);
      this.#moment = entry.atUs;
      this.#when = mix(mix(seconds, entry.atUs - seconds * US_PER_SECOND), this.#plan.source);
      this.#given.forget();
    }
    const key = mix(mix(client, target), this.#when) | 0;
    const before = this.#given.before(key);
    return before === 0 ? key : mix(key, before) | 0;
  }

  #clientOf(entry: LogEntry): number {
    const known = this.clients.get(entry.client);
    if (known !== undefined) return known;
    const client = this.#table.add(this.#plan.locate(entry), hashAddress(entry.client), true);
    this.clients.set(entry.client, client);
    this.#addresses(client, entry.client);
    return client;
  }
}
