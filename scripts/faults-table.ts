/** `node scripts/faults-table.ts [--write]`: the table of faults in docs/scenarios.md, made from the catalogue. A test holds the two together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { FAULTS } from '../src/sim/faults/catalogue.ts';
import type { Parameter } from '../src/sim/faults/fault.ts';

export const DOCUMENT = 'docs/scenarios.md';
const BEGIN = '<!-- faults: made by scripts/faults-table.ts, do not edit -->\n';
const END = '<!-- end of faults -->';

export function faultsTable(): string {
  const rows = [...FAULTS.values()].map(({ name, targets, parameters, summary, live }) => {
    const words = Object.entries(parameters).map(
      ([key, parameter]) => `\`${key}\` ${spell(parameter)}: ${parameter.summary}`,
    );
    const where = targets.map((kind) => (kind === 'store' ? 'memcached' : kind)).join(', ');
    return `| \`${name}\` | ${where} | ${words.join('; ')} | ${summary} | ${live ? 'yes' : 'no'} |`;
  });
  return [
    '',
    '| fault | targets | parameters and defaults | what happens | in a drill |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '',
  ].join('\n');
}

/** The default as it would be written in a scenario. */
function spell({ kind, default: value }: Parameter): string {
  if (kind === 'share') return `${value * 100}%`;
  if (kind === 'bitrate') return `${(value * 8) / 1_000_000}Mbit`;
  if (kind === 'number') return String(value);
  return value % 60_000_000 === 0
    ? `${value / 60_000_000}m`
    : value % 1_000_000 === 0
      ? `${value / 1_000_000}s`
      : `${value / 1_000}ms`;
}

/** The document with the table put in its place. */
export function withTable(document: string): string {
  const from = document.indexOf(BEGIN) + BEGIN.length;
  return document.slice(0, from) + faultsTable() + document.slice(document.indexOf(END));
}

if (process.argv.includes('--write')) writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, 'utf8')));
