/**
 * How many connections to each origin are open, idle ones and those being opened included: what least_connections weighs by
 * (LB-115). `OriginPool` counts at the opening and the end of a connection, never per request; `live/load.ts` reads the counts.
 *
 * An origin is an address (or host name) and a port here: clear text and TLS, and origins of several pools at one server, share the
 * connections to it and so the count. Counts are objects that stay, so that a reader looks one up once per configuration; there are
 * as many as distinct origins were ever configured.
 */
export interface OpenCount {
  open: number;
}

export class OpenConnections {
  readonly #counts = new Map<string, OpenCount>();

  to(address: string, port: number): OpenCount {
    const name = `${address} ${port}`;
    let count = this.#counts.get(name);
    if (count === undefined) {
      count = { open: 0 };
      this.#counts.set(name, count);
    }
    return count;
  }
}
