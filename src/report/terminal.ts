/**
 * The report on a terminal, read from top to bottom like a story: what was run, what happened, who went where, what it cost, and the
 * verdict last, where the eye rests. The caller knows the paper (width, colour); nothing here asks the environment.
 */
import { bytesText, countText, momentText, percentText, plural, spanText } from '../core/figures.ts';
import type { CheckResult, RunReport } from '../core/report.ts';
import { PART_WORDS, headline, lineOf, outageSteps, provenance, sessionFigures, verdictOf, whenText } from './facts.ts';
import { Paint, type Paper, padEnd, printable } from './paint.ts';
import { drillSentences, fidelitySentence } from './fidelity-facts.ts';
import { capacityTable, fidelityTable, placementTable } from './terminal-tables.ts';

/** Lines of the story on a screen; the middle is left out, beginning and end stay. */
const MAX_STORY_LINES = 60;

export function renderTerminal(report: RunReport, paper: Paper): string {
  const paint = new Paint(paper);
  const blocks = [
    opening(report, paint),
    notes(report, paint),
    section(paint, 'What happened', '', story(report, paint)),
    section(paint, 'Who went where', phasesText(report), placementTable(report, paint)),
    section(paint, 'Downtime budget', 'failed requests by what would have saved them', budget(report, paint)),
    section(paint, 'Sessions', 'did visitors stay with their origin?', sessions(report, paint)),
    section(
      paint,
      'Capacity',
      'peak of arrivals against the stated limit',
      report.capacity.length === 0 ? '' : capacityTable(report, paint),
    ),
    section(paint, 'Latency, DNS, link', '', services(report, paint)),
    section(paint, 'Prediction and measurement', '', fidelityBlock(report, paint)),
    section(paint, 'Checks', '', checks(report, paint)),
    verdict(report, paint),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** The checks and the verdict alone, for `--quiet`. */
export function renderVerdict(report: RunReport, paper: Paper): string {
  const paint = new Paint(paper);
  return `${[checks(report, paint), verdict(report, paint)].filter((block) => block !== '').join('\n')}\n`;
}

function section(paint: Paint, title: string, aside: string, body: string): string {
  return body === '' ? '' : `${paint.heading(title, aside)}\n${body}`;
}

function opening(report: RunReport, paint: Paint): string {
  const lines = [
    paint.style('bold', paint.wrap(printable(report.scenario.name), 0)),
    ...(report.scenario.description === '' ? [] : [paint.wrap(printable(report.scenario.description), 0)]),
    paint.style('dim', paint.wrap(`${whenText(report)} · ${provenance(report)}`, 0)),
    paint.wrap(`${headline(report)}.`, 0),
  ];
  return paint.plain ? lines.join('\n').replaceAll(' · ', ', ') : lines.join('\n');
}

function notes(report: RunReport, paint: Paint): string {
  const line = (sign: string, text: string): string =>
    `  ${sign} ${paint.wrap(printable(text), 4 + (paint.plain ? 7 : 0))}`;
  return [
    ...report.warnings.map((text) => line(paint.style('yellow', paint.plain ? 'warning:' : '⚠'), text)),
    ...report.assumptions.map((text) => line(paint.style('dim', paint.plain ? 'assumed:' : '≈'), text)),
  ].join('\n');
}

function story(report: RunReport, paint: Paint): string {
  const { timeline } = report;
  if (timeline.length === 0) return '  Nothing happened to the configuration, the origins or the link.';
  const clockColumns = momentText(report.startUs, report).length;
  const lines = timeline.map((entry, i) => {
    const clock = momentText(entry.atUs, report);
    const same = i > 0 && momentText(timeline[i - 1]!.atUs, report) === clock;
    const where = entry.line === 0 ? '' : paint.style('dim', `  ${printable(lineOf(report, entry.line))}`);
    const text = paint.wrap(printable(entry.text), clockColumns + 7, paint.width - 2);
    return `  ${paint.style('dim', same ? ' '.repeat(clockColumns) : clock)}  ${paint.mark(entry.tone)}  ${text}${where}`;
  });
  if (lines.length <= MAX_STORY_LINES) return lines.join('\n');
  const half = MAX_STORY_LINES / 2;
  const left = lines.length - 2 * half;
  return [
    ...lines.slice(0, half),
    `  … ${plural(left, 'more line')} in report.html and report.json …`,
    ...lines.slice(-half),
  ].join('\n');
}

function phasesText(report: RunReport): string {
  if (report.phases.length < 2) return '';
  return report.phases.map(({ name, fromUs }) => `${name} from ${momentText(fromUs, report)}`).join(', ');
}

function budget(report: RunReport, paint: Paint): string {
  const { outages } = report.budget;
  if (outages.length === 0) return '';
  return outages
    .map((outage) => {
      const head = `  ${paint.style('bold', printable(outage.subject))} ${printable(outage.fault)}: ${plural(outage.failed, 'failed request')}`;
      const steps = outageSteps(outage, report).map(({ label, text }) => `${label} ${text}`);
      const parts = outage.parts.map((part) => {
        const percent = outage.failed === 0 ? 0 : (100 * part.failed) / outage.failed;
        const bar = paint.plain ? '' : `${paint.style('red', paint.bar(percent, 10))} `;
        const figures = `${bar}${padEnd(PART_WORDS[part.part], 24)} ${countText(part.failed)} (${percentText(percent)})`;
        return `    ${figures}\n      ${paint.style('dim', paint.wrap(printable(part.knob), 6))}`;
      });
      return [head, `    ${paint.style('dim', paint.wrap(steps.join(', '), 4))}`, ...parts].join('\n');
    })
    .join('\n');
}

function sessions(report: RunReport, paint: Paint): string {
  const { sessions: ledger } = report;
  if (ledger.sessions === 0) return '';
  const figures = sessionFigures(report)
    .filter(({ label, count }) => count > 0 || ['kept', 'moved', 'lost'].includes(label))
    .map(({ label, count }) => {
      const text = `${label} ${countText(count)}`;
      return label === 'lost' && count > 0 ? paint.style('red', text) : text;
    });
  const reasons = ledger.byReason.map(({ reason, count }) => `${printable(reason)} ${countText(count)}`);
  const why =
    reasons.length === 0 ? '' : `\n  ${paint.style('dim', paint.wrap(`moved because: ${reasons.join(', ')}`, 2))}`;
  return `  ${paint.wrap(figures.join(paint.plain ? ', ' : ' · '), 2)}${why}`;
}

function services(report: RunReport, paint: Paint): string {
  const { latency, dns, railgun, totals } = report;
  const lines: string[] = [];
  if (totals.served > 0) {
    lines.push(
      `latency  p50 ${spanText(latency.p50Us)}, p90 ${spanText(latency.p90Us)}, p99 ${spanText(latency.p99Us)}, p99.9 ${spanText(latency.p999Us)}, slowest ${spanText(latency.maxUs)}`,
    );
  }
  if (totals.causes.length > 0) {
    const causes = totals.causes.map(
      ({ cause, status, count }) => `${printable(cause)}${status === 0 ? '' : ` (${status})`} ${countText(count)}`,
    );
    lines.push(`failures  ${causes.join(', ')}`);
  }
  if (totals.retried > 0 || totals.fallback > 0) {
    lines.push(
      `second attempts  ${countText(totals.retried)}, served by the fallback pool ${countText(totals.fallback)}`,
    );
  }
  if (dns !== null) {
    lines.push(
      `dns  ${plural(dns.queries, 'query', 'queries')}, ${countText(dns.cacheHits)} from caches, ${countText(dns.staleRequests)} requests on stale answers, ${countText(dns.soaAnswers)} SOA answers`,
    );
  }
  if (railgun !== null) {
    const direct = railgun.direct.map(({ reason, count }) => `${countText(count)} direct (${printable(reason)})`);
    const lanes = `${plural(railgun.lanesOpened, 'lane')} opened, ${countText(railgun.lanesLost)} lost`;
    const bytes = `${bytesText(railgun.wanBytes)} for ${bytesText(railgun.pageBytes)} of pages (${percentText(100 * railgun.ratio)})`;
    lines.push(`link  ${[`${countText(railgun.viaLane)} over a lane`, ...direct, bytes, lanes].join(', ')}`);
  }
  return lines.map((line) => `  ${paint.wrap(line, 4)}`).join('\n');
}

/** Drills only: the table, what the model does not know, and how the drill itself went. */
function fidelityBlock(report: RunReport, paint: Paint): string {
  const about = drillSentences(report).map((text) => `  ${paint.style('dim', paint.wrap(printable(text), 2))}`);
  if (report.fidelity === undefined) return about.join('\n');
  const unknown = report.fidelity.unknown.map(
    (text) => `  ${paint.style('dim', paint.wrap(`unknown to the model: ${printable(text)}`, 4))}`,
  );
  const sentence = `  ${paint.wrap(fidelitySentence(report.fidelity), 2)}`;
  return [sentence, fidelityTable(report.fidelity, paint), ...unknown, ...about].join('\n');
}

function checks(report: RunReport, paint: Paint): string {
  return report.checks.map((check) => checkLines(check, report, paint)).join('\n');
}

function checkLines(check: CheckResult, report: RunReport, paint: Paint): string {
  const sign = paint.plain
    ? check.pass
      ? paint.style('green', 'ok  ')
      : paint.style('red', 'FAIL')
    : paint.mark(check.pass ? 'good' : 'bad');
  const where = check.line === 0 ? '' : paint.style('dim', `  ${printable(lineOf(report, check.line))}`);
  const indent = paint.plain ? 7 : 4;
  const text = paint.wrap(printable(check.text), indent);
  return `  ${sign} ${paint.style('bold', printable(check.check))}${where}\n${' '.repeat(indent)}${check.pass ? paint.style('dim', text) : text}`;
}

function verdict(report: RunReport, paint: Paint): string {
  const { word, sentence } = verdictOf(report);
  const label =
    word === 'passed'
      ? paint.style(['bold', 'green'], 'PASSED')
      : word === 'failed'
        ? paint.style(['bold', 'red'], 'FAILED')
        : paint.style('bold', 'DONE');
  return `${label}  ${paint.wrap(sentence, 8)}`;
}
