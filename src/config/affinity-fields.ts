/**
 * Session affinity fields (spec 1.1), as a balancer has them and as a rule overrides them.
 */
import * as z from 'zod';
import type { Affinity, AffinityKind } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { maybe } from './shape.ts';

/** Spec 1.1: 23 hours, and half an hour for header sessions. */
const TTL = {
  cookie: { least: 1_800, most: 604_800, fallback: 82_800 },
  header: { least: 30, most: 3_600, fallback: 1_800 },
} as const;

const HEADER_NAME = /^[A-Za-z0-9_-]{1,100}$/;
/** `cookie`, or `cookie:name` with one or more names. */
const COOKIE_FORM = /^cookie(:[^,;\s=]+(,[^,;\s=]+)*)?$/i;

export const NO_AFFINITY: Affinity = {
  kind: 'none',
  ttlSeconds: TTL.cookie.fallback,
  samesite: 'Auto',
  secure: 'Auto',
  drainSeconds: 0,
  zeroDowntime: 'none',
  headers: [],
  requireAllHeaders: false,
};

export const affinityWord = z.enum(['none', 'cookie', 'ip_cookie', 'header', '']);

export const affinityAttributesShape = z.strictObject({
  samesite: maybe(
    z.enum(['Auto', 'Lax', 'None', 'Strict']),
    'SameSite of the cookie. Auto: Lax with Always Use HTTPS, else None.',
    'default `Auto`',
  ),
  secure: maybe(
    z.enum(['Auto', 'Always', 'Never']),
    'Secure of the cookie. Auto: exactly with Always Use HTTPS.',
    'default `Auto`; not `Never` with samesite `None`',
  ),
  drain_duration: maybe(
    z.int().min(0).max(86_400),
    'Seconds for which sessions stay on a disabled origin.',
    'default 0; not in rules',
  ),
  zero_downtime_failover: maybe(
    z.enum(['none', 'temporary', 'sticky']),
    'Retry once elsewhere on 521, 522, 523, 525, 526; `sticky` moves the session, too.',
    'default `none`; `sticky` not with header affinity',
  ),
  headers: maybe(
    z.array(z.string()),
    'What names a session, for header affinity: header names, `cookie`, or `cookie:name`.',
    'at most 5; each once, 1 to 100 characters',
  ),
  require_all_headers: maybe(z.boolean(), 'All of them must be there, rather than one.', 'default `false`'),
});

export interface RawAffinity {
  readonly session_affinity: z.output<typeof affinityWord> | undefined;
  readonly session_affinity_ttl: number | undefined;
  readonly session_affinity_attributes: z.output<typeof affinityAttributesShape> | undefined;
}

/**
 * What these fields set on top of `base`: nothing for a balancer itself, the balancer's own affinity for a rule. Only fields that
 * were given come out, and a TTL where the kind changes to one with another range.
 */
