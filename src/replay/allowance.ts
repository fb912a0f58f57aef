/** How far a measured figure may be from the predicted one, as a scenario writes it: `10%`, `2s`, `10% or 3`, `any`. */
import { parseDuration, parseSize } from '../core/quantities.ts';

export interface Allowance {
  /** Of the predicted value; of a share: points. `undefined` = not said. */
  readonly percent: number | undefined;
  /** In the unit of the figure: µs, requests, sessions, bytes. */
  readonly absolute: number | undefined;
  /** One interval of the slowest probe, beside the others. */
  readonly interval: boolean;
  /** Shown, not judged. */
  readonly any: boolean;
}

const TIMES: ReadonlySet<string> = new Set(['detect', 'decide', 'recover', 'back', 'p50', 'p99', 'p999']);

export function readAllowance(figure: string, text: string): Allowance | { readonly hint: string } {
  if (text.trim() === 'any') return { percent: undefined, absolute: undefined, interval: false, any: true };
  let percent: number | undefined;
  let absolute: number | undefined;
  let interval = false;
  for (const part of text.split(/\s+or\s+/)) {
    const word = part.trim();
    const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(word);
    if (share !== null) percent = Number(share[1]);
    else if (TIMES.has(figure) && word === 'one interval') interval = true;
    else {
      const value = absoluteOf(figure, word);
      if (value === undefined) return { hint: hintFor(figure) };
      absolute = value;
    }
  }
  return { percent, absolute, interval, any: false };
}

function absoluteOf(figure: string, word: string): number | undefined {
  if (figure === 'share') return undefined;
  if (TIMES.has(figure)) return parseDuration(word);
  if (figure === 'wan_bytes') return parseSize(word);
  return /^\d+$/.test(word) ? Number(word) : undefined;
}

function hintFor(figure: string): string {
  if (figure === 'share') return 'write points such as "2%", or "any"';
  if (TIMES.has(figure)) return 'write "10%", "2s", "10% or one interval", or "any"';
  return figure === 'wan_bytes' ? 'write "5%", "100KB", or "any"' : 'write "10%", "3", "10% or 3", or "any"';
}
