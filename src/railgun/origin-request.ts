/**
 * From a REQUEST on the lane to what the origin is asked: where to connect, and which head to send (spec 2.5 to 2.7). Pure; the
 * driver opens the connection. No name is ever looked up here (RG-021).
 */
import type { NatMap, NatTarget } from '../core/nat-map.ts';
import { RailgunFlag, formatCfRailgun } from './cf-railgun.ts';
import { type HeadLine, fieldOf, without } from './head.ts';
import type { RequestMessage } from './messages.ts';

export interface OriginRules {
  readonly nat: NatMap;
  /** `insecure.origin` */
  readonly insecureOrigin: boolean;
  /** `validate.cert` */
  readonly validateCert: boolean;
  /** `origin.cf-railgun` */
  readonly originCfRailgun: boolean;
  /** Sent where the visitor named none (RG-027). */
  readonly userAgent: string;
}

export interface OriginRequest {
  readonly tls: boolean;
  readonly validateCert: boolean;
  /** Address literal, or a name that only the map file can have put here. */
  readonly address: string;
  readonly port: number;
  /** For SNI, certificate checks and log lines: the host that the visitor asked for, without a port. */
  readonly serverName: string;
  readonly method: string;
  readonly path: string;
  readonly head: readonly HeadLine[];
  /** How the body is framed towards the origin. */
  readonly body: 'none' | 'length' | 'chunked';
  /** Declared length; `undefined` unless `body` is `length`. */
  readonly bodyLength: number | undefined;
  readonly mapUsed: boolean;
}

export type Refusal = { readonly kind: 'bad_length'; readonly value: string } | { readonly kind: 'no_address' };

/** Only edge and link read these (RG-020); the last two would describe our connection to the sender. */
const STRIPPED: ReadonlySet<string> = new Set(['cf-origin-ip', 'cf-wan-id', 'connection', 'transfer-encoding']);

const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

export function originRequest(
  request: RequestMessage,
  lines: readonly HeadLine[],
  id: string,
  version: string,
  rules: OriginRules,
): OriginRequest | Refusal {
  const length = fieldOf(lines, 'content-length');
  const badLength = lengthProblem(request, length);
  if (badLength !== undefined) return { kind: 'bad_length', value: badLength };
  const tls = request.https && !rules.insecureOrigin;
  const schemePort = tls ? 443 : 80;
  const asked = splitAuthority(request.authority);
  const mapped = lookUp(rules.nat, asked, request.https);
  const target = mapped ?? literalTarget(request.originAddress);
  if (target === undefined) return { kind: 'no_address' };
  let head = without(lines, STRIPPED);
  if (fieldOf(head, 'host') === undefined) head = [['Host', request.authority], ...head];
  if (fieldOf(head, 'user-agent') === undefined) head = [...head, ['User-Agent', rules.userAgent]];
  if (rules.originCfRailgun) head = [...head, ['Cf-Railgun', originHeader(request, id, version, mapped !== undefined)]];
  return {
    tls,
    validateCert: rules.validateCert,
    address: target.address.toLowerCase() === 'localhost' ? '127.0.0.1' : target.address,
    port: target.port ?? schemePort,
    serverName: asked.host,
    method: request.method,
    path: request.path,
    head,
    body: !request.hasBody ? 'none' : length === undefined ? 'chunked' : 'length',
    bodyLength: request.hasBody && length !== undefined ? Number(length) : undefined,
    mapUsed: mapped !== undefined,
  };
}

/** RG-026: what the log calls a bad Content-Length; `-1` stands for none at all. */
function lengthProblem(request: RequestMessage, length: string | undefined): string | undefined {
  if (length !== undefined) {
    const fits = /^\d{1,15}$/.test(length) && (request.hasBody || Number(length) === 0);
    return fits ? undefined : length;
  }
  return WITH_BODY.has(request.method) && !request.hasBody ? '-1' : undefined;
}

function originHeader(request: RequestMessage, id: string, version: string, mapUsed: boolean): string {
  const flags = (mapUsed ? RailgunFlag.mapUsed : 0) | (request.named === undefined ? 0 : RailgunFlag.sentDictionary);
  return formatCfRailgun({ kind: 'link', id, ratio: 'origin', originTimeUs: 0, flags, version });
}

/** `www.example.com`, `www.example.com:8443`, `[2001:db8::1]:8443`, `2001:db8::1`. */
export function splitAuthority(authority: string): { readonly host: string; readonly port: number | undefined } {
  const bracket = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(authority);
  if (bracket !== null)
    return { host: bracket[1] ?? '', port: bracket[2] === undefined ? undefined : Number(bracket[2]) };
  const plain = /^([^:]*):(\d{1,5})$/.exec(authority);
  if (plain !== null) return { host: plain[1] ?? '', port: Number(plain[2]) };
  return { host: authority, port: undefined };
}

/** Exact `host:port`, then `host`, then `default` (2.5). A host entry does not carry the visitor's port along (RG-083). */
function lookUp(nat: NatMap, asked: { host: string; port: number | undefined }, https: boolean): NatTarget | undefined {
  const host = asked.host.toLowerCase();
  const shown = host.includes(':') ? `[${host}]` : host;
  const port = asked.port ?? (https ? 443 : 80);
  return nat.entries.get(`${shown}:${port}`) ?? nat.entries.get(shown) ?? nat.fallback;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const IPV6 = /^(?=.*:.*:)[0-9a-f:.]+$/i;

/** `CF-ORIGIN-IP`: an address literal, a port behind it if need be. A name is refused. */
function literalTarget(text: string): NatTarget | undefined {
  if (IPV6.test(text)) return { address: text, port: undefined };
  const { host, port } = splitAuthority(text);
  return (IPV4.test(host) || IPV6.test(host)) && port !== 0 && (port ?? 1) < 65_536
    ? { address: host, port }
    : undefined;
}
