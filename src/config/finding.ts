/**
 * What is wrong with a value, before anyone knows which file it came from: a path, a message, a hint. `SourceDocument` turns a
 * finding into a `Problem` by adding line and column; the API turns it into its own error by adding `: validation failed`.
 *
 * Messages are worded as the public API words them where its wording is known (spec 10), so both readers can share them.
 */
import type { Problem } from '../core/problem.ts';
import type { Path } from './document.ts';
import { printPath } from './document.ts';

export type FindingKind =
  | 'wrong_type'
  | 'unknown_key'
  | 'missing'
  | 'out_of_range'
  | 'unknown_word' //      an enum value, a region code, a read-only list of names
  | 'bad_format' //        a host name, an address, a code list
  | 'bad_expression'
  | 'not_unique'
  | 'unknown_reference'
  | 'conflict' //          two fields that may not stand together
  | 'cycle'
  | 'unsafe' //            nested too deep, a `__proto__` key, a value that holds itself
  | 'advice'; //           only ever a warning

export interface Finding {
  readonly severity: Problem['severity'];
  readonly kind: FindingKind;
  readonly path: Path;
  /** Where to point: at the value, at its key, or this many characters into a text value. */
  readonly at: 'value' | 'key' | number;
  readonly message: string;
  readonly hint: string;
}

/** Kinds that stay errors under the lenient profile: without a shape there is nothing to be lenient about (spec 7.4). */
const ALWAYS_ERRORS: ReadonlySet<FindingKind> = new Set(['wrong_type', 'unknown_key', 'unsafe', 'cycle']);

/**
 * Collects findings. After a field's shape was found wrong, `mute` keeps later checks, which then see a stand-in value,
 * from complaining about the same field again.
 */
export class Findings {
  readonly #lenient: boolean;
  readonly #list: Finding[] = [];
  readonly #muted = new Set<string>();

  constructor(profile: 'strict' | 'lenient' = 'strict') {
    this.#lenient = profile === 'lenient';
  }

  error(kind: FindingKind, path: Path, message: string, hint = '', at: Finding['at'] = 'value'): void {
    const severity = this.#lenient && !ALWAYS_ERRORS.has(kind) ? 'warning' : 'error';
    this.#add({ severity, kind, path, at, message, hint });
  }

  warn(path: Path, message: string, hint = '', at: Finding['at'] = 'value'): void {
    this.#add({ severity: 'warning', kind: 'advice', path, at, message, hint });
  }

  mute(path: Path): void {
    this.#muted.add(printPath(path));
  }

  isMuted(path: Path): boolean {
    if (this.#muted.size === 0) return false;
    for (let length = path.length; length >= 0; length -= 1) {
      if (this.#muted.has(printPath(path.slice(0, length)))) return true;
    }
    return false;
  }

  /** Has anything at or below this path been muted? */
  isTouched(path: Path): boolean {
    const text = printPath(path);
    for (const muted of this.#muted)
      if (muted.startsWith(text) && /^($|[.[])/.test(muted.slice(text.length))) return true;
    return false;
  }

  #add(finding: Finding): void {
    if (!this.isMuted(finding.path)) this.#list.push(finding);
  }

  get list(): readonly Finding[] {
    return this.#list;
  }

  /** How many errors so far: compare before and after to learn whether one object was sound. */
  get errors(): number {
    let count = 0;
    for (const finding of this.#list) if (finding.severity === 'error') count += 1;
    return count;
  }
}

/** The public API's wording of a finding: `interval is not in range [10, 3600]: validation failed`, code 1002 (LB-001), or 1003. */
export function apiError(finding: Finding): { code: 1002 | 1003; message: string } {
  if (finding.kind === 'not_unique') return { code: 1003, message: finding.message };
  return { code: 1002, message: `${finding.message}: validation failed` };
}

/** A value as it may be shown in a message: short, quoted when text, never a whole pasted file. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 60 ? `${value.slice(0, 57)}...` : value}"`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (value === undefined) return 'nothing';
  return typeof value === 'object' ? (Array.isArray(value) ? 'a list' : 'an object') : typeof value;
}
