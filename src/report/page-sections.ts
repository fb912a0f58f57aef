/**
 * The sections of `report.html` that do not move with the time: verdict, checks, story, who went where, downtime budget, sessions,
 * capacity, details, notes, how to repeat. Each takes the report and gives markup, or nothing when there is nothing to say.
 */
import { bytesText, countText, momentText, percentText, plural, spanText, timesText } from '../core/figures.ts';
import type { CheckResult, Outage, RunReport } from '../core/report.ts';
import {
  PART_WORDS,
  PHASE_MEANING,
  figureText,
  lineOf,
  outageSteps,
  placementRows,
  sessionFigures,
  signOf,
  verdictOf,
  whenText,
} from './facts.ts';
import { type Markup, escapeText, html, trusted, when } from './markup.ts';
import { stepAt } from './page-time.ts';
import type { Steps } from './steps.ts';

/** Rows of a table; report.json has the rest. */
const MAX_ROWS = 200;
/** Lines of the story; a flapping origin may make thousands. */
const MAX_STORY = 400;

export function hero(report: RunReport): Markup {
  const verdict = verdictOf(report);
  const [look, sign, label] =
    verdict.word === 'passed'
      ? ['passed', '✓', 'Passed']
      : verdict.word === 'failed'
        ? ['failed', '✗', 'Failed']
        : ['none', '·', 'Done'];
  const tone = look === 'passed' ? 'good' : look === 'failed' ? 'bad' : 'neutral';
  return html`<div class="hero">
<p class="verdict ${look}"><span class="sign ${tone}" aria-hidden="true">${sign}</span><span>${label}. ${verdict.sentence}</span></p>
<h1>${report.scenario.name}</h1>
${when(report.scenario.description !== '', () => html`<p class="sub">${report.scenario.description}</p>`)}
<div class="facts"><span>${report.kind === 'replay' ? 'Replay in virtual time' : 'Drill on real sockets'}</span><span>${whenText(report)}</span><span>seed ${report.seed}</span><span>configuration <code>${report.configHash}</code></span></div>
<dl class="tiles">${tiles(report)}</dl>
</div>`;
}

function tiles(report: RunReport): Markup[] {
  const { totals, budget, sessions, capacity, railgun } = report;
  const tile = (label: string, figure: string, note: string, bad = false): Markup =>
    html`<div class="${bad ? 'bad' : ''}"><dt>${label}</dt><dd>${figure}<small>${note}</small></dd></div>`;
  const out = [tile('Requests', countText(totals.requests), `over ${spanText(report.endUs - report.startUs)}`)];
  if (totals.requests > 0) {
    out.push(
      tile(
        'Failed',
        percentText((100 * totals.failed) / totals.requests),
        plural(totals.failed, 'request'),
        totals.failed > 0,
      ),
    );
  }
  const worst = budget.outages.reduce<Outage | undefined>(
    (a, b) => (a === undefined || b.failed > a.failed ? b : a),
    undefined,
  );
  if (worst !== undefined) {
    const noticed = worst.detectedUs === null ? 'never' : spanText(Math.max(0, worst.detectedUs - worst.fromUs));
    out.push(tile('Noticed after', noticed, `${worst.subject}: ${worst.fault}`, worst.detectedUs === null));
    if (worst.recoveredUs !== null) {
      out.push(
        tile('Failing for', spanText(Math.max(0, worst.recoveredUs - worst.fromUs)), 'until the last failed request'),
      );
    }
  }
  if (sessions.returning > 0) {
    out.push(
      tile(
        'Sessions lost',
        percentText((100 * sessions.lost) / sessions.returning),
        `${countText(sessions.lost)} of ${countText(sessions.returning)}`,
        sessions.lost > 0,
      ),
    );
  }
  const fullest = capacity
    .filter((row) => row.limit !== null)
    .reduce(
      (a, b) => (a === undefined || b.peakRatio > a.peakRatio ? b : a),
      capacity.find((row) => row.limit !== null),
    );
  if (fullest !== undefined) {
    out.push(
      tile(
        'Peak load',
        timesText(fullest.peakRatio),
        `of the limit of ${fullest.pool}/${fullest.origin}`,
        fullest.peakRatio > 1,
      ),
    );
  }
  if (railgun !== null && railgun.pageBytes > 0) {
    out.push(
      tile(
        'Railgun ratio',
        percentText(100 * railgun.ratio),
        `${bytesText(railgun.wanBytes)} for ${bytesText(railgun.pageBytes)}`,
      ),
    );
  }
  return out;
}

