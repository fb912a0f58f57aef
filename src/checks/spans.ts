/**
 * `detected within 30s of +3m`, `recovered within 90s of 12:03`, `back within 2m of 12:12`: how long after something the next thing
 * came. The anchor must be there: when nothing began at that time, there is nothing to measure, and the answer says what did.
 */
import { momentText, spanText } from '../core/figures.ts';
import type { Outage, RunReport } from '../core/report.ts';
import type { SpanCheck } from './check.ts';
import { type Measured, concerns, nameOf } from './measure.ts';
import { momentOf, outsideOf } from './window.ts';

/** The value is in µs. */
export function measureSpan(check: SpanCheck, report: RunReport): Measured {
  const atUs = momentOf(check.of, report);
  const outside = outsideOf(atUs, atUs + 1, report);
  if (outside !== undefined) return nothing(outside);
  const scope = check.scopes[0];
  const outages = report.budget.outages.filter((outage) => concerns(outage.subject, scope, report));
  const near = (us: number | null): boolean => us !== null && Math.abs(us - atUs) <= report.series.bucketUs;
  switch (check.metric.name) {
    case 'detected':
      return worst(
        outages.filter((each) => near(each.fromUs)),
        (each) => each.detectedUs,
        (each) => each.fromUs,
        {
          none: () =>
            nothingAt(
              check,
              report,
              outages.map((each) => each.fromUs),
              'no outage began',
            ),
          never: (each) => `health never noticed the ${each.fault} of ${each.subject}`,
          said: (each, us) => `health noticed the ${each.fault} of ${each.subject} after ${spanText(us)}`,
        },
      );
    case 'back':
      return worst(
        outages.filter((each) => near(each.healedUs)),
        (each) => each.backUs,
        (each) => each.healedUs ?? atUs,
        {
          none: () =>
            nothingAt(
              check,
              report,
              outages.flatMap((each) => each.healedUs ?? []),
              'nothing was healed',
            ),
          never: (each) => `${each.subject} was not healthy again by the end of the run`,
          said: (each, us) => `${each.subject} was healthy again after ${spanText(us)}`,
        },
      );
    case 'recovered': {
      const begun = outages.filter((each) => near(each.fromUs));
      if (begun.length > 0) return recovered(begun, report);
      const marks = report.timeline.filter((entry) => ['fault', 'heal', 'change'].includes(entry.kind));
      if (scope === undefined && marks.some((entry) => near(entry.atUs)))
        return quiet(
          atUs,
          marks.map((entry) => entry.atUs),
          report,
        );
      return nothingAt(
        check,
        report,
        outages.map((each) => each.fromUs),
        'no outage began',
      );
    }
    default:
      return nothing(`"${check.metric.name}" is not a span`);
  }
}

function nothing(why: string): Measured {
  return { kind: 'nothing', why };
}

function nothingAt(check: SpanCheck, report: RunReport, others: readonly number[], what: string): Measured {
  const of = check.scopes[0] === undefined ? '' : ` for ${nameOf(check.scopes[0])}`;
  const at = momentText(momentOf(check.of, report), report);
  const known = [...new Set(others.map((us) => momentText(us, report)))].slice(0, 5).join(', ');
  return nothing(`${what} at ${at}${of}${known === '' ? '' : ` (known: ${known})`}`);
}

function recovered(outages: readonly Outage[], report: RunReport): Measured {
  const lastUs = Math.min(report.endUs, report.partial?.atUs ?? report.endUs);
  const failing = outages.find((each) => each.recoveredUs !== null && each.recoveredUs >= lastUs);
  if (failing !== undefined)
    return nothing(`requests of the ${failing.fault} of ${failing.subject} were still failing when the run ended`);
  const slowest = outages.reduce((a, b) =>
    (b.recoveredUs ?? b.fromUs) - b.fromUs > (a.recoveredUs ?? a.fromUs) - a.fromUs ? b : a,
  );
  const us = Math.max(0, (slowest.recoveredUs ?? slowest.fromUs) - slowest.fromUs);
  if (outages.every((each) => each.failed === 0))
    return { kind: 'measured', value: 0, said: `the ${slowest.fault} of ${slowest.subject} failed no request` };
  return {
    kind: 'measured',
    value: us,
    said: `the last request that the ${slowest.fault} of ${slowest.subject} failed ended ${spanText(us)} after it began`,
  };
}

/** No outage, but something happened then: until when did requests fail, before the next thing happened? */
function quiet(atUs: number, marks: readonly number[], report: RunReport): Measured {
  const { series } = report;
  const next = marks.filter((us) => us > atUs + series.bucketUs).sort((a, b) => a - b)[0] ?? report.endUs;
  const first = Math.floor((atUs - series.startUs) / series.bucketUs);
  const end = Math.min(series.buckets, Math.ceil((next - series.startUs) / series.bucketUs));
  let last = -1;
  let requests = 0;
  for (let i = first; i < end; i += 1) {
    requests += series.requests[i] ?? 0;
    if ((series.failed[i] ?? 0) > 0) last = i;
  }
  if (requests === 0) return nothing(`no request arrived after ${momentText(atUs, report)}`);
  if (last === -1) return { kind: 'measured', value: 0, said: `no request failed after ${momentText(atUs, report)}` };
  if (last === series.buckets - 1) return nothing('requests were still failing when the run ended');
  const us = series.startUs + (last + 1) * series.bucketUs - atUs;
  return {
    kind: 'measured',
    value: us,
    said: `the last failed request arrived at most ${spanText(us)} later (whole buckets of ${spanText(series.bucketUs)})`,
  };
}

function worst(
  outages: readonly Outage[],
  end: (outage: Outage) => number | null,
  begin: (outage: Outage) => number,
  words: { none: () => Measured; never: (outage: Outage) => string; said: (outage: Outage, us: number) => string },
): Measured {
  let slowest: { outage: Outage; us: number } | undefined;
  for (const outage of outages) {
    const ended = end(outage);
    if (ended === null) return nothing(words.never(outage));
    const us = Math.max(0, ended - begin(outage));
    if (slowest === undefined || us > slowest.us) slowest = { outage, us };
  }
  if (slowest === undefined) return words.none();
  return { kind: 'measured', value: slowest.us, said: words.said(slowest.outage, slowest.us) };
}
