/**
 * The two sections that only a drill's page has: prediction beside measurement, and the stories of its failed requests. Each cause in the
 * first links to its first story in the second.
 */
import { countText, momentText, plural } from '../core/figures.ts';
import type { FailedRequest, FidelityRow, RunReport } from '../core/report.ts';
import { drillSentences, failureSteps, fidelityCells, fidelitySentence } from './fidelity-facts.ts';
import { type Markup, html, when } from './markup.ts';

/** Stories on the page; report.json may have more, events.ndjson has all. */
const MAX_STORIES = 200;

export function fidelitySection(report: RunReport): Markup {
  const { fidelity, failures = [] } = report;
  const about = drillSentences(report).map((sentence) => html`<li>${sentence}</li>`);
  if (about.length === 0) return html``;
  const table = when(fidelity !== undefined, () => {
    const rows = fidelity!.rows.map((row) => fidelityRow(row, failures));
    return html`<p class="sub">${fidelitySentence(fidelity!)}</p>
<div class="card scroll" tabindex="0" role="region" aria-label="Table of predicted and measured figures"><table class="compared"><thead><tr><th scope="col">figure</th><th scope="col" class="num">predicted</th><th scope="col" class="num">measured</th><th scope="col" class="num">difference</th><th scope="col">allowed</th><th scope="col">verdict</th></tr></thead><tbody>${rows}</tbody></table></div>
<div class="card pad"><h3>What the model does not know</h3><ul class="sentences">${fidelity!.unknown.map((text) => html`<li>${text}</li>`)}</ul></div>`;
  });
  return html`<section id="fidelity" aria-labelledby="fidelity-h"><h2 id="fidelity-h">Prediction and measurement</h2>
${table}<div class="card pad"><h3>How the drill itself went</h3><ul class="sentences">${about}</ul></div></section>`;
}

function fidelityRow(row: FidelityRow, failures: readonly FailedRequest[]): Markup {
  const cells = fidelityCells(row);
  const first = row.figure === 'failed_requests' ? failures.find(({ cause }) => cause === row.subject) : undefined;
  const of = cells.subject === '' && row.figure === 'failed_requests' ? 'in all' : cells.subject;
  const subject = when(
    of !== '',
    () => html` <span class="of">${first === undefined ? of : html`<a href="#failed-${first.n}">${of}</a>`}</span>`,
  );
  const verdict =
    cells.verdict === ''
      ? html`<span class="quiet">–</span>`
      : html`<span class="${cells.verdict === 'ok' ? '' : 'bad-text'}">${cells.verdict}</span>`;
  return html`<tr><th scope="row">${cells.figure}${subject}</th><td class="num">${cells.predicted}</td><td class="num${cells.verdict === 'outside' ? ' bad-text' : ''}">${cells.measured}</td><td class="num">${cells.difference}</td><td>${cells.allowed}</td><td>${verdict}</td></tr>`;
}

export function failuresSection(report: RunReport): Markup {
  const failures = (report.failures ?? []).slice(0, MAX_STORIES);
  if (failures.length === 0) return html``;
  const left = report.totals.failed - failures.length;
  const more =
    left > 0
      ? ` The first ${countText(failures.length)} are here, all ${countText(report.totals.failed)} in events.ndjson.`
      : '';
  return html`<section id="failed" aria-labelledby="failed-h"><h2 id="failed-h">Failed requests</h2>
<p class="sub">${plural(failures.length, 'story', 'stories')}: what was decided, what was tried, when, and what came of it.${more}</p>
<div class="card pad">${failures.map((request) => story(request, report))}</div></section>`;
}

function story(request: FailedRequest, report: RunReport): Markup {
  const status = request.status === 0 ? 'no answer' : String(request.status);
  const steps = failureSteps(request).map(([at, what]) => html`<dt class="mono">${at}</dt><dd>${what}</dd>`);
  const facts: (readonly [string, string])[] = [
    ['request', `${request.host}${request.target}`],
    ['way', request.path],
    ...(request.ray === '' ? [] : [['ray', request.ray] as const]),
    ...(request.railgun === '' ? [] : [['Cf-Railgun', request.railgun] as const]),
  ];
  return html`<details class="failed"><summary>${momentText(request.atUs, report)} · ${request.cause} (${status}) · ${request.pop}${when(request.origin !== '', () => html` → ${request.pool}/${request.origin}`)}</summary><dl class="told" id="failed-${request.n}">${steps}${facts.map(([name, value]) => html`<dt>${name}</dt><dd class="mono">${value}</dd>`)}</dl></details>`;
}
