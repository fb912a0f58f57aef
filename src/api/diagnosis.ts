/**
 * What `diagnose` found out, and how the API writes it (spec 6.1). The last two fields are the dashboard's (RG-075): they are there only
 * when the request went through the link.
 */
export interface Diagnosis {
  readonly host: string;
  readonly url: string;
  /** 0 when there was no answer at all. */
  readonly status: number;
  readonly reason: string;
  readonly elapsedUs: number;
  readonly bodyBytes: number;
  /** SHA-1 of the body, 40 hex digits. */
  readonly bodyHash: string;
  readonly hasLength: boolean;
  readonly connectionClose: boolean;
  readonly ray: string;
  readonly cacheStatus: string | undefined;
  /** The origin that was asked. */
  readonly target: string;
  /** `undefined`: the request did not go through the link. */
  readonly link:
    | { readonly ratio: number | string; readonly originTimeUs: number; readonly header: string }
    | undefined;
  /** Why the link could not take it, or what broke. */
  readonly wanError: string | undefined;
}

export function diagnosisObject(found: Diagnosis): Readonly<Record<string, unknown>> {
  const { link } = found;
  return {
    method: 'GET',
    host_name: found.host,
    http_status: found.status,
    railgun: link === undefined ? 'off' : 'on',
    url: found.url,
    target: found.target,
    response_status: found.status === 0 ? '' : `${found.status} ${found.reason}`.trim(),
    protocol: 'HTTP/1.1',
    elapsed_time: seconds(found.elapsedUs),
    body_size: `${found.bodyBytes} bytes`,
    body_hash: found.bodyHash,
    missing_headers: found.hasLength || found.status === 0 ? '' : 'No Content-Length or Transfer-Encoding',
    connection_close: found.connectionClose,
    cloudflare: 'on',
    'cf-ray': found.ray,
    'cf-wan-error': found.wanError ?? null,
    'cf-cache-status': found.cacheStatus ?? null,
    ...(link === undefined
      ? {}
      : {
          'cf-railgun': link.header,
          compression_ratio: typeof link.ratio === 'number' ? `${link.ratio.toFixed(2)}%` : link.ratio,
          origin_response_time: seconds(link.originTimeUs),
        }),
  };
}

/** `0.239013s` */
function seconds(us: number): string {
  const whole = Math.floor(us / 1_000_000);
  return `${whole}.${String(Math.trunc(us) % 1_000_000).padStart(6, '0')}s`;
}
