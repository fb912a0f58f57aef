/**
 * `node scripts/fidelity-table.ts [--write]`: how far the flow model is from the wire, as the table in docs/railgun.md. Plays every story of
 * test/replay/fidelity-stories.ts twice; test/replay/fidelity.test.ts holds table and figures together.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Both, playBoth } from '../test/replay/fidelities.ts';
import { FIDELITY_SEED, FIDELITY_STORIES } from '../test/replay/fidelity-stories.ts';

export const DOCUMENT = 'docs/railgun.md';
/** What the test allows, as shares of the wire's figure. */
export const TOLERANCE = { bytes: 0.05, time: 0.05, chance: 0.1 } as const;
const BEGIN = '<!-- fidelity: made by scripts/fidelity-table.ts, do not edit -->\n';
const END = '<!-- end of fidelity -->';

export function tableOf(played: readonly { readonly name: string; readonly both: Both }[]): string {
  const rows = played.map(({ name, both }) => {
    const { wanFlow, wanWire, timeFlow, timeWire } = both.figures;
    const lost = both.wire.report.totals.causes.find(({ cause }) => cause === 'lane_lost')?.count ?? 0;
    const direct = both.wire.report.railgun?.direct.reduce((sum, { count }) => sum + count, 0) ?? 0;
    const ms = (us: number): string => (us / 1_000).toFixed(1);
    const percent = (share: number): string => `${share < 0 ? '' : '+'}${(share * 100).toFixed(1)} %`;
    return (
      `| ${name} | ${both.wire.requests.length} | ${direct} | ${lost} | ${both.differ.length} | ` +
      `${wanFlow.toLocaleString('en')} / ${wanWire.toLocaleString('en')} (${percent(wanFlow / wanWire - 1)}) | ${ms(timeFlow)} / ${ms(timeWire)} |`
    );
  });
  return [
    '',
    '| story | requests | direct | 527 | decided otherwise | WAN bytes, flow / wire | mean ms over the link, flow / wire |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '',
  ].join('\n');
}

/** The table as it stands in the document. */
export function tableIn(text: string): string {
  return text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END));
}

if (import.meta.main) {
  const played: { name: string; both: Both }[] = [];
  for (const { name, text } of FIDELITY_STORIES) played.push({ name, both: await playBoth(text, FIDELITY_SEED) });
  const table = tableOf(played);
  const text = readFileSync(DOCUMENT, 'utf8');
  const whole = text.slice(0, text.indexOf(BEGIN) + BEGIN.length) + table + text.slice(text.indexOf(END));
  if (process.argv.includes('--write')) writeFileSync(DOCUMENT, whole);
  else console.log(table);
}
