/**
 * `report.json`: the report as it is, keys always in the order of the contract (`core/report.ts`), numbers as they are, one line
 * feed at the end. Two reports that say the same are equal byte for byte. `readReport` is the way back, for the `report` verb.
 */
import * as z from 'zod';
import { assert } from '../core/assert.ts';
import { REPORT_SCHEMA, type RunReport } from '../core/report.ts';

const count = z.number().nonnegative();
const time = z.int();
const maybeTime = time.nullable();
const text = z.string();
const texts = z.array(text);
const row = z.array(z.number());
const rows = z.array(row);

/** Loose: what a newer version added is kept, after the keys known here. */
const object = z.looseObject;

const beats = z.array(object({ fromUs: time, state: text, reason: text }));

const shape = object({
  schema: z.literal(REPORT_SCHEMA),
  kind: z.enum(['replay', 'drill']),
  tool: object({ name: z.literal('switchyard'), version: text }),
  scenario: object({ name: text, file: text, description: text }),
  seed: text,
  configHash: text,
  scenarioHash: text,
  repeat: text,
  startUs: time,
  endUs: time,
  partial: object({ reason: text, atUs: time }).nullable(),
  assumptions: texts,
  warnings: texts,
  traffic: z.array(
    object({
      kind: z.enum(['log', 'clients', 'pages']),
      name: text,
      requests: count,
      lines: count,
      brokenLines: count,
      brokenLineNumbers: row,
      outOfOrder: count,
      clients: count,
    }),
  ),
  totals: object({
    requests: count,
    served: count,
    failed: count,
    fallback: count,
    retried: count,
    causes: z.array(object({ cause: text, status: count, count })),
  }),
  phases: z.array(object({ name: z.enum(['before', 'during', 'after']), fromUs: time, toUs: time })),
  placement: object({ regions: texts, pools: texts, counts: z.array(rows), failed: z.array(rows) }),
  budget: object({
    outages: z.array(
      object({
        subject: text,
        fault: text,
        fromUs: time,
        detectedUs: maybeTime,
        recoveredUs: maybeTime,
        healedUs: maybeTime,
        backUs: maybeTime,
        decidedUs: z.exactOptional(maybeTime),
        failed: count,
        parts: z.array(
          object({
            part: z.enum(['before_detection', 'dns_cache', 'overload', 'fallback', 'nothing_may_serve', 'other']),
            failed: count,
            knob: text,
          }),
        ),
      }),
    ),
  }),
  sessions: object({
    sessions: count,
    returning: count,
    kept: count,
    moved: count,
    movedBack: count,
    lost: count,
    drained: count,
    expired: count,
    byReason: z.array(object({ reason: text, count })),
  }),
  capacity: z.array(
    object({
      pool: text,
      origin: text,
      limit: count.nullable(),
      peak: count,
      peakAtUs: time,
      peakRatio: count,
      overloadedSeconds: count,
      longestOverloadSeconds: count,
      rejected: count,
    }),
  ),
  latency: object({ p50Us: count, p90Us: count, p99Us: count, p999Us: count, maxUs: count }),
  dns: object({ queries: count, cacheHits: count, staleRequests: count, soaAnswers: count }).nullable(),
  railgun: object({
    viaLane: count,
    direct: z.array(object({ reason: text, count })),
    pageBytes: count,
    wanBytes: count,
    ratio: count,
    lanesOpened: count,
    lanesLost: count,
  }).nullable(),
  pools: z.array(
    object({
      id: text,
      name: text,
      enabled: z.boolean(),
      requests: count,
      failed: count,
      latitude: z.number().nullable(),
      longitude: z.number().nullable(),
      origins: z.array(object({ name: text, address: text, requests: count, failed: count, beats })),
      beats: z.exactOptional(beats),
    }),
  ),
  pops: z.array(
    object({
      code: text,
      city: text,
      region: text,
      latitude: z.number(),
      longitude: z.number(),
      requests: count,
      failed: count,
    }),
  ),
  timeline: z.array(
    object({
      atUs: time,
      kind: z.enum(['fault', 'heal', 'change', 'health', 'steering', 'capacity', 'sessions', 'link', 'check', 'note']),
      tone: z.enum(['good', 'bad', 'neutral']),
      text,
      line: count,
    }),
  ),
  series: object({
    startUs: time,
    bucketUs: z.int().positive(),
    buckets: z.int().nonnegative(),
    requests: row,
    failed: row,
    fallback: row,
    retried: row,
    poolRequests: rows,
    poolFailed: rows,
    regionRequests: rows,
    regionFailed: rows,
    regionPool: z.array(rows),
    originRequests: rows,
    originFailed: rows,
    sessionsMoved: row,
    sessionsLost: row,
    latencyMeanUs: row,
    latencyP99Us: row,
    railgunRequests: row,
    railgunDirect: row,
    railgunPageBytes: row,
    railgunWanBytes: row,
  }),
  checks: z.array(
    object({
      check: text,
      pass: z.boolean(),
      value: z.number().nullable(),
      limit: z.number().nullable(),
      unit: text,
      text,
      line: count,
    }),
  ),
  drill: z.exactOptional(
    object({
      pace: count,
      wallStartUs: time,
      ended: z.enum(['finished', 'stopped', 'interrupted', 'broken']),
      notes: texts,
      lateness: object({ p50Us: count, p99Us: count, maxUs: count }),
      inFlight: object({ peak: count, limit: count, turnedAway: count }),
      unjoined: count,
      laneBytes: count.nullable(),
      steadyBeforeUs: maybeTime,
      steadyAfterUs: maybeTime,
      faultLatenessUs: count,
      leftovers: texts,
    }),
  ),
  fidelity: z.exactOptional(
    object({
      pass: z.boolean(),
      rows: z.array(
        object({
          figure: text,
          subject: text,
          unit: text,
          predicted: z.number().nullable(),
          measured: z.number().nullable(),
          difference: z.number().nullable(),
          allowed: text,
          pass: z.boolean().nullable(),
        }),
      ),
      unknown: texts,
    }),
  ),
  failures: z.exactOptional(
    z.array(
      object({
        n: count,
        atUs: time,
        client: text,
        pop: text,
        host: text,
        target: text,
        cause: text,
        status: count,
        pool: text,
        origin: text,
        because: text,
        affinity: text,
        fallback: z.boolean(),
        attempts: count,
        path: text,
        sentUs: time,
        headUs: time,
        endUs: time,
        edgeFromUs: time,
        edgeToUs: time,
        bytes: count,
        ray: text,
        railgun: text,
        error: text,
      }),
    ),
  ),
});

