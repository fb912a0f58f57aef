/**
 * Attempts as data: what a transport needs in order to try one origin. Made once per origin (and, with TLS, per name), since a
 * connection can be shared only between attempts of one `key`.
 *
 * Railgun first, then HTTP/1.1 to the same origin (spec 6.4): `railgun` names a transport that may or may not be plugged in; when
 * it is not, or cannot serve now, the attempt goes on over `http1` and does not count as a failover.
 */
import type { Origin, Pool, Railgun } from '../core/model.ts';
import { parseAddress } from '../geo/addresses.ts';

/** What `node:tls` is to be told, in its own words. */
export interface OriginTls {
  /** Undefined towards an address: then the certificate must name the address. */
  readonly servername?: string;
  readonly ca?: string[];
  readonly rejectUnauthorized?: boolean;
}

export interface Http1Attempt {
  readonly kind: 'http1';
  /** `Host` for the origin; undefined keeps the client's. */
  readonly host: string | undefined;
  readonly address: string;
  readonly port: number;
  readonly key: string;
  readonly tls: OriginTls | undefined;
  /** The origin is this edge itself: a loop (error 1000). */
  readonly ours: boolean;
}

export interface RailgunAttempt {
  readonly kind: 'railgun';
  readonly host: string | undefined;
  readonly link: Railgun;
  /** The same origin without the link. */
  readonly direct: Http1Attempt;
}

export type EdgeAttempt = Http1Attempt | RailgunAttempt;

export interface AttemptOptions {
  /** `auto`: see `speaksTls`. */
  readonly originTls: 'auto' | 'on' | 'off';
  /** Certificates, PEM, to trust beside those of Node; empty = Node's own only. */
  readonly originCa: readonly string[];
  /** Addresses and ports at which this edge itself listens: an origin there is a loop (error 1000). */
  readonly ownAddresses: ReadonlySet<string>;
  /** Links that have a transport. */
  readonly railguns: ReadonlyMap<string, Railgun>;
}

/** The HTTPS ports that the service proxies. */
const TLS_PORTS: ReadonlySet<number> = new Set([443, 2053, 2083, 2087, 2096, 8443]);
/** Names that one origin is asked for over TLS; more are made anew each time. A wildcard balancer can bring any number. */
const NAMES_MAX = 1_024;

/** One origin, ready to be tried. */
export class OriginTarget {
  readonly pool: number;
  readonly origin: number;
  /** Place in the counters, the same for one pool and name across configurations. */
  readonly slot: number;
  readonly label: string;
  readonly poolName: string;
  readonly originName: string;
  readonly address: string;
  /** The address is a host name. */
  readonly named: boolean;
  readonly #host: string | undefined;
  readonly #port: number;
  readonly #secure: boolean | undefined;
  readonly #options: AttemptOptions;
  readonly #byName = new Map<string, Http1Attempt>();
  readonly #byLink = new Map<Http1Attempt, RailgunAttempt>();
  #plain: Http1Attempt | undefined;

  constructor(
    where: { readonly pool: number; readonly origin: number; readonly slot: number },
    pool: Pick<Pool, 'name'>,
    origin: Pick<Origin, 'name' | 'address' | 'port' | 'hostHeader'>,
    secure: boolean | undefined,
    options: AttemptOptions,
  ) {
    this.pool = where.pool;
    this.origin = where.origin;
    this.slot = where.slot;
    this.poolName = pool.name;
    this.originName = origin.name;
    this.label = `${pool.name}/${origin.name}`;
    this.address = origin.address;
    this.named = parseAddress(origin.address) === undefined;
    this.#host = origin.hostHeader;
    this.#port = origin.port;
    this.#secure = secure;
    this.#options = options;
  }

  /** `clientSecure`: decides where neither port nor monitor does. `host`: what the client asked for, without a port. */
  attempt(clientSecure: boolean, host: string): Http1Attempt {
    if (!(this.#secure ?? clientSecure)) return (this.#plain ??= this.#make(undefined));
    const asked = this.#host === undefined ? host : stripPort(this.#host);
    const name = parseAddress(asked) === undefined ? asked : '';
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name);
    if (this.#byName.size < NAMES_MAX) this.#byName.set(name, made);
    return made;
  }

  /** The same over its link. */
  through(link: Railgun, direct: Http1Attempt): RailgunAttempt {
    let made = this.#byLink.get(direct);
    if (made === undefined) {
      made = { kind: 'railgun', host: direct.host, link, direct };
      if (this.#byLink.size < NAMES_MAX) this.#byLink.set(direct, made);
    }
    return made;
  }

  #make(name: string | undefined): Http1Attempt {
    const port = this.#port !== 0 ? this.#port : name === undefined ? 80 : 443;
    const { address } = this;
    const ours = this.#options.ownAddresses.has(`${address}:${port}`);
    const base = { kind: 'http1', host: this.#host, address, port, ours } as const;
    if (name === undefined) return { ...base, key: `${address}:${port}`, tls: undefined };
    const { originCa } = this.#options;
    const tls: OriginTls = {
      ...(name === '' ? {} : { servername: name }),
      ...(originCa.length === 0 ? {} : { ca: [...originCa] }),
    };
    return { ...base, key: `${address}:${port} tls ${name}`, tls };
  }
}

/**
 * Does an origin speak TLS? The public API has no field for it: on the real edge a zone setting decides. Ours: what the operator
 * says (`--origin-tls`), else a port that is known for it, else the pool's monitor if that probes this very port; `undefined` = as
 * the client's own connection does (port 0: 80 or 443).
 */
export function speaksTls(
  origin: Pick<Origin, 'port'>,
  monitors: readonly { readonly type: string; readonly port: number }[],
  mode: AttemptOptions['originTls'],
): boolean | undefined {
  if (mode !== 'auto') return mode === 'on';
  if (TLS_PORTS.has(origin.port)) return true;
  const monitor = monitors.find(
    (each) => (each.type === 'https' || each.type === 'http') && (each.port === 0 || each.port === origin.port),
  );
  if (origin.port === 0) return monitor?.type === 'https' ? true : undefined;
  return monitor?.type === 'https';
}

function stripPort(host: string): string {
  return host.replace(/:\d+$/, '');
}
