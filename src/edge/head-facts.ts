/** A parsed head as rules and header affinity see it. One object, refilled for each request: see `steering/request.ts`. */
import { fieldName } from '../http1/field-set.ts';
import type { RequestHead } from '../http1/head.ts';
import type { HttpFacts } from '../steering/request.ts';

export class HeadFacts implements HttpFacts {
  readonly kind = 'http';
  head: RequestHead;

  constructor(head: RequestHead) {
    this.head = head;
  }

  get method(): string {
    return this.head.method;
  }

  /** As the client wrote it, in lower case and without a port. */
  get host(): string {
    return withoutPort(this.head.host.toLowerCase());
  }

  get path(): string {
    const { path } = this.head;
    const query = path.indexOf('?');
    return query < 0 ? path : path.slice(0, query);
  }

  get query(): string {
    const { path } = this.head;
    const query = path.indexOf('?');
    return query < 0 ? '' : path.slice(query + 1);
  }

  get version(): string {
    return this.head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }

  header(name: string): readonly string[] {
    return this.head.all(fieldName(name));
  }

  headerNames(): readonly string[] {
    const names = new Set<string>();
    for (let i = 0; i < this.head.count; i += 1) names.add(this.head.name(i).toLowerCase());
    return [...names];
  }
}

/** `example.com:8080` to `example.com`, `[::1]:80` to `[::1]`. */
export function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon === -1 || host.indexOf(']') > colon ? host : host.slice(0, colon);
}
