/**
 * The vocabulary of rule conditions: fields with their types and where they exist, functions with their arguments. Fields are
 * those that the load balancing reference lists (spec 1.5), no others of the Rules language.
 */

/** `list`: several texts, `map`: lists of texts by name. */
export type FieldType = 'text' | 'number' | 'address' | 'boolean' | 'list' | 'map';
/** Where a field has a value: on every request, on proxied (HTTP) ones, or on DNS queries. */
export type FieldScope = 'any' | 'http' | 'dns';

export const FIELDS: ReadonlyMap<string, { readonly type: FieldType; readonly scope: FieldScope }> = new Map([
  ['cf.load_balancer.name', { type: 'text', scope: 'any' }],
  ['cf.load_balancer.region', { type: 'text', scope: 'any' }],
  ['ip.src', { type: 'address', scope: 'any' }],
  // Since 2025-08-15; both names are inferred.
  ['ip.src.asnum', { type: 'number', scope: 'any' }],
  ['ip.geoip.asnum', { type: 'number', scope: 'any' }],
  ['http.cookie', { type: 'text', scope: 'http' }],
  ['http.host', { type: 'text', scope: 'http' }],
  ['http.referer', { type: 'text', scope: 'http' }],
  ['http.request.headers', { type: 'map', scope: 'http' }],
  ['http.request.method', { type: 'text', scope: 'http' }],
  ['http.request.timestamp.sec', { type: 'number', scope: 'http' }],
  ['http.request.uri', { type: 'text', scope: 'http' }],
  ['http.request.uri.args', { type: 'map', scope: 'http' }],
  ['http.request.uri.args.names', { type: 'list', scope: 'http' }],
  ['http.request.uri.args.values', { type: 'list', scope: 'http' }],
  ['http.request.uri.path', { type: 'text', scope: 'http' }],
  ['http.request.uri.query', { type: 'text', scope: 'http' }],
  ['http.request.version', { type: 'text', scope: 'http' }],
  ['dns.qry.name', { type: 'text', scope: 'dns' }],
  ['dns.qry.name.len', { type: 'number', scope: 'dns' }],
  ['dns.qry.qu', { type: 'boolean', scope: 'dns' }],
  ['dns.qry.type', { type: 'number', scope: 'dns' }],
  ['dns.rr.opt.client', { type: 'boolean', scope: 'dns' }],
  ['dns.rr.opt.client.addr', { type: 'address', scope: 'dns' }],
]);

/** Fields of the Rules language that load balancing does not have, and what to write instead. */
export const FIELD_HINTS: ReadonlyMap<string, string> = new Map([
  ['http.user_agent', 'use http.request.headers["user-agent"][0]'],
  ['http.x_forwarded_for', 'use http.request.headers["x-forwarded-for"][0]'],
  ['http.request.full_uri', 'use http.host and http.request.uri'],
  ['ip.geoip.country', 'balance by country with country_pools'],
  ['ip.src.country', 'balance by country with country_pools'],
  ['ip.src.continent', 'use cf.load_balancer.region'],
]);

export interface FunctionWords {
  /** Types of the arguments; `any` takes each scalar. The first may be a list unpacked with `[*]`. */
  readonly takes: readonly ('text' | 'number' | 'any' | 'condition' | 'countable')[];
  /** How many of `takes` must be there; more than `takes` only when `more` says so. */
  readonly least: number;
  readonly more?: true;
  readonly gives: 'text' | 'number' | 'boolean';
}

export const FUNCTIONS: ReadonlyMap<string, FunctionWords> = new Map<string, FunctionWords>([
  ['any', { takes: ['condition'], least: 1, gives: 'boolean' }],
  ['all', { takes: ['condition'], least: 1, gives: 'boolean' }],
  ['lower', { takes: ['text'], least: 1, gives: 'text' }],
  ['upper', { takes: ['text'], least: 1, gives: 'text' }],
  ['starts_with', { takes: ['text', 'text'], least: 2, gives: 'boolean' }],
  ['ends_with', { takes: ['text', 'text'], least: 2, gives: 'boolean' }],
  ['len', { takes: ['countable'], least: 1, gives: 'number' }],
  ['concat', { takes: ['any', 'any'], least: 2, more: true, gives: 'text' }],
  ['substring', { takes: ['text', 'number', 'number'], least: 2, gives: 'text' }],
  ['to_string', { takes: ['any'], least: 1, gives: 'text' }],
  ['url_decode', { takes: ['text'], least: 1, gives: 'text' }],
  ['remove_bytes', { takes: ['text', 'text'], least: 2, gives: 'text' }],
  ['regex_replace', { takes: ['text', 'text', 'text'], least: 3, gives: 'text' }],
]);

/** Words that stand between values, in both spellings. */
export const OPERATORS = {
  eq: 'eq',
  '==': 'eq',
  ne: 'ne',
  '!=': 'ne',
  lt: 'lt',
  '<': 'lt',
  le: 'le',
  '<=': 'le',
  gt: 'gt',
  '>': 'gt',
  ge: 'ge',
  '>=': 'ge',
  contains: 'contains',
  matches: 'matches',
  '~': 'matches',
  wildcard: 'wildcard',
} as const;

export const LOGIC = { and: 'and', '&&': 'and', or: 'or', '||': 'or', xor: 'xor', '^^': 'xor' } as const;
