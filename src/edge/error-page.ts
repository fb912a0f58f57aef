/**
 * What the edge says when it must answer in place of an origin (spec 6.2): one table of codes, one page in three languages that machines and
 * people ask for by `Accept`: HTML, problem JSON (RFC 9457), Markdown. An origin's own 5xx never comes this way (LB-222).
 */

export type EdgeErrorCode = 520 | 521 | 522 | 523 | 524 | 525 | 526 | 527 | 530 | 1000 | 1001 | 1016;

interface EdgeError {
  /** Status on the wire. */
  readonly status: number;
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  readonly category: 'origin' | 'dns' | 'edge' | 'link';
  readonly retryable: boolean;
  /** Seconds; 0 = none given. */
  readonly retryAfter: number;
  readonly ownerMustAct: boolean;
  readonly advice: string;
}

const ERRORS: Readonly<Record<EdgeErrorCode, EdgeError>> = {
  520: {
    status: 520,
    name: 'origin_bad_response',
    title: 'The origin gave an empty or unknown response',
    detail: 'The origin closed, reset, or sent something that is not HTTP.',
    category: 'origin',
    retryable: true,
    retryAfter: 60,
    ownerMustAct: true,
    advice: 'Look for crashes and resets in the log of the origin.',
  },
  521: {
    status: 521,
    name: 'origin_refused',
    title: 'The origin refused the connection',
    detail: 'Nothing listens at the address and port of the origin, or a firewall rejects the edge.',
    category: 'origin',
    retryable: true,
    retryAfter: 120,
    ownerMustAct: true,
    advice: 'Start the server process, and let the edge through its firewall.',
  },
  522: {
    status: 522,
    name: 'origin_connect_timeout',
    title: 'The connection to the origin timed out',
    detail: 'The origin did not accept the connection in time.',
    category: 'origin',
    retryable: true,
    retryAfter: 120,
    ownerMustAct: true,
    advice: 'Is the machine up, and not overloaded? Does a firewall drop packets?',
  },
  523: {
    status: 523,
    name: 'origin_unreachable',
    title: 'The origin cannot be reached',
    detail: 'There is no route to the address of the origin.',
    category: 'origin',
    retryable: true,
    retryAfter: 120,
    ownerMustAct: true,
    advice: 'Check the address of the origin and the routes to it.',
  },
  524: {
    status: 524,
    name: 'origin_read_timeout',
    title: 'The origin did not answer in time',
    detail: 'The connection stood, but no response came.',
    category: 'origin',
    retryable: false,
    retryAfter: 0,
    ownerMustAct: true,
    advice: 'Find out what makes this request slow, or move the work to the background.',
  },
  525: {
    status: 525,
    name: 'origin_tls_handshake_failed',
    title: 'The TLS handshake with the origin failed',
    detail: 'Edge and origin could not agree on a protocol version, a cipher, or a name.',
    category: 'origin',
    retryable: true,
    retryAfter: 60,
    ownerMustAct: true,
    advice: 'Check that TLS is on at this port, and which versions it speaks.',
  },
  526: {
    status: 526,
    name: 'origin_certificate_invalid',
    title: 'The certificate of the origin is not valid',
    detail: 'It is expired, made for another name, or signed by nobody that the edge trusts.',
    category: 'origin',
    retryable: false,
    retryAfter: 0,
    ownerMustAct: true,
    advice: 'Renew the certificate, or give the edge the authority that signed it.',
  },
  527: {
    status: 527,
    name: 'railgun_lane_lost',
    title: 'The Railgun link broke during this request',
    detail: 'The request had been handed to the listener when the connection to it was lost.',
    category: 'link',
    retryable: true,
    retryAfter: 5,
    ownerMustAct: false,
    advice: 'Try again: the next request goes straight to the origin.',
  },
  530: {
    status: 530,
    name: 'origin_dns_error',
    title: 'No origin may serve this name',
    detail: 'Every pool is out, and so is the fallback pool.',
    category: 'dns',
    retryable: true,
    retryAfter: 60,
    ownerMustAct: true,
    advice: 'Enable a pool, or a fallback pool with an enabled origin.',
  },
  1000: {
    status: 403,
    name: 'dns_points_to_prohibited_ip',
    title: 'The request came back to the edge',
    detail: 'It already carries the marks of an edge, or its target is the edge itself: a loop.',
    category: 'edge',
    retryable: false,
    retryAfter: 0,
    ownerMustAct: true,
    advice: 'Let the origin of this pool be the real server, not the edge.',
  },
  1001: {
    status: 530,
    name: 'dns_resolution_error',
    title: 'This edge does not answer for the name',
    detail: 'No enabled load balancer and no proxied record has the name that was asked for.',
    category: 'dns',
    retryable: false,
    retryAfter: 0,
    ownerMustAct: true,
    advice: 'Check the host name of the request, and that the load balancer of that name is enabled.',
  },
  1016: {
    status: 530,
    name: 'origin_dns_error',
    title: 'The name of the origin does not resolve',
    detail: 'There is no address behind the origin, or no origin may serve.',
    category: 'dns',
    retryable: true,
    retryAfter: 60,
    ownerMustAct: true,
    advice: 'Check the host name of the origin, and that a pool or the fallback pool is enabled.',
  },
};

