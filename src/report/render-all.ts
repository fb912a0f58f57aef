/**
 * All files of a report, by name: what goes into `--out`. Pure: the caller writes them. `events.ndjson` is not here, since it is written
 * while the run goes on. The makers are loaded when asked for, so that a run without files does not pay for charts.
 */
import type { RunReport } from '../core/report.ts';

export type ReportFile = 'report.html' | 'report.json' | 'junit.xml' | 'summary.md';

export async function renderAll(report: RunReport): Promise<Map<ReportFile, string>> {
  const [page, json, junit, markdown] = await Promise.all([
    import('./page.ts'),
    import('./json.ts'),
    import('./junit.ts'),
    import('./markdown.ts'),
  ]);
  return new Map<ReportFile, string>([
    ['report.json', json.renderJson(report)],
    ['junit.xml', junit.renderJunit(report)],
    ['summary.md', markdown.renderMarkdown(report)],
    ['report.html', await page.renderHtml(report)],
  ]);
}