export function renderJson(report: RunReport): string {
  const parsed = shape.safeParse(report);
  assert(
    parsed.success,
    `a report that its own schema refuses: ${parsed.error?.issues.map(issueText).slice(0, 3).join('; ')}`,
  );
  return `${layOut(parsed.data, '')}\n`;
}

export type ReadReport =
  | { readonly ok: true; readonly report: RunReport }
  /** Plain sentences with the place: `totals.failed: expected number`. At most ten. */
  | { readonly ok: false; readonly problems: readonly string[] };

export function readReport(json: string): ReadReport {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { ok: false, problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const schema = typeof value === 'object' && value !== null ? (value as { schema?: unknown }).schema : undefined;
  if (schema !== REPORT_SCHEMA) {
    const found = typeof schema === 'string' ? `"${schema}"` : 'no "schema" key';
    return { ok: false, problems: [`not a report of this version: expected "${REPORT_SCHEMA}", found ${found}`] };
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) {
    const { series } = parsed.data;
    if (series.requests.length === series.buckets && series.failed.length === series.buckets)
      return { ok: true, report: parsed.data };
    return {
      ok: false,
      problems: [`series.requests: expected ${series.buckets} numbers, one a bucket, found ${series.requests.length}`],
    };
  }
  return { ok: false, problems: parsed.error.issues.slice(0, 10).map(issueText) };
}

function issueText(issue: z.core.$ZodIssue): string {
  const path = issue.path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
  return `${path}: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`;
}

/** Two blanks of indent; a list of plain values, however long, keeps to one line. */
function layOut(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each !== 'object' || each === null)) return JSON.stringify(value);
    return `[\n${value.map((each) => inner + layOut(each, inner)).join(',\n')}\n${indent}]`;
  }
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  if (members.length === 0) return '{}';
  return `{\n${members.map(([key, each]) => `${inner}${JSON.stringify(key)}: ${layOut(each, inner)}`).join(',\n')}\n${indent}}`;
}
