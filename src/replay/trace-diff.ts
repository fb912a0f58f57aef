/**
 * The first difference of two traces, explained: which line, which fields, and what had happened just before. Works on streams of lines,
 * so traces of any length can be compared; what is equal is forgotten.
 */

export type TraceDifference =
  | { readonly kind: 'equal'; readonly lines: number }
  | {
      readonly kind: 'differs';
      /** From 1. */
      readonly line: number;
      readonly a: string | undefined;
      readonly b: string | undefined;
      readonly fields: readonly FieldDifference[];
      /** The last event before the difference that was no request: usually the cause. */
      readonly before: string | undefined;
      readonly sentence: string;
    };

export interface FieldDifference {
  readonly field: string;
  readonly a: string;
  readonly b: string;
}

export async function diffTraces(a: AsyncIterable<string>, b: AsyncIterable<string>): Promise<TraceDifference> {
  const left = a[Symbol.asyncIterator]();
  const right = b[Symbol.asyncIterator]();
  let line = 0;
  let before: string | undefined;
  try {
    for (;;) {
      const [one, other] = [await left.next(), await right.next()];
      line += 1;
      if (one.done === true && other.done === true) return { kind: 'equal', lines: line - 1 };
      if (one.done !== true && other.done !== true && one.value === other.value) {
        if (!one.value.includes('"event":"request"')) before = one.value;
        continue;
      }
      const first = one.done === true ? undefined : one.value;
      const second = other.done === true ? undefined : other.value;
      const fields = first !== undefined && second !== undefined ? fieldsThatDiffer(first, second) : [];
      return {
        kind: 'differs',
        line,
        a: first,
        b: second,
        fields,
        before,
        sentence: explain(line, first, second, fields),
      };
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
}

function fieldsThatDiffer(a: string, b: string): FieldDifference[] {
  const [one, other] = [readLine(a), readLine(b)];
  if (one === undefined || other === undefined) return [{ field: '(line)', a, b }];
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return names.flatMap((field) => {
    const [first, second] = [JSON.stringify(one[field]) ?? '(none)', JSON.stringify(other[field]) ?? '(none)'];
    return first === second ? [] : [{ field, a: first, b: second }];
  });
}

function explain(
  line: number,
  a: string | undefined,
  b: string | undefined,
  fields: readonly FieldDifference[],
): string {
  if (a === undefined) return `the first trace ends before line ${line}`;
  if (b === undefined) return `the second trace ends before line ${line}`;
  const [one, other] = [readLine(a), readLine(b)];
  if (one === undefined || other === undefined) return `line ${line} differs, and is not an event in both`;
  const differs = (name: string): boolean => fields.some(({ field }) => field === name);
  if (differs('seed') || differs('config') || differs('scenario'))
    return 'the runs are not of one seed, configuration and scenario';
  if (differs('event'))
    return `line ${line}: a ${String(one.event)} event against a ${String(other.event)} event: the agendas have parted`;
  if (differs('at')) return `line ${line}: the same kind of event at another time`;
  if (differs('pool') || differs('origin')) {
    return sawOthers(one, other)
      ? `line ${line}: steering chose otherwise because it saw other candidates`
      : `line ${line}: the same candidates, but another was drawn: chance differs`;
  }
  if (differs('affinity')) return `line ${line}: the same origin, but the session was judged otherwise`;
  if (differs('cause') || differs('status')) return `line ${line}: the same choice ended otherwise`;
  return `line ${line}: ${fields.map(({ field }) => field).join(', ')} ${fields.length === 1 ? 'differs' : 'differ'}`;
}

/** Policies that draw: which candidate comes first in their lines is the draw itself, and no sign of another view. */
const DRAWN = /^(?:random|least_)/;

function sawOthers(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  const seen = (line: Record<string, unknown>): string => {
    const candidates = String(line.candidates).replaceAll(':pool_not_drawn', '');
    return DRAWN.test(String(line.policy)) ? candidates.split(',').sort().join() : candidates;
  };
  return seen(one) !== seen(other);
}

function readLine(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