export function checksSection(report: RunReport): Markup {
  if (report.checks.length === 0) return html``;
  const failed = report.checks.filter((check) => !check.pass).length;
  return html`<section id="checks" aria-labelledby="checks-h"><h2 id="checks-h">Checks</h2>
<p class="sub">${plural(report.checks.length - failed, 'check')} held, ${countText(failed)} failed. Each with what was measured and its limit.</p>
<ul class="checks card">${report.checks.map((check) => checkItem(check, report))}</ul></section>`;
}

function checkItem(check: CheckResult, report: RunReport): Markup {
  const { pass, value, limit, unit } = check;
  const sign = signOf(check.check);
  const state = /^(?:un)?healthy\b/.test(check.check);
  const top = Math.max(value ?? 0, limit ?? 0) * 1.12;
  const gauge =
    value === null || limit === null || top <= 0
      ? html``
      : html`<div class="gauge" aria-hidden="true"><i style="width:${((100 * value) / top).toFixed(1)}%"></i><b style="left:${((100 * limit) / top).toFixed(1)}%"></b></div>`;
  const limitWords = limit === null ? '' : `limit ${sign === '' ? '' : `${sign} `}${figureText(limit, unit)}`;
  return html`<li class="${pass ? 'pass' : 'fail'}"><span class="sign ${pass ? 'good' : 'bad'}" aria-hidden="true">${pass ? '✓' : '✗'}</span>
<span class="what"><span class="sr">${pass ? 'Held: ' : 'Failed: '}</span><span class="mono">${check.check}</span> ${when(check.line > 0, () => html`<span class="where">${lineOf(report, check.line)}</span>`)}</span>
<span class="text">${check.text}</span>
<div class="figures"><div class="pair"><b>${value === null ? 'nothing measured' : figureText(value, unit)}</b><span>${state ? 'must be 100 %' : limitWords}</span></div>${gauge}</div></li>`;
}

export function storySection(report: RunReport, steps: Steps): Markup {
  const { timeline } = report;
  if (timeline.length === 0) return html``;
  const numbers = new Map(steps.marks.map((mark) => [mark.entry, mark.number]));
  const signs = { good: '✓', bad: '✗', neutral: '·' } as const;
  const items = timeline.slice(0, MAX_STORY).map((entry) => {
    const clock = momentText(entry.atUs, report);
    const number = numbers.get(entry);
    return html`<li class="${entry.tone}"><span><button type="button" class="time" data-step="${stepAt(steps, entry.atUs, report)}" aria-label="Show ${clock} on map and charts">${clock}</button></span><span class="dot" aria-hidden="true">${signs[entry.tone]}</span><span>${when(number !== undefined, () => html`<span class="number" title="number on the charts">${number}</span>`)}${entry.text} ${when(entry.line > 0, () => html`<span class="where">${lineOf(report, entry.line)}</span>`)}</span></li>`;
  });
  const left = timeline.length - items.length;
  const clock = momentText(report.startUs, report);
  return html`<section id="story" aria-labelledby="story-h"><h2 id="story-h">What happened</h2>
<p class="sub">In order; a file name with a number is the line of the scenario that caused it. Click on a time to see that moment.</p>
<ol class="story card${clock.length > 8 ? ' dated' : ''}">${items}</ol>${when(left > 0, () => html`<p class="sub">${plural(left, 'more line')} in report.json.</p>`)}</section>`;
}

