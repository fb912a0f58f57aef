/**
 * One reader for YAML and JSON files: text in, plain values out, and the place of every value kept, so that any later check can
 * say `file:line:col`. It knows nothing of load balancers or scenarios.
 *
 * Attacks met here: alias bombs (`MAX_ALIASES`), values that hold themselves, `__proto__` keys and deep nesting (plain-value.ts),
 * brackets without end (text-bounds.ts), duplicate keys (refused), files that are far too large (`MAX_FILE_BYTES`, to be checked by whoever reads the disk, too).
 */
import type { Document as YamlDocument, Node } from 'yaml';
import { isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Checked, Problem } from '../core/problem.ts';
import { findUnsafe, MAX_DEPTH } from './plain-value.ts';
import { findExcess } from './text-bounds.ts';

export type Path = readonly (string | number)[];

/** A configuration of 1,000 pools is about 1 MB; ten times that is surely a mistake. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Aliases may repeat a pool list a few hundred times; a bomb needs thousands. */
const MAX_ALIASES = 1_000;
/** A broken file breaks on every line after the first; more than this helps nobody. */
const MAX_SYNTAX_PROBLEMS = 20;

export class SourceDocument {
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
  readonly #yaml: YamlDocument;
  readonly #lines: LineCounter;

  constructor(file: string, text: string, yaml: YamlDocument, lines: LineCounter) {
    this.file = file;
    this.text = text;
    this.#yaml = yaml;
    this.#lines = lines;
    this.value = yaml.toJS({ maxAliasCount: MAX_ALIASES });
  }

  /**
   * Line and column (from 1) of the value at `path`, of its key, or of a place `at` characters into a text value; of the nearest
   * parent that exists when there is no such value.
   */
  locate(path: Path, at: 'value' | 'key' | number = 'value'): { line: number; column: number } {
    for (let length = path.length; length >= 0; length -= 1) {
      const offset = this.#offset(path.slice(0, length), length === path.length ? at : 'value');
      if (offset === undefined) continue;
      const { line, col } = this.#lines.linePos(offset);
      return { line: Math.max(1, line), column: Math.max(1, col) };
    }
    return { line: 1, column: 1 };
  }

  /** The same document with one value put in or replaced (`--set`). Places stay those of the file. */
  override(path: Path, value: unknown): SourceDocument {
    const yaml = this.#yaml.clone();
    yaml.setIn(path, yaml.createNode(value));
    return new SourceDocument(this.file, this.text, yaml, this.#lines);
  }

  problem(
    path: Path,
    message: string,
    hint = '',
    at: 'value' | 'key' | number = 'value',
    severity: Problem['severity'] = 'error',
  ): Problem {
    return { severity, file: this.file, ...this.locate(path, at), path: printPath(path), message, hint };
  }

  #offset(path: Path, at: 'value' | 'key' | number): number | undefined {
    if (at === 'key' && path.length > 0) {
      const parent = this.#yaml.getIn(path.slice(0, -1), true) as { items?: unknown } | undefined;
      const last = String(path.at(-1));
      for (const item of Array.isArray(parent?.items) ? parent.items : []) {
        const key = (item as { key?: unknown }).key as { value?: unknown; range?: number[] } | undefined;
        if (key?.range !== undefined && String(key.value) === last) return key.range[0];
      }
    }
    const node = path.length === 0 ? this.#yaml.contents : (this.#yaml.getIn(path, true) as Node | undefined);
    const start = node?.range?.[0];
    if (typeof at !== 'number' || start === undefined) return start;
    const value = (node as { value?: unknown }).value;
    const end = node?.range?.[1] ?? start;
    return typeof value === 'string' ? offsetInside(this.text, start, end, value, at) : start;
  }
}

/**
 * Where in the source the character `at` of a text value stands, whatever its style (plain, quoted, folded, literal): walk both,
 * skipping white space, quotes and escapes that only the source has. Falls back to the start where escapes hide the character.
 */
