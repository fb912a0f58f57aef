/**
 * Shapes of objects, as zod schemas with the words that people read beside them: one place from which come the checks, the JSON
 * Schema for editors (json-schema.ts) and the tables of docs/configuration.md (field-tables.ts).
 *
 * A shape knows types, ranges and closed lists of words. What one field means for another is checked by hand, in the file of
 * the object. `null` counts as not given wherever it has no meaning of its own: exports are full of nulls.
 */
import * as z from 'zod';
import type { Path } from './document.ts';
import type { FindingKind, Findings } from './finding.ts';
import { shown } from './finding.ts';
import { isRecord } from './plain-value.ts';
import { didYouMean } from '../core/suggest.ts';

/** What this program does with a field: acts on it, keeps it and gives it back, or takes it from exports and forgets it. */
export type Use = 'modelled' | 'stored' | 'read_only';

interface FieldNotes {
  readonly description: string;
  readonly use: Use;
  /** Shown in the schema and the tables; absent = nothing is assumed. */
  readonly fallback?: unknown;
  /** Range or words in addition to what the schema itself can say. */
  readonly valid?: string;
  /** A value that passes, to go on checking with when the real one did not. */
  readonly standIn?: unknown;
}

const notes = new WeakMap<object, FieldNotes>();

export function notesOf(schema: object): FieldNotes | undefined {
  return notes.get(schema);
}

function noted<S extends z.ZodType>(schema: S, note: FieldNotes): S {
  notes.set(schema, note);
  return schema;
}

/** A field that must be there. `standIn` is needed where neither nothing nor an empty value would pass. */
export function required<S extends z.ZodType>(schema: S, description: string, valid = '', standIn?: unknown): S {
  return noted(schema.clone() as S, { description, use: 'modelled', valid, standIn });
}

/** A field that may be left out or null, with the value it then has. */
export function optional<S extends z.ZodType>(
  schema: S,
  fallback: z.output<S>,
  description: string,
  valid = '',
): z.ZodPipe<z.ZodOptional<z.ZodNullable<S>>, z.ZodTransform<z.output<S>, z.output<S> | null | undefined>> {
  const field = schema.nullish().transform((value): z.output<S> => value ?? fallback);
  return noted(field as never, { description, use: 'modelled', fallback, valid });
}

/** A field that may be left out or null, where leaving it out is a meaning of its own. */
export function maybe<S extends z.ZodType>(
  schema: S,
  description: string,
  valid = '',
  use: Use = 'modelled',
): z.ZodPipe<z.ZodOptional<z.ZodNullable<S>>, z.ZodTransform<z.output<S> | undefined, z.output<S> | null | undefined>> {
  const field = schema.nullish().transform((value): z.output<S> | undefined => value ?? undefined);
  return noted(field as never, { description, use, valid });
}

/** A field that changes nothing here: checked, kept in what was written, given back by the API. */
export function stored<S extends z.ZodType>(schema: S, description: string): ReturnType<typeof maybe<S>> {
  return maybe(schema, description, '', 'stored');
}

/** Fields that only the service writes: taken from pasted exports, and forgotten (LB-026). */
export function readOnly<const Names extends readonly string[]>(
  ...names: Names
): Record<Names[number], z.ZodOptional<z.ZodUnknown>> {
  const fields: Record<string, z.ZodOptional<z.ZodUnknown>> = {};
  for (const name of names) {
    fields[name] = noted(z.unknown().optional(), {
      description: 'Read-only: taken from exports and ignored.',
      use: 'read_only',
    });
  }
  return fields as Record<Names[number], z.ZodOptional<z.ZodUnknown>>;
}

/** Adds a check that a schema cannot express. `test` returns what is wrong, or nothing. */
export function checked<S extends z.ZodType>(
  schema: S,
  test: (value: z.output<S>) => { kind: FindingKind; message: string; hint?: string } | undefined,
): S {
  return schema.superRefine((value, context) => {
    const wrong = test(value);
    if (wrong !== undefined) {
      context.addIssue({
        code: 'custom',
        message: wrong.message,
        params: { kind: wrong.kind, hint: wrong.hint ?? '' },
      });
    }
  }) as S;
}

/** Each round of repair can bring new objects to light one level further down. */
const MAX_REPAIRS = 12;

/**
 * Checks `value` against `schema` and reports every fault of its shape. Returns the value in the schema's output form all the
 * same, faulty fields replaced by stand-ins (left out, or empty), so that the checks after this one can look at the rest; the
 * faulty paths are muted. `undefined` only when even that fails.
 */
