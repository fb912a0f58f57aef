/**
 * Log lines in the shapes that were published (spec 4, RG-076, RG-077), as pure formatting. `log.level`: 0 errors, 1 information,
 * 5 debug. A stream's lines begin with its id; who writes them adds time, host and `railgun[peer]`.
 */
import { unreachable } from '../core/assert.ts';
import { type Micros, toRfc3339 } from '../core/time.ts';

export type LogLevel = 0 | 1 | 5;

/** `railgun[199.0.2.7:22114]: line` */
export function tagged(peer: string, line: string): string {
  return `railgun[${peer}]: ${line}`;
}

/** Reason phrases of the statuses that a log shows most; the link does not carry them. */
const REASONS: { readonly [status: number]: string | undefined } = {
  200: 'OK',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

const of = (id: string, text: string): string => `${id}... ${text}`;

export const Line = {
  newLane: 'Handling new WAN connection',
  waitingForRequest: (id: string) => of(id, 'waiting for request'),
  request: (id: string, method: string, url: string, address: string) =>
    of(id, `${method} ${url} HTTP/1.1 ${address} []`),
  startingConnection: (id: string) => of(id, 'Starting connection to LAN'),
  connected: (id: string, address: string, port: number) => of(id, `connected to ${hostPort(address, port)}`),
  requestSent: (id: string) => of(id, 'Request sent to server'),
  waitingForResponse: (id: string) => of(id, 'waiting for response'),
  responseReady: (id: string) => of(id, 'Response is ready'),
  responseReceived: (id: string) => of(id, 'Received response'),
  forcingDelta: (id: string) => of(id, 'Forcing wantedDelta'),
  status: (id: string, status: number) =>
    of(id, `HTTP/1.1 ${status}${REASONS[status] === undefined ? '' : ` ${REASONS[status]}`}`),
  /** The batch of one request. */
  received: (id: string, method: string, url: string, address: string, length: number, end: boolean) =>
    batch('Rx', [
      { fn: 'FnBegin', id },
      { fn: 'FnRequest', id, method, url, address },
      { fn: 'FnData', id, encoding: 'DENone', length },
      ...(end ? [{ fn: 'FnPush', id } as const] : []),
    ]),
  sent: (id: string, encoding: 'DENone' | 'DEDelta', length: number) =>
    batch('Tx', [{ fn: 'FnData', id, encoding, length }]),
  pushed: (id: string) => batch('Tx', [{ fn: 'FnPush', id }]),
  transmitTime: (us: number) => `Transmit time: ${us}us`,
  completed: (id: string, bodyBytes: number, us: number, percent: number) =>
    of(id, `completed (${bodyBytes} body bytes in ${(us / 1_000_000).toFixed(6)} seconds/${Math.round(percent)})`),
  badLength: (value: string) => `bad Content-Length: "${value}"`,
  connectTimeout: (address: string, port: number, host: string) =>
    `connection failed ${hostPort(address, port)}/${host}: dial tcp ${hostPort(address, port)}: i/o timeout`,
  noResponse: (address: string, port: number, host: string) =>
    `no response from origin (timeout) ${hostPort(address, port)}/${host}`,
  refused: (address: string, port: number) =>
    `Error getting page: dial tcp ${hostPort(address, port)}:connection refused`,
  /** `detail`: `x509: certificate is valid for A, not B`, `remote error: handshake failure`, … */
  tls: (address: string, port: number, host: string, detail: string) =>
    `connection failed ${hostPort(address, port)}/${host}: ${detail}`,
  reset: (address: string, port: number, host: string, detail: string) =>
    `connection failed ${hostPort(address, port)}/${host}: ${detail === '' ? 'connection reset by peer' : detail}`,
  storeDown: 'memcached: connection failed',
  noAddress: (id: string) => of(id, 'no address for the origin: neither CF-ORIGIN-IP nor the map file gives one'),
  /** RG-098. */
  loopHop: (address: string, port: number) =>
    `the origin ${hostPort(address, port)} is our own public address: without a map.file requests re-enter from outside`,
  laneFault: (why: string) => `WAN connection closed: ${why}`,
  activation: {
    posted: '[Activation] Activation POST completed.',
    assigned: (id: number) => `[Activation] Assigned Railgun ID: ${id}`,
    certificate: '[Activation] Acquired cert from server',
    failed: '[Activation] Invalid or missing railgun token or tag',
  },
} as const;

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The line for a failed origin request. `length`: the body did not fit its Content-Length, which is `detail`. */
export function failureLine(
  origin: { readonly address: string; readonly port: number; readonly serverName: string },
  failure: 'connect_timeout' | 'read_timeout' | 'refused' | 'tls' | 'reset' | 'length',
  detail: string,
): string {
  const { address, port, serverName } = origin;
  switch (failure) {
    case 'connect_timeout':
      return Line.connectTimeout(address, port, serverName);
    case 'read_timeout':
      return Line.noResponse(address, port, serverName);
    case 'refused':
      return Line.refused(address, port);
    case 'tls':
      return Line.tls(address, port, serverName, detail);
    case 'reset':
      return Line.reset(address, port, serverName, detail);
    case 'length':
      return Line.badLength(detail);
    default:
      return unreachable(failure);
  }
}

/** One function of a batch, as `Rx […]` and `Tx […]` show them. */
export type Fn =
  | { readonly fn: 'FnPing' | 'FnPong'; readonly at: Micros }
  | { readonly fn: 'FnBegin' | 'FnPush'; readonly id: string }
  | {
      readonly fn: 'FnRequest';
      readonly id: string;
      readonly method: string;
      readonly url: string;
      readonly address: string;
    }
  | { readonly fn: 'FnData'; readonly id: string; readonly encoding: 'DENone' | 'DEDelta'; readonly length: number };

/** `Rx [ab18927f79... FnBegin ab18927f79... FnData DENone 374   ab18927f79... FnPush]` */
export function batch(direction: 'Rx' | 'Tx', functions: readonly Fn[]): string {
  return `${direction} [${functions.map(fnText).join(' ')}]`;
}

function fnText(fn: Fn): string {
  switch (fn.fn) {
    case 'FnPing':
    case 'FnPong':
      return of('0000000000', `${fn.fn} ${toRfc3339(fn.at).replace('T', ' ').replace('Z', ' +0000 UTC')}`);
    case 'FnBegin':
    case 'FnPush':
      return of(fn.id, fn.fn);
    case 'FnRequest':
      return of(fn.id, `FnRequest ${fn.method} ${fn.url} HTTP/1.1 ${fn.address} `);
    default:
      return of(fn.id, `FnData ${fn.encoding} ${fn.length}  `);
  }
}
