/**
 * http and https probes: connect, TLS where asked for, one request with `Connection: close`, head and the wanted bytes of the body,
 * redirects where they are to be followed. Judging what came is `health/judge.ts`.
 *
 * Node's own client does the HTTP here: this is not the data path, and a second opinion on what an origin answers is welcome.
 * Round-trip time is from the first SYN to the head of the (first) answer. The time-out covers all hops.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { type Socket, isIP } from 'node:net';
import { type SecureContextOptions, connect as tlsConnect } from 'node:tls';
import type { Attempt } from './attempt.ts';
import { type Lookup, open, resolve } from './connect.ts';
import { codeOf, reasonOf, wordsOf } from './socket-reasons.ts';

export interface HttpProbeOptions {
  readonly lookup: Lookup;
  /** Authorities to trust; default: those of Node. */
  readonly ca: SecureContextOptions['ca'];
}

interface Hop {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly serverName: string | undefined;
  readonly left: number;
  /** Round-trip time of the first answer, once there is one. */
  readonly rttUs: number | undefined;
}

export function probeHttp(attempt: Attempt, options: HttpProbeOptions): void {
  const { type, address, port, path, headers, serverName, maxRedirects } = attempt.request;
  const secure = type === 'https';
  take(attempt, options, {
    secure,
    host: address,
    port,
    path,
    headers,
    serverName,
    left: maxRedirects,
    rttUs: undefined,
  });
}

function take(attempt: Attempt, options: HttpProbeOptions, hop: Hop): void {
  attempt.phase = 'connecting';
  resolve(attempt, options.lookup, hop.host, (address) => {
    if (hop.rttUs === undefined) attempt.begin();
    open(attempt, address, hop.port, (socket) => {
      attempt.phase = 'waiting';
      if (!hop.secure) exchange(attempt, options, hop, socket);
      else secure(attempt, options, hop, socket, (encrypted) => exchange(attempt, options, hop, encrypted));
    });
  });
}

function secure(
  attempt: Attempt,
  options: HttpProbeOptions,
  hop: Hop,
  socket: Socket,
  then: (encrypted: Socket) => void,
): void {
  const name = hop.serverName;
  const encrypted = tlsConnect({
    socket,
    // An address may not be sent as SNI (RFC 6066 3); empty = none is sent, and `host` is what the certificate must name.
    servername: name === undefined || isIP(name) !== 0 ? '' : name,
    host: name ?? hop.host,
    rejectUnauthorized: attempt.request.verifyCertificate,
    ALPNProtocols: ['http/1.1'],
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  attempt.hold({ release: () => encrypted.destroy() });
  const fail = (error: Error): void => {
    // Gone in the middle of the handshake is a failed handshake, whoever hung up.
    const reason = codeOf(error) === 'ECONNRESET' ? 'tls_handshake_failure' : reasonOf(error);
    attempt.failed(reason, wordsOf(error));
  };
  encrypted.on('error', fail);
  encrypted.once('secureConnect', () => {
    encrypted.off('error', fail);
    then(encrypted);
  });
}

function exchange(attempt: Attempt, options: HttpProbeOptions, hop: Hop, socket: Socket): void {
  let finished = false;
  socket.once('end', () => {
    finished = true;
  });
  let request: ClientRequest;
  try {
    request = httpRequest({
      createConnection: () => socket,
      method: attempt.request.method,
      path: hop.path,
      headers: hop.headers.flat(),
      setHost: false,
      insecureHTTPParser: false,
    });
  } catch (error) {
    attempt.failed(reasonOf(error), wordsOf(error));
    return;
  }
  let answered = false;
  request.on('response', (response) => {
    answered = true;
    read(attempt, options, hop, response);
  });
  request.on('upgrade', (response) => attempt.answered(response.statusCode ?? 0, EMPTY, attempt.elapsedUs()));
  request.on('connect', (response) => attempt.answered(response.statusCode ?? 0, EMPTY, attempt.elapsedUs()));
  request.on('error', (error) => {
    // Node calls an orderly close without an answer a reset, too; the peer's FIN tells them apart.
    const hungUp = finished && codeOf(error) === 'ECONNRESET';
    attempt.failed(
      hungUp ? 'http_invalid_response' : reasonOf(error),
      hungUp ? 'closed without an answer' : wordsOf(error),
    );
  });
  request.on('close', () => {
    if (!answered) attempt.failed('http_invalid_response', 'closed without an answer');
  });
  request.end();
}

const EMPTY = new Uint8Array();

function read(attempt: Attempt, options: HttpProbeOptions, hop: Hop, response: IncomingMessage): void {
  const rttUs = hop.rttUs ?? attempt.elapsedUs();
  const status = response.statusCode ?? 0;
  const next = hop.left > 0 ? nextHop(hop, status, response.headers.location, rttUs) : undefined;
  if (next !== undefined) {
    response.on('error', () => {});
    response.destroy();
    take(attempt, options, next);
    return;
  }
  response.on('error', (error) => attempt.failed(reasonOf(error), wordsOf(error)));
  const wanted = attempt.request.bodyBytes;
  if (wanted === 0) {
    attempt.answered(status, EMPTY, rttUs);
    return;
  }
  const parts: Buffer[] = [];
  let size = 0;
  const done = (): void => attempt.answered(status, Buffer.concat(parts).subarray(0, wanted), rttUs);
  response.on('data', (part: Buffer) => {
    parts.push(part);
    size += part.length;
    if (size >= wanted) done();
  });
  response.on('end', done);
}

/** Where a redirect leads; `undefined` = this is the answer, also when it leads nowhere that a probe can go. */
export function nextHop(
  hop: Omit<Hop, 'rttUs'>,
  status: number,
  location: string | undefined,
  rttUs: number,
): Hop | undefined {
  const redirects = status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
  if (!redirects || location === undefined || location === '') return undefined;
  const given = hop.headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? hop.host;
  const base = `${hop.secure ? 'https' : 'http'}://${given}${/:\d+$/.test(given) ? '' : `:${hop.port}`}${hop.path}`;
  const target = URL.parse(location, base);
  if (target === null || (target.protocol !== 'http:' && target.protocol !== 'https:')) return undefined;
  const secure = target.protocol === 'https:';
  const path = `${target.pathname}${target.search}`;
  const left = hop.left - 1;
  // Still the same server by name: stay with the address that is being probed.
  if (target.origin === URL.parse(base)?.origin) return { ...hop, path, left, rttUs };
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    secure,
    host,
    port: target.port === '' ? (secure ? 443 : 80) : Number(target.port),
    path,
    // What was said to the origin alone (tokens, cookies) is not repeated to others.
    headers: [['Host', target.host], ...hop.headers.filter(([name]) => name.toLowerCase() === 'user-agent')],
    serverName: isIP(host) === 0 ? host : undefined,
    left,
    rttUs,
  };
}