export interface ErrorRequest {
  /** The `Accept` of the request, empty when there is none. */
  readonly accept: string;
  readonly rayId: string;
  readonly host: string;
  /** RFC 3339. */
  readonly timestamp: string;
  /** What was found out: an errno, a TLS code; shown in the page. */
  readonly detail: string;
}

export interface ErrorAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** `cf-error-type`: the code, as only edge-made answers carry it. */
  readonly errorType: string;
  /** `cf-error-origin`: where the fault lies. Its values are not public; ours are the categories of the table. */
  readonly errorOrigin: string;
  /** Seconds, 0 = send no `Retry-After`. */
  readonly retryAfter: number;
}

export function errorAnswer(code: EdgeErrorCode, request: ErrorRequest): ErrorAnswer {
  const error = ERRORS[code];
  const kind = preferred(request.accept);
  const body =
    kind === 'json'
      ? asJson(code, error, request)
      : kind === 'markdown'
        ? asMarkdown(code, error, request)
        : asHtml(code, error, request);
  return {
    status: error.status,
    contentType:
      kind === 'json'
        ? 'application/problem+json'
        : kind === 'markdown'
          ? 'text/markdown; charset=utf-8'
          : 'text/html; charset=utf-8',
    body,
    errorType: String(code),
    errorOrigin: error.category,
    retryAfter: error.retryable ? error.retryAfter : 0,
  };
}

/** HTML by default and for any type; the first of the types that are asked for and that we have, by quality (RFC 9110 12.5.1). */
export function preferred(accept: string): 'html' | 'json' | 'markdown' {
  let best: 'html' | 'json' | 'markdown' = 'html';
  let bestQuality = 0;
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    const weight = parameters.find((each) => each.startsWith('q='));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    const kind =
      type === 'application/json' || type === 'application/problem+json'
        ? 'json'
        : type === 'text/markdown' || type === 'text/*'
          ? 'markdown'
          : type === 'text/html' || type === '*/*' || type === 'application/xhtml+xml'
            ? 'html'
            : undefined;
    if (kind !== undefined && quality > bestQuality) {
      best = kind;
      bestQuality = quality;
    }
  }
  return best;
}

function asJson(code: EdgeErrorCode, error: EdgeError, request: ErrorRequest): string {
  return `${JSON.stringify({
    type: `about:blank#edge-error-${code}`,
    title: error.title,
    status: error.status,
    detail: request.detail === '' ? error.detail : `${error.detail} (${request.detail})`,
    instance: request.rayId,
    error_code: code,
    error_name: error.name,
    error_category: error.category,
    ray_id: request.rayId,
    timestamp: request.timestamp,
    zone: request.host,
    cloudflare_error: true,
    retryable: error.retryable,
    retry_after: error.retryable && error.retryAfter > 0 ? error.retryAfter : null,
    owner_action_required: error.ownerMustAct,
    what_you_should_do: error.advice,
    footer: 'This answer was made by the edge, not by the origin.',
  })}\n`;
}

function asMarkdown(code: EdgeErrorCode, error: EdgeError, request: ErrorRequest): string {
  const found = request.detail === '' ? '' : `- Found: ${request.detail}\n`;
  return `# Error ${code}: ${error.title}\n\n${error.detail}\n\n- What to do: ${error.advice}\n${found}- Ray: ${request.rayId}\n- Time: ${request.timestamp}\n\nThis answer was made by the edge, not by the origin.\n`;
}

function asHtml(code: EdgeErrorCode, error: EdgeError, request: ErrorRequest): string {
  const found = request.detail === '' ? '' : `<dt>Found</dt><dd>${escape(request.detail)}</dd>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${code}: ${error.title}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:12vh auto;padding:0 1.5rem}h1{font-size:1.5rem;margin:0 0 .5rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{opacity:.65}dd{margin:0}small{opacity:.65}</style>
</head><body><h1>${code}: ${error.title}</h1><p>${error.detail}</p>
<dl><dt>What to do</dt><dd>${error.advice}</dd>${found}<dt>Host</dt><dd>${escape(request.host)}</dd><dt>Ray</dt><dd>${escape(request.rayId)}</dd><dt>Time</dt><dd>${request.timestamp}</dd></dl>
<p><small>This answer was made by the edge, not by the origin.</small></p></body></html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
