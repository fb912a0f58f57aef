/**
 * What may be compared with what in a condition, and what to say when it may not. Pure rules over operands that the parser has
 * read; expression.ts asks, and knows no types itself.
 */
import type { CompareOperator, Value } from '../core/expression.ts';
import type { Fault, Token } from './expression-tokens.ts';
import type { FieldType } from './expression-words.ts';

/** `unknown` compares with everything: its fault has been told already. */
export type OperandType = FieldType | 'unknown';

export interface Operand {
  readonly value: Value;
  readonly type: OperandType;
  /** Unpacked with `[*]`: one value of several, only inside a function. */
  readonly each: boolean;
  readonly literal: boolean;
  readonly token: Token;
}

export const TYPE_WORDS = {
  text: 'text',
  number: 'a number',
  address: 'an address',
  boolean: 'true or false',
  list: 'a list',
  map: 'a map',
  unknown: 'unknown',
  any: 'a value',
} as const;

export function isScalar(type: OperandType): type is 'text' | 'number' | 'address' | 'boolean' {
  return type === 'text' || type === 'number' || type === 'address' || type === 'boolean';
}

export function isTextual(operator: CompareOperator): boolean {
  return operator === 'contains' || operator === 'matches' || operator === 'wildcard' || operator === 'strict_wildcard';
}

function isOrdering(operator: CompareOperator): boolean {
  return operator === 'lt' || operator === 'le' || operator === 'gt' || operator === 'ge';
}

export function faultAt(token: Token, message: string, hint = ''): Fault {
  return { column: token.at + 1, message, hint };
}

/** How a person wrote an operand, shortly: `http.host`, `lower()`. */
export function sourceOf({ value }: Operand): string {
  if (value.kind === 'field')
    return value.key === undefined ? value.name : `${value.name}[${JSON.stringify(value.key)}]`;
  return value.kind === 'call' ? `${value.name}()` : 'the value';
}

/** A list or a map where one value is wanted. */
export function faultOfMany(operand: Operand): Fault | undefined {
  const name = sourceOf(operand);
  if (operand.type === 'map') {
    return faultAt(
      operand.token,
      `${name} is a map, not one value`,
      `write ${name}["name"][0], or any(${name}["name"][*] …)`,
    );
  }
  if (operand.type === 'list') {
    return faultAt(operand.token, `${name} is a list, not one value`, `write [0] for the first, or any(${name}[*] …)`);
  }
  return undefined;
}

/** The first thing that keeps two operands from being compared; `at` is the operator. */
export function faultOfComparison(
  operator: CompareOperator,
  at: Token,
  left: Operand,
  right: Operand,
): Fault | undefined {
  if (left.literal && right.literal) {
    return faultAt(left.token, 'this compares two fixed values', 'put a field on the left');
  }
  if (left.literal) return faultOfFixedLeft(left);
  if (right.each) return faultAt(right.token, '[*] may stand only on the left of a comparison');
  if (!isScalar(left.type) || !isScalar(right.type)) return undefined;
  if (isTextual(operator) && left.type !== 'text') {
    const hint = left.type === 'address' ? 'use in {…} with networks' : 'use eq, lt, gt …';
    return faultAt(at, `${operator} needs text, and ${sourceOf(left)} is ${TYPE_WORDS[left.type]}`, hint);
  }
  if (isOrdering(operator) && left.type !== 'text' && left.type !== 'number') {
    return faultAt(at, `${TYPE_WORDS[left.type]} has no order`, 'use eq, ne or in');
  }
  return faultOfTypes(left, right.type, right.token);
}

export function faultOfFixedLeft(left: Operand): Fault {
  return faultAt(left.token, 'a fixed value stands on the left', 'put the field on the left');
}

/** Two scalars of different types. */
export function faultOfTypes(left: Operand, type: OperandType, token: Token): Fault | undefined {
  if (!isScalar(left.type) || !isScalar(type) || left.type === type) return undefined;
  const message = `${sourceOf(left)} is ${TYPE_WORDS[left.type]}, and this is ${TYPE_WORDS[type]}`;
  return faultAt(token, message, literalHint(left, type, token));
}

function literalHint(left: Operand, type: OperandType, token: Token): string {
  if (left.type === 'text' && (type === 'number' || type === 'address')) return 'write text in quotes';
  if (token.kind !== 'text') return '';
  if (left.type === 'address') return 'write addresses without quotes';
  if (left.type !== 'number') return '';
  const isQueryType = left.value.kind === 'field' && left.value.name === 'dns.qry.type';
  return isQueryType ? 'write the number of the type: 1 is A, 28 is AAAA' : 'write numbers without quotes';
}