export function checkShape<S extends z.ZodType>(
  schema: S,
  value: unknown,
  path: Path,
  findings: Findings,
): z.output<S> | undefined {
  let candidate = value;
  for (let round = 0; round < MAX_REPAIRS; round += 1) {
    const result = schema.safeParse(candidate, { reportInput: true });
    if (result.success) return result.data;
    const faulty: Path[] = [];
    for (const issue of result.error.issues) faulty.push(...report(issue, schema, candidate, path, findings));
    for (const one of faulty) findings.mute([...path, ...one]);
    candidate = structuredClonePlain(candidate);
    for (const one of faulty) candidate = repair(schema, candidate, one);
  }
  return undefined;
}

type Issue = z.core.$ZodIssue;

/** Adds findings for one zod issue; returns the paths, within the object, of the values at fault. */
function report(issue: Issue, schema: z.ZodType, root: unknown, base: Path, findings: Findings): Path[] {
  const inside = issue.path.filter((part) => typeof part !== 'symbol') as (string | number)[];
  const path = [...base, ...inside];
  const name = fieldName(path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schemaAt(schema, inside));
    for (const key of issue.keys) {
      const hint =
        didYouMean(key, known) || (key === '<<' ? 'merge keys are not read: write the fields out' : listHint(known));
      findings.error('unknown_key', [...path, key], `unknown key ${shown(key)}`, hint, 'key');
    }
    return issue.keys.map((key) => [...inside, key]);
  }
  const input = valueAt(root, inside);
  switch (issue.code) {
    case 'invalid_type': {
      const core = unwrap(schemaAt(schema, inside));
      const expected = core instanceof z.ZodNumber && core.isInt ? 'int' : issue.expected;
      if (input === undefined || (input === null && expected !== 'null')) {
        const given = input === null ? `${name} is empty` : `${name} is required`;
        findings.error('missing', path, given, `it must be ${expectation(expected)}`);
      } else {
        findings.error(
          'wrong_type',
          path,
          `${name} must be ${expectation(expected)}, not ${shown(input)}`,
          typeHint(expected, input),
        );
      }
      break;
    }
    case 'invalid_value': {
      const words = issue.values.map(String);
      if (input === undefined) {
        findings.error(
          'missing',
          path,
          `${name} is required`,
          `write ${issue.values.map((word) => shown(word)).join(' or ')}`,
        );
      } else if (words.length === 1 && typeof issue.values[0] !== 'string') {
        findings.error('unknown_word', path, `${name} must be ${words[0]}, not ${shown(input)}`);
      } else {
        const hint = typeof input === 'string' ? didYouMean(input, words) : '';
        findings.error(
          'unknown_word',
          path,
          `${name} ${shown(input)} is not one of ${words.map((word) => shown(word)).join(', ')}`,
          hint,
        );
      }
      break;
    }
    case 'too_big':
    case 'too_small':
      findings.error(
        'out_of_range',
        path,
        rangeMessage(name, issue, schemaAt(schema, inside)),
        `it is ${measured(input)}`,
      );
      break;
    case 'custom': {
      const params = (issue.params ?? {}) as { kind?: FindingKind; hint?: string };
      findings.error(params.kind ?? 'bad_format', path, issue.message, params.hint ?? '');
      break;
    }
    case 'invalid_union':
      findings.error(
        'wrong_type',
        path,
        `${name} cannot be ${shown(input)}`,
        notesOf(schemaAt(schema, inside) ?? schema)?.valid ?? '',
      );
      break;
    default:
      findings.error('bad_format', path, `${name}: ${issue.message}`);
  }
  return [inside];
}

function rangeMessage(name: string, issue: Issue, schema: z.ZodType | undefined): string {
  const core = unwrap(schema);
  if (core instanceof z.ZodNumber) {
    const [from, to] = [core.minValue, core.maxValue];
    const hasFrom = from !== null && from > Number.MIN_SAFE_INTEGER;
    const hasTo = to !== null && to < Number.MAX_SAFE_INTEGER;
    if (hasFrom && hasTo) return `${name} is not in range [${from}, ${to}]`;
    return hasFrom ? `${name} must be at least ${from}` : `${name} must be at most ${to}`;
  }
  const limit = issue.code === 'too_big' ? issue.maximum : issue.code === 'too_small' ? issue.minimum : 0;
  const unit = core instanceof z.ZodString ? 'characters' : 'entries';
  return `${name} must have at ${issue.code === 'too_big' ? 'most' : 'least'} ${limit} ${Number(limit) === 1 ? unit.replace(/ies$/, 'y').replace(/s$/, '') : unit}`;
}

