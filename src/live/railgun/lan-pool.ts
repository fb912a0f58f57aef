/**
 * The listener's connections to origins. Idle ones are kept, `origin.idleconns` for each origin, and used again last in, first out.
 * A request that must not be sent twice gets a connection of its own: an idle one may be closing at this very moment, and nobody could
 * tell afterwards what the origin has seen.
 */
import type { OriginRequest } from '../../railgun/origin-request.ts';
import { isIdempotent } from '../../railgun/faults.ts';
import { LanConnection, type LanSink } from './lan-connection.ts';

/** Idle connections to all origins together: file descriptors are shared with lanes. */
const MAX_IDLE = 1_024;

export class LanPool {
  readonly #idle = new Map<string, LanConnection[]>();
  readonly #all = new Set<LanConnection>();
  #idleCount = 0;
  #perOrigin: number;
  #ca: string | undefined;

  constructor(options: { readonly idlePerOrigin: number; readonly ca: string | undefined }) {
    this.#perOrigin = options.idlePerOrigin;
    this.#ca = options.ca;
  }

  get open(): number {
    return this.#all.size;
  }

  get idle(): number {
    return this.#idleCount;
  }

  /** `fresh`: not one that was idle (the second attempt). */
  ask(request: OriginRequest, fresh: boolean, sink: LanSink): LanConnection {
    const { tls, address, port, serverName, validateCert } = request;
    const key = tls ? `${address} ${port} ${serverName} ${validateCert}` : `${address} ${port}`;
    const reusable = !fresh && isIdempotent(request.method) && request.body === 'none';
    const warm = reusable ? this.#take(key) : undefined;
    const connection = warm ?? this.#dial(key, request);
    connection.ask(request, sink);
    return connection;
  }

  close(): void {
    this.#perOrigin = 0;
    for (const connection of [...this.#all]) connection.destroy();
  }

  /** No more connections are kept; those in use end with their requests. */
  drain(): void {
    this.#perOrigin = 0;
    for (const list of this.#idle.values()) for (const connection of [...list]) connection.destroy();
  }

  #take(key: string): LanConnection | undefined {
    const list = this.#idle.get(key);
    const connection = list?.pop();
    if (connection !== undefined) this.#idleCount -= 1;
    if (list?.length === 0) this.#idle.delete(key);
    return connection;
  }

  #dial(key: string, request: OriginRequest): LanConnection {
    const hooks = {
      onIdle: (one: LanConnection) => this.#keep(one),
      onGone: (one: LanConnection) => this.#forget(one),
    };
    const connection = new LanConnection(key, request, { ca: this.#ca }, hooks);
    this.#all.add(connection);
    return connection;
  }

  #keep(connection: LanConnection): void {
    const list = this.#idle.get(connection.key) ?? [];
    if (list.length >= this.#perOrigin || this.#idleCount >= MAX_IDLE) return connection.destroy();
    list.push(connection);
    this.#idle.set(connection.key, list);
    this.#idleCount += 1;
  }

  #forget(connection: LanConnection): void {
    this.#all.delete(connection);
    const list = this.#idle.get(connection.key);
    const at = list?.indexOf(connection) ?? -1;
    if (list === undefined || at < 0) return;
    list.splice(at, 1);
    this.#idleCount -= 1;
    if (list.length === 0) this.#idle.delete(connection.key);
  }
}
