/**
 * The tables of docs/configuration.md, made from the shapes: one row a field, with its type, default, range and what this program
 * does with it. A test keeps the page equal to what comes out of here.
 */
import * as z from 'zod';
import { configShape } from './config-file.ts';
import { loadBalancerShape } from './load-balancer.ts';
import { monitorGroupShape } from './monitor-group.ts';
import { monitorShape } from './monitor.ts';
import { originShape } from './origin.ts';
import { poolSetShape } from './pool-set.ts';
import { poolShape } from './pool.ts';
import { railgunShape } from './railgun.ts';
import { ruleShape } from './rule.ts';
import { notesOf, unwrap } from './shape.ts';
import { recordShape, zoneShape } from './zone.ts';

/** Objects that have a table of their own: inside others they are only named. */
const OBJECTS = {
  file: configShape,
  load_balancer: loadBalancerShape,
  rule: ruleShape,
  pool_set: poolSetShape,
  pool: poolShape,
  origin: originShape,
  monitor: monitorShape,
  monitor_group: monitorGroupShape,
  railgun: railgunShape,
  zone: zoneShape,
  record: recordShape,
} as const;

export type ObjectName = keyof typeof OBJECTS;

export const OBJECT_NAMES = Object.keys(OBJECTS) as readonly ObjectName[];

/** A markdown table of the object's fields, nested ones with dots; read-only ones in one sentence below. */
export function fieldTable(name: ObjectName): string {
  const rows: string[] = [];
  const readOnly: string[] = [];
  collect(OBJECTS[name], '', rows, readOnly);
  const lines = [
    '| field | type | default | valid | here | what it is |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
  if (readOnly.length > 0)
    lines.push('', `Taken from exports and ignored: ${readOnly.map((field) => `\`${field}\``).join(', ')}.`);
  return `${lines.join('\n')}\n`;
}

function collect(shape: z.ZodType, prefix: string, rows: string[], readOnly: string[]): void {
  const core = unwrap(shape);
  if (!(core instanceof z.ZodObject)) return;
  for (const [key, value] of Object.entries(core.shape)) {
    const field = value as z.ZodType;
    const note = notesOf(field);
    if (note === undefined) continue;
    if (note.use === 'read_only') {
      readOnly.push(prefix + key);
      continue;
    }
    const inner = unwrap(field);
    const isNeeded = !field.safeParse(undefined).success;
    const fallback = isNeeded ? 'required' : note.fallback === undefined ? '' : `\`${JSON.stringify(note.fallback)}\``;
    const use = note.use === 'stored' ? 'stored' : 'modelled';
    rows.push(
      `| \`${prefix}${key}\` | ${typeOf(inner)} | ${fallback} | ${cell(validOf(inner, note.valid))} | ${use} | ${cell(note.description)} |`,
    );
    const element = inner instanceof z.ZodArray ? unwrap(inner.element as z.ZodType) : inner;
    if (element instanceof z.ZodObject && objectName(element) === undefined) {
      collect(element, `${prefix}${key}${inner instanceof z.ZodArray ? '[]' : ''}.`, rows, readOnly);
    }
  }
}

function typeOf(schema: z.ZodType | undefined): string {
  if (schema instanceof z.ZodString) return 'text';
  if (schema instanceof z.ZodNumber) return schema.isInt ? 'whole number' : 'number';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodArray) return `list of ${typeOf(unwrap(schema.element as z.ZodType))}`;
  if (schema instanceof z.ZodRecord) return `map to ${typeOf(unwrap(schema.valueType as z.ZodType))}`;
  if (schema instanceof z.ZodEnum) return 'word';
  if (schema instanceof z.ZodLiteral) return typeof schema.value === 'string' ? 'word' : typeof schema.value;
  if (schema instanceof z.ZodObject) {
    const name = objectName(schema);
    return name === undefined ? 'object' : `[${name.replace('_', ' ')}](#${name.replace('_', '-')})`;
  }
  return 'boolean or word';
}

function objectName(schema: z.ZodType): ObjectName | undefined {
  return OBJECT_NAMES.find((name) => OBJECTS[name] === schema);
}

/** The range or the words that the schema itself knows, unless the note says it better. */
function validOf(schema: z.ZodType | undefined, said = ''): string {
  const words =
    schema instanceof z.ZodEnum
      ? schema.options.map((option) => `\`${option === '' ? '""' : option}\``).join(', ')
      : '';
  let range = '';
  if (schema instanceof z.ZodNumber) {
    const [from, to] = [schema.minValue ?? Number.NEGATIVE_INFINITY, schema.maxValue ?? Number.POSITIVE_INFINITY];
    const hasFrom = from > Number.MIN_SAFE_INTEGER;
    const hasTo = to < Number.MAX_SAFE_INTEGER;
    if (hasFrom && hasTo) range = `${from} to ${to}`;
    else if (hasFrom) range = `at least ${from}`;
  }
  if (schema instanceof z.ZodString && schema.maxLength !== null) range = `at most ${schema.maxLength} characters`;
  return [words, range, said].filter((part) => part !== '').join('; ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