function measured(input: unknown): string {
  if (typeof input === 'string') return `${input.length} long`;
  if (Array.isArray(input)) return input.length === 0 ? 'empty' : `${input.length} long`;
  return shown(input);
}

function expectation(expected: string): string {
  const words: Record<string, string> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
    record: 'a map',
  };
  return words[expected] ?? expected;
}

function typeHint(expected: string, input: unknown): string {
  if (
    (expected === 'number' || expected === 'int') &&
    typeof input === 'string' &&
    /^-?\d{1,15}(\.\d+)?$/.test(input)
  ) {
    return `write ${input} without quotes`;
  }
  if (expected === 'int' && typeof input === 'number') return `${Math.round(input)} would be one`;
  if (expected === 'boolean' && typeof input === 'string') {
    if (/^(yes|on|true)$/i.test(input)) return 'write true';
    if (/^(no|off|false)$/i.test(input)) return 'write false';
  }
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) return 'write it in quotes';
  if (expected === 'array' && typeof input === 'string') return `write [${input.slice(0, 40)}]`;
  return '';
}

/** `weight`, or `default_pools[2]` for an entry of a list. */
export function fieldName(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the file';
  if (typeof last === 'string') return last;
  const before = path.at(-2);
  return before === undefined ? `[${last}]` : `${before}[${last}]`;
}

function listHint(known: readonly string[]): string {
  return known.length > 0 && known.length <= 8 ? `known here: ${known.join(', ')}` : '';
}

/** The schema behind optional, nullable, default and pipe. */
export function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  let inner: unknown = schema;
  for (;;) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable) inner = inner.unwrap();
    else if (inner instanceof z.ZodPipe) inner = inner.in;
    else return inner as z.ZodType | undefined;
  }
}

function knownKeys(schema: z.ZodType | undefined): readonly string[] {
  const core = unwrap(schema);
  if (!(core instanceof z.ZodObject)) return [];
  return Object.entries(core.shape).flatMap(([key, field]) =>
    notesOf(field as z.ZodType)?.use === 'read_only' ? [] : [key],
  );
}

/** The schema of the field at `path`; `undefined` where the path leads out of the shape. */
export function schemaAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  let here: z.ZodType | undefined = schema;
  for (const part of path) {
    const core = unwrap(here);
    if (core instanceof z.ZodObject)
      here = Object.hasOwn(core.shape, part) ? (core.shape[part] as z.ZodType) : undefined;
    else if (core instanceof z.ZodArray) here = core.element as z.ZodType;
    else if (core instanceof z.ZodRecord) here = core.valueType as z.ZodType;
    else return undefined;
  }
  return here;
}

function valueAt(root: unknown, path: Path): unknown {
  let here = root;
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}

/** Replaces the value at `path` by a stand-in that its schema takes, or removes it where nothing is needed. `root` is ours to change. */
function repair(schema: z.ZodType, root: unknown, path: Path): unknown {
  if (path.length === 0) return standIn(schema);
  const parent = valueAt(root, path.slice(0, -1));
  const last = path.at(-1) as string | number;
  const field = schemaAt(schema, path);
  if (Array.isArray(parent)) parent[Number(last)] = standIn(field);
  else if (isRecord(parent)) {
    const record = parent as Record<string, unknown>;
    const value = standIn(field);
    if (value === undefined) delete record[last];
    else record[last] = value;
  }
  return root;
}

/** The first value that the schema takes: nothing, where nothing is needed; else what was noted, or the emptiest of its kind. */
function standIn(schema: z.ZodType | undefined): unknown {
  if (schema === undefined) return undefined;
  const core = unwrap(schema);
  const least = core instanceof z.ZodNumber && core.minValue !== null && core.minValue > 0 ? core.minValue : 0;
  const candidates: unknown[] = [undefined, notesOf(schema)?.standIn, '', 'x', least, false, []];
  if (core instanceof z.ZodArray) candidates.push([standIn(core.element as z.ZodType)]);
  if (core instanceof z.ZodEnum) candidates.push(core.options[0]);
  if (core instanceof z.ZodLiteral) candidates.push(core.value);
  for (const candidate of candidates) if (schema.safeParse(candidate).success) return candidate;
  // Its own fields are repaired in the next round.
  return {};
}

function structuredClonePlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredClonePlain);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, structuredClonePlain(child)]));
}
