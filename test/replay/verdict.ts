/**
 * The verdict of a scenario as it is kept in `scenarios/expected/NAME.json`: what people would compare, and two hashes for everything else.
 * `npm run scenarios:accept` writes these files, `scenarios.test.ts` compares them.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { renderJson } from '../../src/report/json.ts';
import { type Played, playFile } from './play.ts';

export const LIBRARY = 'scenarios';

export function libraryNames(): string[] {
  return readdirSync(LIBRARY)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort();
}

export function expectedFile(name: string): string {
  return `${LIBRARY}/expected/${name}.json`;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function verdictOf({ report, trace }: Played) {
  const { requests, served, failed, fallback, retried, causes } = report.totals;
  const { sessions, moved, lost } = report.sessions;
  return {
    name: report.scenario.name,
    totals: { requests, served, failed, fallback, retried },
    causes: Object.fromEntries(causes.map(({ cause, count }) => [cause, count])),
    sessions: { seen: sessions, moved, lost },
    checks: report.checks.map(({ check, pass, value, unit }) => ({ check, pass, value, unit })),
    events_sha256: sha256(trace),
    // The version and the command line are not part of what happened.
    report_sha256: sha256(renderJson({ ...report, repeat: '', tool: { name: 'switchyard', version: '' } })),
  };
}

export async function playVerdict(name: string): Promise<ReturnType<typeof verdictOf>> {
  return verdictOf(await playFile(`${LIBRARY}/${name}.yaml`));
}
