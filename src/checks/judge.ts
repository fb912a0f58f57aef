/**
 * Holds one check against one report. The answer always has a sentence with the figure and the limit; where nothing could be
 * measured the check fails and the sentence says why (DESIGN 3: never a silent pass).
 */
import { bytesText, countText, percentText, spanText, timesText } from '../core/figures.ts';
import type { CheckResult, RunReport } from '../core/report.ts';
import type { Check, Comparison, Limit, NumberCheck } from './check.ts';
import { type Measured, measure } from './measure.ts';
import type { Unit } from './metrics.ts';
import { measureSpan } from './spans.ts';
import { measureState } from './states.ts';
import { unknownObject, vocabularyOf } from './vocabulary.ts';
import { type Window, resolveWindow } from './window.ts';

/** `line`: of the scenario file, 0 = from the command line. */
export function judge(check: Check, report: RunReport, line = 0): CheckResult {
  const verdict = verdictOf(check, report);
  return { check: check.text, ...verdict, text: sentence(verdict.text), line };
}

type Verdict = Omit<CheckResult, 'check' | 'line'>;

function verdictOf(check: Check, report: RunReport): Verdict {
  const unit = unitOf(check);
  const limit = limitOf(check);
  const fail = (why: string): Verdict => ({
    pass: false,
    value: null,
    limit,
    unit,
    text: `nothing to measure: ${why}; so the check fails`,
  });

  for (const scope of check.scopes) {
    const unknown = unknownObject(scope, vocabularyOf(report));
    if (unknown !== undefined) return fail(`${unknown.message}${unknown.hint === '' ? '' : ` (${unknown.hint})`}`);
  }
  if (check.kind === 'span') {
    const measured = measureSpan(check, report);
    if (measured.kind === 'nothing') return fail(measured.why);
    const pass = measured.value <= check.limitUs;
    return {
      pass,
      value: measured.value / 1e6,
      limit,
      unit,
      text: `${measured.said}; the limit is ${spanText(check.limitUs)}`,
    };
  }

  const resolved = resolveWindow(check.window, report);
  if (!resolved.ok) return fail(resolved.why);
  const { window } = resolved;
  if (check.kind === 'state') {
    const measured = measureState(check, report, window);
    if (measured.kind === 'nothing') return fail(measured.why);
    const must =
      check.window.kind === 'at'
        ? `must be ${check.metric.name}${window.words}`
        : `must be ${check.metric.name}${window.words || ' all the time'}`;
    return { pass: measured.value === 100, value: measured.value, limit, unit, text: `${measured.said}; ${must}` };
  }
  if (check.forUs > 0) return stretch(check, report, window, fail);

  const measured = measure(check, report, window);
  if (measured.kind === 'nothing') return fail(measured.why);
  const pass = compares(measured.value, check.comparison, check.limit.value);
  const must = `must be ${COMPARISON_WORDS[check.comparison]}${limitText(check.limit)}`;
  return {
    pass,
    value: inUnit(measured.value, check),
    limit,
    unit,
    text: `${measured.said}${window.words}${window.rounding}; ${must}`,
  };
}

/** `for 30s`: the longest run of buckets in which the condition held. */
function stretch(check: NumberCheck, report: RunReport, window: Window, fail: (why: string) => Verdict): Verdict {
  const { bucketUs, startUs } = report.series;
  let longest = 0;
  let current = 0;
  let anything = false;
  for (let bucket = window.first; bucket < window.end; bucket += 1) {
    const fromUs = startUs + bucket * bucketUs;
    const one: Window = {
      fromUs,
      toUs: fromUs + bucketUs,
      first: bucket,
      end: bucket + 1,
      whole: false,
      words: '',
      rounding: '',
    };
    const measured: Measured = measure(check, report, one);
    anything ||= measured.kind === 'measured';
    const holds = measured.kind === 'measured' && compares(measured.value, check.comparison, check.limit.value);
    current = holds ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  if (!anything) return fail(`there was no figure in any bucket${window.words}`);
  const us = longest * bucketUs;
  const condition = `${check.metric.name} was ${COMPARISON_WORDS[check.comparison]}${limitText(check.limit)}`;
  return {
    pass: us >= check.forUs,
    value: us / 1e6,
    limit: check.forUs / 1e6,
    unit: 's',
    text: `${condition} for ${spanText(us)} at most${window.words} (whole buckets of ${spanText(bucketUs)}); must be so for ${spanText(check.forUs)}`,
  };
}

/** Two figures that differ by less than this are the same: percentages are quotients. */
const EQUAL = 1e-9;

function compares(value: number, comparison: Comparison, limit: number): boolean {
  const same = Math.abs(value - limit) <= EQUAL;
  switch (comparison) {
    case '<':
      return value < limit && !same;
    case '<=':
      return value < limit || same;
    case '>':
      return value > limit && !same;
    case '>=':
      return value > limit || same;
    case '==':
      return same;
    case '!=':
      return !same;
    default:
      return comparison satisfies never;
  }
}

const COMPARISON_WORDS: Readonly<Record<Comparison, string>> = {
  '<': 'below ',
  '<=': 'at most ',
  '>': 'above ',
  '>=': 'at least ',
  '==': 'exactly ',
  '!=': 'other than ',
};

const LIMIT_TEXT: Readonly<Record<Unit, (value: number) => string>> = {
  count: countText,
  percent: (value) => (value > 0 && value < 0.01 ? `${value} %` : percentText(value)),
  times: timesText,
  time: spanText,
  bytes: bytesText,
  rate: (value) => `${countText(value)}/s`,
};

function limitText(limit: Limit): string {
  return LIMIT_TEXT[limit.unit](limit.value);
}

const UNIT_NAMES: Readonly<Record<Unit, string>> = {
  count: '',
  percent: '%',
  times: 'x',
  time: 's',
  bytes: 'B',
  rate: '/s',
};

/** Latencies are told in milliseconds, longer times in seconds. */
function unitOf(check: Check): string {
  if (check.kind === 'span') return 's';
  if (check.kind === 'state') return '%';
  if (check.forUs > 0) return 's';
  return isLatency(check) ? 'ms' : UNIT_NAMES[check.limit.unit];
}

function limitOf(check: Check): number {
  if (check.kind === 'span') return check.limitUs / 1e6;
  if (check.kind === 'state') return 100;
  return check.forUs > 0 ? check.forUs / 1e6 : inUnit(check.limit.value, check);
}

function inUnit(value: number, check: NumberCheck): number {
  if (check.limit.unit !== 'time') return value;
  return isLatency(check) ? value / 1e3 : value / 1e6;
}

function isLatency(check: NumberCheck): boolean {
  return /^(?:p\d+|latency\.)/.test(check.metric.name);
}

/** A capital to begin with and a full stop to end, unless it begins with the name of a thing. */
function sentence(text: string): string {
  const named = /^[a-z][\w.-]*[/_]/.test(text);
  const begun = named ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return `${begun}.`;
}
