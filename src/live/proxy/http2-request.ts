/**
 * A request of HTTP/2 as the HTTP/1.1 head it stands for, which then passes the same strict reader as any other. What the framing
 * layer (nghttp2) has refused already never comes here: upper-case names, connection fields, `te` other than `trailers`, missing or
 * double pseudo-fields, a length that the body does not keep. What is looked at here is what would let a field become two, or a
 * target become another (RFC 9113 8.2.1 and 10.3), and what only this edge can know.
 *
 *     :method :scheme :authority :path + fields  ─►  "GET /a HTTP/1.1\r\nHost: …\r\n…\r\n\r\n"
 */
import { FIELD_TEXT, TARGET_TEXT, TOKEN } from '../../http1/chars.ts';
import type { MessageFault } from '../../http1/faults.ts';

/** How the body comes, and so how it is framed towards the reader. */
export type StreamBody = 'none' | 'length' | 'chunked';

export type StreamRequest =
  | {
      readonly kind: 'request';
      readonly head: string;
      readonly method: string;
      readonly target: string;
      readonly authority: string;
      readonly body: StreamBody;
      /** Extended CONNECT (RFC 8441): the protocol that the stream is to become, with the key that stands in for the client's. */
      readonly upgrade: { readonly key: string } | undefined;
    }
  | {
      readonly kind: 'refused';
      readonly fault: MessageFault;
      /** What is known of it, for the log; the method is a token or empty. */
      readonly method: string;
      readonly target: string;
      readonly host: string;
    };

/** Methods whose request without content says so (RFC 9110 8.6). */
const WITH_CONTENT = new Set(['POST', 'PUT', 'PATCH']);

/**
 * `raw`: names and values in turns, as `node:http2` gives them (latin-1). `ended`: no body follows. `newKey` makes a
 * `Sec-WebSocket-Key`, which HTTP/2 has no use for and HTTP/1.1 cannot do without.
 */
export function streamRequest(raw: readonly string[], ended: boolean, newKey: () => string): StreamRequest {
  let method = '';
  let path = '';
  let scheme = '';
  let authority: string | undefined;
  let host: string | undefined;
  let protocol = '';
  let cookie: string | undefined;
  let length = false;
  let lines = '';
  const refused = (fault: MessageFault): StreamRequest => {
    return {
      kind: 'refused',
      fault,
      method: isName(method) ? method : '',
      target: path,
      host: authority ?? host ?? '',
    };
  };
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (!isFieldText(value)) return refused('bad_field_value');
    if (name.charCodeAt(0) === COLON) {
      if (name === ':method') method = value;
      else if (name === ':path') path = value;
      else if (name === ':scheme') scheme = value;
      else if (name === ':authority') authority = value;
      else if (name === ':protocol') protocol = value;
      else return refused('bad_field_name');
      continue;
    }
    if (!isName(name)) return refused('bad_field_name');
    switch (name) {
      case 'cookie':
        // RFC 9113 8.2.3: crumbs, which HTTP/1.1 would take for several cookies fields.
        cookie = cookie === undefined ? value : `${cookie}; ${value}`;
        continue;
      case 'host':
        if (host !== undefined) return refused('two_hosts');
        host = value;
        continue;
      case 'connection':
      case 'transfer-encoding':
      case 'upgrade':
      case 'keep-alive':
      case 'proxy-connection':
        return refused('bad_connection_option');
      case 'te':
        if (value.toLowerCase() !== 'trailers') return refused('bad_transfer_coding');
        continue;
      case 'content-length':
        length = true;
    }
    lines += `${name}: ${value}\r\n`;
  }
  const upgrading = protocol !== '';
  if (!isName(method)) return refused('bad_method');
  if (method === 'CONNECT' && !upgrading) return refused('method_not_supported');
  if (upgrading && (method !== 'CONNECT' || protocol.toLowerCase() !== 'websocket')) return refused('bad_upgrade');
  // An absolute target would speak of another authority, and a blank would end it early.
  if (!isTarget(path) || (path !== '*' && path.charCodeAt(0) !== SLASH)) return refused('bad_target');
  // A proxy in front may say http; then it is not over TLS that the visitor came, and `X-Forwarded-Proto` would lie.
  if (scheme.toLowerCase() !== 'https') return refused('bad_target');
  // RFC 9113 8.3.1: Host must not name someone else, and goes where :authority is missing.
  if (authority !== undefined && host !== undefined && !sameHost(authority, host)) return refused('two_hosts');
  const named = authority ?? host;
  if (named === undefined) return refused('no_host');
  if (named === '') return refused('bad_host');
  if (cookie !== undefined) lines += `cookie: ${cookie}\r\n`;
  let head = `${upgrading ? 'GET' : method} ${path} HTTP/1.1\r\nHost: ${named}\r\n${lines}`;
  let body: StreamBody = 'none';
  let upgrade: { key: string } | undefined;
  if (upgrading) {
    if (length) return refused('bad_upgrade');
    upgrade = { key: newKey() };
    head += `Connection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Key: ${upgrade.key}\r\n`;
  } else if (ended) {
    if (!length && WITH_CONTENT.has(method)) head += 'Content-Length: 0\r\n';
  } else if (length) body = 'length';
  else {
    body = 'chunked';
    head += 'Transfer-Encoding: chunked\r\n';
  }
  return { kind: 'request', head: `${head}\r\n`, method, target: path, authority: named, body, upgrade };
}

/** The end of a chunked body with these trailers; undefined when one of them cannot be written. `raw` as above. */
export function lastChunk(raw: readonly string[]): string | undefined {
  let lines = '';
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (!isName(name) || !isFieldText(value)) return undefined;
    lines += `${name}: ${value}\r\n`;
  }
  return `0\r\n${lines}\r\n`;
}

const COLON = 58;
const SLASH = 47;

function isName(text: string): boolean {
  return text.length > 0 && consistsOf(TOKEN, text);
}

function isTarget(text: string): boolean {
  return text.length > 0 && consistsOf(TARGET_TEXT, text);
}

function isFieldText(text: string): boolean {
  return consistsOf(FIELD_TEXT, text);
}

function consistsOf(table: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 255 || table[c] === 0) return false;
  }
  return true;
}

/** Alike but for case and a port that says what the scheme says. */
function sameHost(one: string, other: string): boolean {
  return bare(one) === bare(other);
}

function bare(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith(':443') ? lower.slice(0, -4) : lower;
}
