/**
 * The simulated request as rules and header affinity see it. One object, refilled for each request. A synthetic client has no
 * headers of its own, so in any header or cookie that a configuration asks for, it carries its own number: one session per client.
 */
import type { HttpFacts } from '../steering/request.ts';
import { type Arrival, emptyArrival } from './arrivals.ts';

const NONE: readonly string[] = [];

export class ArrivalFacts implements HttpFacts {
  readonly kind = 'http';
  readonly version = 'HTTP/1.1';
  arrival: Arrival = emptyArrival();
  client = 0;

  get method(): string {
    return this.arrival.method;
  }

  get host(): string {
    return this.arrival.host;
  }

  get path(): string {
    const { path } = this.arrival;
    const query = path.indexOf('?');
    return query < 0 ? path : path.slice(0, query);
  }

  get query(): string {
    const { path } = this.arrival;
    const query = path.indexOf('?');
    return query < 0 ? '' : path.slice(query + 1);
  }

  header(name: string): readonly string[] {
    if (name === 'host') return [this.arrival.host];
    if (name === 'referer' || name === 'user-agent') return NONE;
    return [name === 'cookie' ? `session=c${this.client}` : `c${this.client}`];
  }

  headerNames(): readonly string[] {
    return ['host'];
  }
}