export function placementSection(report: RunReport, steps: Steps): Markup {
  const rows = placementRows(report);
  if (rows.length === 0) return html``;
  const colours = new Map(
    steps.pools.flatMap((pool) => pool.members.map((member) => [report.pools[member]!.name, pool.colour])),
  );
  let previous = '';
  const body = rows.slice(0, MAX_ROWS).map((row) => {
    const first = row.region !== previous;
    previous = row.region;
    const requests = row.requests.reduce((sum, n) => sum + n, 0);
    const failed = row.failed.reduce((sum, n) => sum + n, 0);
    const colour = `var(--pool-${colours.get(row.pool) ?? (row.pool === '(none)' ? 'none' : 'others')})`;
    const shares = row.shares.map((share) =>
      share === null
        ? html`<td class="quiet">no requests</td>`
        : html`<td><div class="meter"><span class="num">${percentText(share)}</span><i aria-hidden="true"><b style="width:${share.toFixed(2)}%;background:${colour}"></b></i></div></td>`,
    );
    const span = rows.filter((other) => other.region === row.region).length;
    const head = first
      ? html`<th scope="rowgroup" rowspan="${Math.min(span, MAX_ROWS)}">${row.region === 'all' ? 'All regions' : row.region}</th>`
      : html``;
    return html`<tr class="${row.region === 'all' ? 'total' : ''}">${head}<td class="name"><span class="swatch" style="background:${colour}"></span>${row.pool}</td>${shares}<td class="num">${countText(requests)}</td><td class="num${failed > 0 ? ' bad-text' : ' quiet'}">${failed === 0 ? '0' : `${countText(failed)} (${percentText((100 * failed) / Math.max(1, requests))})`}</td></tr>`;
  });
  const phases = report.phases.map((phase, i) => {
    const name = i === 0 ? phase.name : `→ ${phase.name}`;
    return html`<th scope="col" title="${PHASE_MEANING[phase.name]}">${name} <span class="quiet">from ${momentText(phase.fromUs, report)}</span></th>`;
  });
  return html`<section id="placement" aria-labelledby="placement-h"><h2 id="placement-h">Who went where</h2>
<p class="sub">Share of each region's requests by pool: before the first fault, until the last heal, and after.</p>
<div class="card scroll" tabindex="0" role="region" aria-label="Table of regions and pools"><table><thead><tr><th scope="col">region</th><th scope="col">pool</th>${phases}<th scope="col" class="num">requests</th><th scope="col" class="num">failed</th></tr></thead><tbody>${body}</tbody></table></div></section>`;
}

export function budgetSection(report: RunReport): Markup {
  const { outages } = report.budget;
  if (outages.length === 0) return html``;
  const cards = outages.map((outage) => {
    const steps = outageSteps(outage, report).map(
      ({ label, text }) => html`<div><dt>${label}</dt><dd>${text}</dd></div>`,
    );
    const parts = outage.parts.map((part) => {
      const percent = outage.failed === 0 ? 0 : (100 * part.failed) / outage.failed;
      return html`<li><div class="outage-part"><div class="head"><b>${PART_WORDS[part.part]}</b> <span class="quiet">${countText(part.failed)} (${percentText(percent)})</span></div><div class="meter"><i aria-hidden="true"><b style="width:${percent.toFixed(2)}%"></b></i></div><p class="knob">${part.knob}</p></div></li>`;
    });
    return html`<div class="outage"><div class="head"><h3>${outage.subject} <span class="quiet">${outage.fault}</span></h3><span class="${outage.failed > 0 ? 'bad-text' : 'quiet'}">${plural(outage.failed, 'failed request')}</span></div><dl class="steps">${steps}</dl>${when(parts.length > 0, () => html`<ul class="parts">${parts}</ul>`)}</div>`;
  });
  return html`<section id="budget" aria-labelledby="budget-h"><h2 id="budget-h">Downtime budget</h2>
<p class="sub">Failed requests by what would have saved them, and the setting that would shorten each part.</p>
<div class="card">${cards}</div></section>`;
}

