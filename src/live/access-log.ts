/**
 * One finished request as a line of Logpush NDJSON (HTTP requests dataset), so that what the edge served can be replayed. Field names
 * are those of the service; the last ones, lower case, are ours and say what was decided. Written by hand: a tenth of the cost of
 * `JSON.stringify`, and only texts that a client can choose are escaped.
 */

/** Everything a line tells; the caller may fill one object again and again. */
export interface AccessEntry {
  clientAddress: string;
  clientCountry: string;
  host: string;
  method: string;
  /** Path and query as sent. */
  target: string;
  protocol: string;
  scheme: string;
  requestBytes: number;
  pop: string;
  startUs: number;
  endUs: number;
  status: number;
  responseBytes: number;
  originAddress: string;
  /** 0 = no origin answered. */
  originStatus: number;
  ray: string;
  balancer: string;
  pool: string;
  origin: string;
  because: string;
  affinity: string;
  fallback: boolean;
  attempts: number;
  /** Where it was tried before `origin`, and the error it met: `POOL/ORIGIN 521`. Written only when there is something. */
  tried: readonly string[] | undefined;
  /** Pools that were looked at; only from an edge that a drill has started. */
  candidates: string | undefined;
  outcome: string;
  /** An edge error code; 0 = none. */
  error: number;
}

export function emptyAccessEntry(): AccessEntry {
  return {
    clientAddress: '',
    clientCountry: '',
    host: '',
    method: '',
    target: '',
    protocol: 'HTTP/1.1',
    scheme: 'http',
    requestBytes: 0,
    pop: '',
    startUs: 0,
    endUs: 0,
    status: 0,
    responseBytes: 0,
    originAddress: '',
    originStatus: 0,
    ray: '',
    balancer: '',
    pool: '',
    origin: '',
    because: '',
    affinity: '',
    fallback: false,
    attempts: 0,
    tried: undefined,
    candidates: undefined,
    outcome: '',
    error: 0,
  };
}

/** Times are whole ns, as the service's `unixnano`: µs with three zeros behind. */
export function accessLine(entry: AccessEntry): string {
  return (
    `{"ClientIP":"${entry.clientAddress}","ClientCountry":"${entry.clientCountry.toLowerCase()}",` +
    `"ClientRequestHost":${text(entry.host)},"ClientRequestMethod":"${entry.method}","ClientRequestURI":${text(entry.target)},` +
    `"ClientRequestProtocol":"${entry.protocol}","ClientRequestScheme":"${entry.scheme}","ClientRequestBytes":${entry.requestBytes},` +
    `"EdgeColoCode":"${entry.pop}","EdgeStartTimestamp":${entry.startUs}000,"EdgeEndTimestamp":${entry.endUs}000,` +
    `"EdgeResponseStatus":${entry.status},"EdgeResponseBytes":${entry.responseBytes},"CacheCacheStatus":"dynamic",` +
    `"OriginIP":${text(entry.originAddress)},"OriginResponseStatus":${entry.originStatus},"RayID":"${entry.ray}",` +
    `"balancer":${text(entry.balancer)},"pool":${text(entry.pool)},"origin":${text(entry.origin)},"because":"${entry.because}",` +
    `"affinity":"${entry.affinity}","fallback":${entry.fallback},"attempts":${entry.attempts},"outcome":"${entry.outcome}","error":${entry.error}${entry.tried === undefined ? '' : `,"tried":${JSON.stringify(entry.tried)}`}${entry.candidates === undefined ? '' : `,"candidates":${text(entry.candidates)}`}}`
  );
}

// oxlint-disable-next-line no-control-regex -- what JSON must escape
const AWKWARD = /["\\\u0000-\u001f\u007f-\uffff]/;

function text(value: string): string {
  return AWKWARD.test(value) ? JSON.stringify(value) : `"${value}"`;
}
