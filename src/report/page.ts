/**
 * `report.html`: one file, no requests to anywhere (its own policy forbids them), opens from disk. Order of the page: verdict, checks,
 * story, traffic through time, tables, how to repeat. Style and script are in `page-style.ts` and `page-script.ts`.
 */
import type { RunReport } from '../core/report.ts';
import { verdictOf } from './facts.ts';
import { type Markup, html, trusted } from './markup.ts';
import { failuresSection, fidelitySection } from './page-fidelity.ts';
import { SCRIPT } from './page-script.ts';
import {
  budgetSection,
  capacitySection,
  checksSection,
  detailsSection,
  hero,
  notesSection,
  placementSection,
  sessionsSection,
  storySection,
} from './page-sections.ts';
import { STYLE } from './page-style.ts';
import { timeSection } from './page-time.ts';
import { stepsOf } from './steps.ts';

/** Everything is in the file: a report may be opened from a mail, behind any wall. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** Three rails and a switch between them. */
const LOGO = `<svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"><path d="M2 5h16M2 15h16M5 15C9 15 11 5 15 5"/></svg>`;

export async function renderHtml(report: RunReport): Promise<string> {
  const steps = stepsOf(report);
  const time = await timeSection(report, steps);
  const sections: readonly (readonly [id: string, name: string, body: Markup])[] = [
    ['checks', 'Checks', checksSection(report)],
    ['fidelity', 'Fidelity', fidelitySection(report)],
    ['story', 'Story', storySection(report, steps)],
    ['time', 'Through time', time],
    ['placement', 'Who went where', placementSection(report, steps)],
    ['budget', 'Downtime', budgetSection(report)],
    ['sessions', 'Sessions', sessionsSection(report)],
    ['capacity', 'Capacity', capacitySection(report)],
    ['failed', 'Failed', failuresSection(report)],
    ['details', 'Details', detailsSection(report)],
    ['repeat', 'Repeat', notesSection(report)],
  ];
  const present = sections.filter(([, , body]) => body.text !== '');
  const title = `${report.scenario.name} · ${verdictOf(report).word}`;
  return html`<!doctype html>
<html lang="en" class="no-script">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}">
<meta name="generator" content="${report.tool.name} ${report.tool.version}">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<div class="page">
<header class="bar"><span class="brand">${trusted(LOGO)}Switchyard</span><nav aria-label="Sections">${present.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav><span class="tools needs-script"><button type="button" id="print">Print</button> <button type="button" id="theme" aria-pressed="false">Dark</button></span></header>
<main id="main">
${hero(report)}
${present.map(([, , body]) => body)}
</main>
<footer>Made by ${report.tool.name} ${report.tool.version} from ${report.scenario.file}. All times are UTC.</footer>
</div>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`.text;
}