function offsetInside(source: string, start: number, end: number, value: string, at: number): number {
  let from = start;
  const style = source[start];
  // A block scalar's header line is not text.
  if (style === '|' || style === '>') from = source.indexOf('\n', start) + 1 || start;
  else if (style === '"' || style === "'") from += 1;
  for (let index = 0; index < value.length; index += 1) {
    const wanted = value[index] as string;
    if (!/\s/.test(wanted)) {
      while (from < end && source[from] !== wanted) from += 1;
      if (from >= end) return start;
    }
    if (index >= at) return from;
    if (!/\s/.test(wanted)) from += 1;
    else if (source[from] === wanted) from += 1;
  }
  return Math.min(from, end);
}

/** Reads YAML or JSON (which is YAML). All syntax errors at once; never throws. */
export function readDocument(text: string, file: string): Checked<SourceDocument> {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const add = (offset: number, message: string, hint = ''): void => {
    if (problems.length >= MAX_SYNTAX_PROBLEMS) return;
    const { line, col } = lines.linePos(offset);
    problems.push({
      severity: 'error',
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: '',
      message,
      hint,
    });
  };
  if (text.length > MAX_FILE_BYTES) {
    add(
      0,
      `the file is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`,
      'a configuration is rarely larger than 1 MiB',
    );
    return { ok: false, problems };
  }
  const excess = findExcess(text);
  if (excess !== undefined) {
    const line = text.slice(0, excess.at).split('\n').length;
    const column = excess.at - text.lastIndexOf('\n', excess.at - 1);
    return {
      ok: false,
      problems: [{ severity: 'error', file, line, column, path: '', message: excess.message, hint: excess.hint }],
    };
  }
  let document: SourceDocument;
  try {
    const yaml = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      version: '1.2',
      logLevel: 'error',
    });
    for (const error of yaml.errors) {
      const first = error.message.split('\n')[0] ?? error.code;
      if (error.code === 'MULTIPLE_DOCS')
        add(error.pos[0], 'the file holds more than one document', 'remove what follows "---"');
      // The parser catches its own overflow.
      else if (/call stack/.test(first)) add(0, `nested more than ${MAX_DEPTH} levels deep`);
      else add(error.pos[0], first.charAt(0).toLowerCase() + first.slice(1));
    }
    if (problems.length === 0) {
      for (const offset of duplicateKeys(yaml)) add(offset, 'this key is here twice', 'remove one of the two');
    }
    for (const warning of yaml.warnings)
      add(warning.pos[0], warning.message.split('\n')[0] ?? warning.code, 'remove the tag');
    if (problems.length > 0) return { ok: false, problems };
    document = new SourceDocument(file, text, yaml, lines);
  } catch (error) {
    // Two throws are left in the reader: too many aliases, and a stack that nesting has used up.
    if (error instanceof RangeError) add(0, `nested more than ${MAX_DEPTH} levels deep`);
    else
      add(
        0,
        error instanceof Error ? error.message : String(error),
        'write the repeated part out, or use fewer aliases',
      );
    return { ok: false, problems };
  }
  const unsafe = findUnsafe(document.value);
  if (unsafe !== undefined) {
    return { ok: false, problems: [document.problem(unsafe.path, unsafe.message, unsafe.hint, unsafe.at)] };
  }
  return { ok: true, value: document, warnings: [] };
}

/** Where keys stand a second time in their map. The library's own check takes minutes on a map of 100,000 keys. */
function duplicateKeys(yaml: YamlDocument): number[] {
  const offsets: number[] = [];
  visit(yaml, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : key;
        if (seen.has(name)) offsets.push((isNode(key) ? key.range?.[0] : undefined) ?? map.range?.[0] ?? 0);
        seen.add(name);
      }
    },
  });
  return offsets;
}

/** `load_balancers[0].region_pools.WNAM` */
export function printPath(path: Path): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}