export function sessionsSection(report: RunReport): Markup {
  const { sessions } = report;
  if (sessions.sessions === 0) return html``;
  const safelyMoved = Math.max(0, sessions.moved - sessions.lost);
  const parts = [
    { name: 'kept', count: sessions.kept, colour: 'pool-1' },
    { name: 'moved', count: safelyMoved, colour: 'pool-0' },
    { name: 'lost', count: sessions.lost, colour: 'bad' },
  ].filter((part) => part.count > 0);
  const all = Math.max(
    1,
    parts.reduce((sum, part) => sum + part.count, 0),
  );
  const bar = parts.map((part) => {
    const share = (100 * part.count) / all;
    return html`<span style="flex:${share.toFixed(3)} 1 0;background:var(--${part.colour})" title="${part.name}: ${countText(part.count)}">${share > 8 ? part.name : ''}</span>`;
  });
  const key = parts.map(
    (part) =>
      html`<li><span class="swatch" style="background:var(--${part.colour})"></span>${part.name} ${percentText((100 * part.count) / all)}</li>`,
  );
  const figures = sessionFigures(report).map(
    ({ label, count, meaning }) =>
      html`<dt><b>${label}</b> <span class="quiet">${meaning}</span></dt><dd class="${label === 'lost' && count > 0 ? 'bad-text' : ''}">${countText(count)}</dd>`,
  );
  const reasons = sessions.byReason.map(
    ({ reason, count }) => html`<dt class="mono">${reason}</dt><dd>${countText(count)}</dd>`,
  );
  return html`<section id="sessions" aria-labelledby="sessions-h"><h2 id="sessions-h">Sessions</h2>
<p class="sub">Did visitors stay with the origin that knows them? Only those that came back can tell.</p>
<div class="card ledger">${when(sessions.returning > 0, () => html`<div class="stack" aria-hidden="true">${bar}</div><ul class="key">${key}</ul>`)}<dl class="figures-list">${figures}</dl>${when(reasons.length > 0, () => html`<h3 style="margin-top:16px">Why they moved</h3><dl class="figures-list">${reasons}</dl>`)}</div></section>`;
}

export function capacitySection(report: RunReport): Markup {
  if (report.capacity.length === 0) return html``;
  const rows = [...report.capacity].sort((a, b) => b.peakRatio - a.peakRatio || b.peak - a.peak).slice(0, MAX_ROWS);
  const top = Math.max(1, ...rows.map((row) => row.peakRatio)) * 1.05;
  const body = rows.map((row) => {
    const over = row.limit !== null && row.peakRatio > 1;
    const gauge =
      row.limit === null
        ? html`<span class="quiet">no limit stated</span>`
        : html`<div class="meter"><span class="num${over ? ' bad-text' : ''}">${timesText(row.peakRatio)}</span><div class="gauge" aria-hidden="true"><i class="${over ? 'over' : ''}" style="width:${((100 * row.peakRatio) / top).toFixed(1)}%"></i><b style="left:${(100 / top).toFixed(1)}%"></b></div></div>`;
    return html`<tr><th scope="row">${row.pool}/${row.origin}</th><td class="num">${row.limit === null ? '–' : `${countText(row.limit)}/s`}</td><td class="num">${countText(row.peak)}/s</td><td>${momentText(row.peakAtUs, report)}</td><td>${gauge}</td><td class="num">${row.overloadedSeconds === 0 ? '–' : spanText(row.overloadedSeconds * 1e6)}</td><td class="num">${row.longestOverloadSeconds === 0 ? '–' : spanText(row.longestOverloadSeconds * 1e6)}</td><td class="num">${row.rejected === 0 ? '–' : countText(row.rejected)}</td></tr>`;
  });
  const alarms = rows
    .filter((row) => row.limit !== null && row.peakRatio > 1)
    .slice(0, 3)
    .map(
      (row) =>
        `${row.pool}/${row.origin}: ${timesText(row.peakRatio)} its stated limit, above it for ${spanText(row.overloadedSeconds * 1e6)}`,
    );
  return html`<section id="capacity" aria-labelledby="capacity-h"><h2 id="capacity-h">Capacity</h2>
<p class="sub">${alarms.length === 0 ? 'No origin was asked for more than it states.' : html`<span class="bad-text">${alarms.join('. ')}.</span>`}</p>
<div class="card scroll" tabindex="0" role="region" aria-label="Table of origins and their limits"><table><thead><tr><th scope="col">origin</th><th scope="col" class="num">limit</th><th scope="col" class="num">peak</th><th scope="col">at</th><th scope="col">of its limit</th><th scope="col" class="num">above for</th><th scope="col" class="num">longest</th><th scope="col" class="num">rejected</th></tr></thead><tbody>${body}</tbody></table></div></section>`;
}