export function readAffinity(
  raw: RawAffinity,
  base: Affinity,
  path: Path,
  context: ParseContext,
  findings: Findings,
): Partial<Affinity> {
  const attributes = raw.session_affinity_attributes;
  const at = (name: string): Path => [...path, 'session_affinity_attributes', name];
  const given: { -readonly [Field in keyof Affinity]?: Affinity[Field] } = {};
  if (raw.session_affinity !== undefined) given.kind = raw.session_affinity === '' ? 'none' : raw.session_affinity;
  if (attributes?.samesite !== undefined) given.samesite = attributes.samesite;
  if (attributes?.secure !== undefined) given.secure = attributes.secure;
  if (attributes?.drain_duration !== undefined) given.drainSeconds = attributes.drain_duration;
  if (attributes?.zero_downtime_failover !== undefined) given.zeroDowntime = attributes.zero_downtime_failover;
  if (attributes?.require_all_headers !== undefined) given.requireAllHeaders = attributes.require_all_headers;
  if (attributes?.headers !== undefined)
    given.headers = readHeaders(attributes.headers, at('headers'), context, findings);

  // Only what these fields bring about is told here: a fault of the base was told there.
  const sets = (...fields: (keyof Affinity)[]): boolean => fields.some((field) => given[field] !== undefined);
  const whole = { ...base, ...given };
  if (sets('samesite', 'secure') && whole.samesite === 'None' && whole.secure === 'Never') {
    const where = given.secure === undefined ? 'samesite' : 'secure';
    findings.error(
      'conflict',
      at(where),
      'samesite "None" with secure "Never" makes a cookie that browsers refuse',
      'set secure to Auto or Always',
    );
  }
  if (sets('zeroDowntime', 'kind') && whole.zeroDowntime === 'sticky' && whole.kind === 'header') {
    const where = given.zeroDowntime === undefined ? [...path, 'session_affinity'] : at('zero_downtime_failover');
    findings.error(
      'conflict',
      where,
      'zero_downtime_failover "sticky" is not available with header affinity',
      'use temporary or none',
    );
    given.zeroDowntime = 'none';
  }
  if (
    sets('kind', 'headers') &&
    whole.kind === 'header' &&
    (attributes?.headers ?? base.headers).length === 0 &&
    !findings.isMuted(at('headers'))
  ) {
    const where = given.kind === undefined ? at('headers') : [...path, 'session_affinity'];
    findings.error(
      'missing',
      where,
      'session_affinity "header" needs an entry in session_affinity_attributes.headers',
      'name a header',
    );
  }
  const ttl = readSessionTtl(
    raw.session_affinity_ttl,
    whole.kind,
    base,
    [...path, 'session_affinity_ttl'],
    findings,
    context.limits.leastTtlSeconds,
  );
  if (ttl !== undefined) given.ttlSeconds = ttl;
  return given;
}

/** LB-012 to LB-015: 0 is "not set", and without affinity the number is ignored. `undefined` = as in the base. */
function readSessionTtl(
  given: number | undefined,
  kind: AffinityKind,
  base: Affinity,
  path: Path,
  findings: Findings,
  leastSeconds?: number,
): number | undefined {
  if (kind === 'none') return undefined;
  const usual = kind === 'header' ? TTL.header : TTL.cookie;
  const range = { ...usual, least: leastSeconds ?? usual.least };
  const baseFits = base.kind !== 'none' && (base.kind === 'header') === (kind === 'header');
  if (given !== undefined && given !== 0) {
    if (given >= range.least && given <= range.most) return given;
    findings.error(
      'out_of_range',
      path,
      `session_affinity_ttl is not in range [${range.least}, ${range.most}]`,
      `it is ${given}`,
    );
  }
  return baseFits ? undefined : range.fallback;
}

function readHeaders(list: readonly string[], path: Path, context: ParseContext, findings: Findings): string[] {
  const headers: string[] = [];
  const most = context.limits.affinityHeaders;
  if (list.length > most)
    findings.error('out_of_range', path, `headers must have at most ${most} entries`, `it is ${list.length} long`);
  for (const [index, text] of list.entries()) {
    const here = [...path, index];
    if (findings.isMuted(here)) continue;
    if (!HEADER_NAME.test(text) && !(COOKIE_FORM.test(text) && text.length <= 100)) {
      findings.error(
        'bad_format',
        here,
        `${shown(text)} is not a header name`,
        'letters, digits, "_" and "-"; or "cookie:name"',
      );
      continue;
    }
    for (const name of splitHeader(text)) {
      if (headers.includes(name))
        findings.error('not_unique', here, `value not unique: ${shown(text)} is in headers twice`);
      else headers.push(name);
    }
  }
  return headers;
}

/** `cookie:a,b` is `cookie:a` and `cookie:b`. Header names in lower case; cookie names are case-sensitive. */
function splitHeader(text: string): string[] {
  const colon = text.indexOf(':');
  if (colon < 0) return [text.toLowerCase()];
  return text
    .slice(colon + 1)
    .split(',')
    .map((name) => `cookie:${name}`);
}
