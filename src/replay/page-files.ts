/**
 * Where a scenario's pages come from, loaded: kinds of the generator with their measured shares, or folders of versions, for which the
 * shares are measured here, with the real codec over neighbouring versions.
 */
import type { Problem } from '../core/problem.ts';
import type { PageSource } from '../sim/bodies.ts';
import { PAGE_EVERY_US } from '../sim/page-clock.ts';
import { type PageShare, PAGE_SHARES, measureShare } from '../sim/page-shares.ts';
import type { Files } from './load.ts';
import type { PagesSpec, Scenario } from './scenario.ts';

export type LoadedPages = PageSource & { readonly share: PageShare };

/** Most versions of one folder, and bytes of all; a day of five-minute versions. */
const MAX_VERSIONS = 300;
const MAX_FOLDER_BYTES = 128 * 1024 * 1024;

const HTML = 'text/html; charset=utf-8';
const NEWS: LoadedPages = { from: 'news', everyUs: PAGE_EVERY_US, contentType: HTML, share: PAGE_SHARES.news };

export function loadPages(
  scenario: Scenario,
  files: Files,
): { readonly pages: readonly LoadedPages[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const pages = scenario.pages.flatMap((spec): LoadedPages[] => {
    const loaded = loadOne(spec, files);
    if (typeof loaded !== 'string') return [loaded];
    const { line, column } = spec;
    const message = `"${'files' in spec.from ? spec.from.files : spec.from.kind}" ${loaded}`;
    const hint = 'the pattern is looked up beside the scenario, such as "./corpus/news-*"';
    problems.push({ severity: 'error', file: scenario.file, line, column, path: 'traffic', message, hint });
    return [];
  });
  return { pages: pages.length > 0 ? pages : [NEWS], problems };
}

function loadOne({ from, everyUs }: PagesSpec, files: Files): LoadedPages | string {
  if ('kind' in from) {
    const json = from.kind === 'incidents' || from.kind === 'forecast';
    return { from: from.kind, everyUs, contentType: json ? 'application/json' : HTML, share: PAGE_SHARES[from.kind] };
  }
  const found = files.readPages?.(from.files) ?? { reason: 'cannot be read here' };
  if ('reason' in found) return found.reason;
  if (found.length === 0) return 'matches no file';
  if (found.length > MAX_VERSIONS) return `matches more than ${MAX_VERSIONS} files`;
  const versions = found.map(({ bytes }) => bytes);
  if (versions.some(({ length }) => length === 0)) return 'matches an empty file';
  if (versions.reduce((sum, { length }) => sum + length, 0) > MAX_FOLDER_BYTES) return 'matches more than 128 MiB';
  return { from: versions, everyUs, contentType: typeOf(found[0]!.file), share: measureShare(versions) };
}

function typeOf(file: string): string {
  if (/\.json$/i.test(file)) return 'application/json';
  if (/\.(?:js|mjs)$/i.test(file)) return 'text/javascript';
  if (/\.css$/i.test(file)) return 'text/css';
  return /\.(?:txt|md)$/i.test(file) ? 'text/plain; charset=utf-8' : HTML;
}