export function detailsSection(report: RunReport): Markup {
  const { latency, dns, railgun, totals } = report;
  const card = (title: string, pairs: readonly (readonly [string, string])[]): Markup =>
    html`<div class="card pad"><h3>${title}</h3><dl class="figures-list">${pairs.map(([name, figure]) => html`<dt>${name}</dt><dd>${figure}</dd>`)}</dl></div>`;
  const cards: Markup[] = [];
  if (totals.causes.length > 0) {
    cards.push(
      card(
        'Failures by cause',
        totals.causes.map(({ cause, status, count }) => [
          status === 0 ? `${cause} (no answer)` : `${cause} (${status})`,
          countText(count),
        ]),
      ),
    );
  }
  if (totals.served > 0) {
    cards.push(
      card('Latency of served requests', [
        ['half within', spanText(latency.p50Us)],
        ['90 % within', spanText(latency.p90Us)],
        ['99 % within', spanText(latency.p99Us)],
        ['99.9 % within', spanText(latency.p999Us)],
        ['slowest', spanText(latency.maxUs)],
      ]),
    );
  }
  if (dns !== null) {
    cards.push(
      card('DNS', [
        ['queries answered', countText(dns.queries)],
        ['answered from caches', countText(dns.cacheHits)],
        ['requests on stale answers', countText(dns.staleRequests)],
        ['SOA answers', countText(dns.soaAnswers)],
      ]),
    );
  }
  if (railgun !== null) {
    cards.push(
      card('Railgun link', [
        ['requests over a lane', countText(railgun.viaLane)],
        ...railgun.direct.map(({ reason, count }): [string, string] => [`direct: ${reason}`, countText(count)]),
        ['bytes on the link', bytesText(railgun.wanBytes)],
        ['bytes of pages', bytesText(railgun.pageBytes)],
        ['ratio', percentText(100 * railgun.ratio)],
        ['lanes opened, lost', `${countText(railgun.lanesOpened)}, ${countText(railgun.lanesLost)}`],
      ]),
    );
  }
  cards.push(
    card('Traffic', [
      ...report.traffic.map((source): [string, string] => [
        `${source.name}${source.brokenLines > 0 ? ` (${plural(source.brokenLines, 'broken line')})` : ''}`,
        countText(source.requests),
      ]),
      ['second attempts', countText(totals.retried)],
      ['served by the fallback pool', countText(totals.fallback)],
    ]),
  );
  return html`<section id="details" aria-labelledby="details-h"><h2 id="details-h">Details</h2><div class="grid2">${cards}</div></section>`;
}

export function notesSection(report: RunReport): Markup {
  const note = (kind: string) => (text: string) => html`<li><b>${kind}</b><span>${text}</span></li>`;
  const items = [...report.warnings.map(note('warning')), ...report.assumptions.map(note('assumed'))];
  return html`<section id="repeat" aria-labelledby="repeat-h"><h2 id="repeat-h">How to repeat this run</h2>
<p class="sub">${report.kind === 'replay' ? 'The same version, configuration, scenario and seed give the same report, byte for byte.' : 'A drill runs on real sockets: its figures vary a little from run to run.'}</p>
<div class="card pad"><div class="repeat"><code id="command">${trusted(escapeText(report.repeat))}</code><button type="button" id="copy" class="copy needs-script">Copy</button></div>
<dl class="figures-list"><dt>version</dt><dd>${report.tool.name} ${report.tool.version}</dd><dt>scenario</dt><dd>${report.scenario.file} <code>${report.scenarioHash}</code></dd><dt>configuration</dt><dd><code>${report.configHash}</code></dd><dt>seed</dt><dd>${report.seed}</dd></dl></div>
${when(items.length > 0, () => html`<div class="card pad"><h3>Warnings and assumptions</h3><ul class="notes">${items}</ul></div>`)}</section>`;
}
