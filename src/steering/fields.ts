/**
 * What the fields of rule conditions stand for (spec 1.5). Fields of the other kind of request, and fields that nobody knows,
 * have no value.
 */
import type { Value } from '../core/expression.ts';
import type { LoadBalancer } from '../core/model.ts';
import type { Getter } from './evaluate.ts';
import type { DnsFacts, HttpFacts, SteerRequest } from './request.ts';

/** Numbers of the DNS record types that a query may ask for (IANA). */
const DNS_TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  CAA: 257,
};

type Field = Extract<Value, { kind: 'field' }>;

/** `key` picks one header or argument of a field that has many, `index` one value of several; what is not there has none. */
export function readField(field: Field, balancer: LoadBalancer): Getter {
  const whole = readWhole(field, balancer);
  const { index } = field;
  if (index === undefined) return whole;
  return (request, now) => {
    const got = whole(request, now);
    return typeof got === 'object' ? got[index] : undefined;
  };
}

function readWhole({ name, key }: Field, balancer: LoadBalancer): Getter {
  switch (name) {
    case 'cf.load_balancer.name':
      return () => balancer.name;
    case 'cf.load_balancer.region':
      return (request) => request.location.region;
    case 'ip.src':
      return (request) => request.clientAddress;
    case 'ip.src.asnum':
    case 'ip.geoip.asnum':
      return (request) => request.facts?.asn;
    case 'http.request.timestamp.sec':
      return http((_, __, now) => Math.floor(now / 1_000_000));
    case 'http.cookie':
      return http((facts) => joined(facts.header('cookie'), '; '));
    case 'http.host':
      return http((facts) => facts.host);
    case 'http.referer':
      return http((facts) => joined(facts.header('referer'), ','));
    case 'http.request.method':
      return http((facts) => facts.method);
    case 'http.request.version':
      return http((facts) => facts.version);
    case 'http.request.uri':
      return http((facts) => (facts.query === '' ? facts.path : `${facts.path}?${facts.query}`));
    case 'http.request.uri.path':
      return http((facts) => facts.path);
    case 'http.request.uri.query':
      return http((facts) => facts.query);
    case 'http.request.uri.args':
      return http((facts) => queryArguments(facts.query, (found) => key === undefined || found === key, 'value'));
    case 'http.request.uri.args.names':
      return http((facts) => queryArguments(facts.query, () => true, 'name'));
    case 'http.request.uri.args.values':
      return http((facts) => queryArguments(facts.query, () => true, 'value'));
    case 'http.request.headers': {
      const wanted = key?.toLowerCase();
      return http((facts) => (wanted === undefined ? headerValues(facts) : facts.header(wanted)));
    }
    case 'dns.qry.name':
      return dns((facts) => facts.name);
    case 'dns.qry.name.len':
      return dns((facts) => facts.name.length);
    case 'dns.qry.qu':
      // The multicast bit: never set on a query that reaches an authoritative server.
      return dns(() => false);
    case 'dns.qry.type':
      return dns((facts) => DNS_TYPES[facts.type]);
    case 'dns.rr.opt.client':
      return dns((facts) => facts.clientSubnet !== undefined);
    case 'dns.rr.opt.client.addr':
      return dns((facts) => facts.clientSubnet?.split('/')[0]);
    default:
      return () => undefined;
  }
}

function http(read: (facts: HttpFacts, request: SteerRequest, now: number) => ReturnType<Getter>): Getter {
  return (request, now) => (request.facts?.kind === 'http' ? read(request.facts, request, now) : undefined);
}

function dns(read: (facts: DnsFacts) => ReturnType<Getter>): Getter {
  return (request) => (request.facts?.kind === 'dns' ? read(request.facts) : undefined);
}

function joined(values: readonly string[], separator: string): string | undefined {
  return values.length === 0 ? undefined : values.length === 1 ? values[0] : values.join(separator);
}

function headerValues(facts: HttpFacts): readonly string[] {
  return facts.headerNames().flatMap((name) => facts.header(name));
}

/** Names or values of the arguments in a query, raw (undecoded), in order. */
function queryArguments(query: string, wanted: (name: string) => boolean, part: 'name' | 'value'): readonly string[] {
  if (query === '') return [];
  const found: string[] = [];
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const name = equals === -1 ? pair : pair.slice(0, equals);
    if (wanted(name)) found.push(part === 'name' ? name : equals === -1 ? '' : pair.slice(equals + 1));
  }
  return found;
}
