/**
 * Conditions of rules (spec 1.5, LB-202 to LB-213): text to a typed tree, or what is wrong and in which column.
 *
 *   condition  := xors ("or" xors)*              not > and > xor > or (LB-211)
 *   xors       := ands ("xor" ands)*
 *   ands       := unary ("and" unary)*
 *   unary      := "not" unary | "(" condition ")" | comparison
 *   comparison := operand [operator operand | "in" "{" member* "}"]
 *   operand    := literal | field ["[" key "]"] ["[" index or * "]"] | function "(" operand, … ")" ["[*]"]
 *
 * The first fault of grammar ends the reading; faults of meaning (unknown fields, types that do not compare) are all told.
 * What a condition is for one request is `steering/evaluate.ts`'s.
 */
import type { CompareOperator, Expression, SetMember, Value } from '../core/expression.ts';
import { addressRange, isCidr } from './address-range.ts';
import type { Fault, Token } from './expression-tokens.ts';
import { tokenize, unescape } from './expression-tokens.ts';
import type { Operand, OperandType } from './expression-types.ts';
import {
  faultOfComparison,
  faultOfFixedLeft,
  faultOfMany,
  faultOfTypes,
  isScalar,
  isTextual,
  sourceOf,
  TYPE_WORDS,
} from './expression-types.ts';
import type { FieldScope } from './expression-words.ts';
import { FIELD_HINTS, FIELDS, FUNCTIONS, LOGIC, OPERATORS } from './expression-words.ts';
import { isAddress } from './host-names.ts';
import { readPattern } from './pattern.ts';
import { didYouMean, nearest } from '../core/suggest.ts';

/** The public limit for one expression. */
const MAX_LENGTH = 4_096;
/** Deeper brackets than this are a machine's, and would cost the evaluator its stack. */
const MAX_NESTING = 64;

export type ParsedExpression =
  | {
      readonly ok: true;
      readonly expression: Expression;
      /** Fields used that only HTTP requests have, and those that only DNS queries have (LB-213). */
      readonly httpFields: readonly string[];
      readonly dnsFields: readonly string[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export function parseExpression(text: string): ParsedExpression {
  const fail = (fault: Fault): ParsedExpression => ({ ok: false, faults: [fault] });
  if (text.length > MAX_LENGTH) {
    return fail({ column: MAX_LENGTH, message: `longer than ${MAX_LENGTH} characters`, hint: 'use several rules' });
  }
  const cut = tokenize(text);
  if ('fault' in cut) return fail(cut.fault);
  const parser = new Parser(cut.tokens);
  const expression = parser.parse();
  if (expression === undefined || parser.faults.length > 0) {
    return { ok: false, faults: [...parser.faults].sort((a, b) => a.column - b.column) };
  }
  return { ok: true, expression, httpFields: [...parser.fields.http], dnsFields: [...parser.fields.dns] };
}

/** Ends the reading; caught in `parse` and nowhere else. */
class GrammarFault extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

class Parser {
  readonly faults: Fault[] = [];
  readonly fields: Record<FieldScope, Set<string>> = { any: new Set(), http: new Set(), dns: new Set() };
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  /** Inside `any()` or `all()`, where `[*]` may be compared. */
  #quantified = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression | undefined {
    try {
      const expression = this.#or();
      const rest = this.#peek();
      if (rest.kind !== 'end') this.#unexpected(rest, 'and, or, xor, or the end');
      return expression;
    } catch (error) {
      if (!(error instanceof GrammarFault)) throw error;
      this.faults.push(error.fault);
      return undefined;
    }
  }

  #or(): Expression {
    return this.#chain('or', () => this.#chain('xor', () => this.#chain('and', () => this.#unary())));
  }

  #chain(kind: 'and' | 'or' | 'xor', operand: () => Expression): Expression {
    let left = operand();
    while (this.#logic() === kind) {
      this.#next += 1;
      left = { kind, left, right: operand() };
    }
    return left;
  }

  #unary(): Expression {
    const token = this.#peek();
    if ((token.kind === 'word' && token.word === 'not') || (token.kind === 'sign' && token.sign === '!')) {
      return this.#nested(token, () => {
        this.#next += 1;
        return { kind: 'not', operand: this.#unary() };
      });
    }
    if (this.#isSign('(')) {
      return this.#nested(token, () => {
        this.#next += 1;
        const inner = this.#or();
        this.#expect(')', token);
        return inner;
      });
    }
    return this.#comparison();
  }

  #nested<T>(token: Token, read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING)
      this.#stop(token, `nested more than ${MAX_NESTING} levels deep`, 'use several rules');
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #comparison(): Expression {
    const left = this.#operand();
    const token = this.#peek();
    if (token.kind === 'word' && token.word === 'in') {
      this.#next += 1;
      return this.#membership(left);
    }
    const operator = this.#operator();
    if (operator === undefined) return this.#truth(left);
    const right = this.#operand(operator === 'matches');
    return this.#compare(operator, token, left, right);
  }

  #truth(operand: Operand): Expression {
    this.#checkEach(operand);
    const many = faultOfMany(operand);
    if (many !== undefined) this.#add(many);
    else if (operand.type !== 'boolean' && operand.type !== 'unknown') {
      const next = this.#peek();
      if (next.kind === 'word' && FUNCTIONS.has(next.word)) {
        this.#stop(
          next,
          `${next.word} is a function, not an operator`,
          `write ${next.word}(${sourceOf(operand)}, "…")`,
        );
      }
      if (next.kind === 'word' && next.word === 'not')
        this.#stop(next, '"not" stands before a comparison', `write not ${sourceOf(operand)} in {…}`);
      if (next.kind === 'word' || next.kind === 'sign') this.#badOperator(next);
      this.#fault(
        operand.token,
        `${sourceOf(operand)} is ${TYPE_WORDS[operand.type]}, not true or false`,
        'compare it: eq, ne, contains, in …',
      );
    }
    return { kind: 'truth', value: operand.value };
  }

  #compare(operator: CompareOperator, at: Token, left: Operand, right: Operand): Expression {
    this.#checkEach(left);
    const many = faultOfMany(left) ?? faultOfMany(right);
    this.#add(many ?? faultOfComparison(operator, at, left, right));
    return { kind: 'compare', operator, left: left.value, right: this.#pattern(operator, left, right) };
  }

  /** The right side: of `matches` and the wildcards, a fixed text that our engine can run. */
  #pattern(operator: CompareOperator, left: Operand, right: Operand): Value {
    if (!isTextual(operator) || operator === 'contains' || left.type !== 'text') return right.value;
    if (operator === 'matches') return this.#regex(right);
    if (right.value.kind !== 'text') this.#fault(right.token, `${operator} needs a fixed text on the right`, '');
    else if (/(^|[^\\])(\\\\)*\*\*/.test(right.value.text)) {
      this.#fault(right.token, 'two * in a row are not a wildcard', 'write one *, or \\* for the character');
    }
    return right.value;
  }

  #regex(operand: Operand): Value {
    if (operand.value.kind !== 'text') {
      this.#fault(operand.token, 'a pattern must be a fixed text', '');
      return operand.value;
    }
    const pattern = readPattern(operand.value.text);
    if ('source' in pattern) return { kind: 'text', text: pattern.source };
    this.#fault(operand.token, pattern.message, pattern.hint);
    return operand.value;
  }

  #membership(left: Operand): Expression {
    this.#checkEach(left);
    this.#add(faultOfMany(left) ?? (left.literal ? faultOfFixedLeft(left) : undefined));
    if (this.#isSign('$'))
      this.#stop(this.#peek(), 'lists by name are not supported in load balancing', 'write the values in {…}');
    const open = this.#peek();
    this.#expect('{', open, 'write in {"a" "b"}');
    const set: SetMember[] = [];
    for (let token = this.#take(); ; token = this.#take()) {
      if (token.kind === 'sign' && token.sign === '}') break;
      if (token.kind === 'end') this.#stop(open, 'this set does not end', 'close it with }');
      if (token.kind === 'sign' && token.sign === ',')
        this.#stop(token, 'the members of a set are separated by spaces', 'remove the comma');
      set.push(...this.#members(token, left));
    }
    if (set.length === 0) this.#fault(open, 'an empty set holds nothing', 'write at least one value');
    return { kind: 'in', left: left.value, set };
  }

  #members(token: Token, left: Operand): readonly SetMember[] {
    const until = this.#isSign('..') ? this.#tokens[this.#next + 1] : undefined;
    if (until !== undefined) this.#next += 2;
    if (token.kind === 'number') {
      this.#add(faultOfTypes(left, 'number', token));
      if (until === undefined) return [{ kind: 'range', from: token.number, to: token.number }];
      if (until.kind !== 'number') this.#stop(until, 'a range ends in a number', 'write 80..90');
      if (until.number < token.number)
        this.#fault(token, 'this range ends before it begins', `write ${until.number}..${token.number}`);
      return [{ kind: 'range', from: token.number, to: until.number }];
    }
    if (token.kind === 'address') {
      this.#add(faultOfTypes(left, 'address', token));
      if (until === undefined) {
        this.#checkAddress(token);
        return [{ kind: 'address', cidr: token.text }];
      }
      const cidrs = until.kind === 'address' ? addressRange(token.text, until.text) : undefined;
      if (cidrs === undefined)
        this.#stop(token, 'this is not a range of addresses', 'write 192.0.2.1..192.0.2.9, both of one family');
      return cidrs.map((cidr) => ({ kind: 'address', cidr }));
    }
    if (token.kind === 'text' && until === undefined) {
      this.#add(faultOfTypes(left, 'text', token));
      return [{ kind: 'text', text: this.#text(token, false) }];
    }
    if (token.kind === 'text') this.#stop(token, 'a range has numbers or addresses at its ends', '');
    return this.#unexpected(token, 'a text, a number or an address');
  }

  #operand(isPattern = false): Operand {
    const token = this.#take();
    const literal = (value: Value, type: OperandType): Operand => ({ value, type, each: false, literal: true, token });
    switch (token.kind) {
      case 'text':
        return literal({ kind: 'text', text: this.#text(token, isPattern) }, 'text');
      case 'number':
        return literal({ kind: 'number', number: token.number }, 'number');
      case 'address':
        this.#checkAddress(token);
        return literal({ kind: 'address', cidr: token.text }, 'address');
      case 'word':
        if (token.word === 'true' || token.word === 'false')
          return literal({ kind: 'boolean', boolean: token.word === 'true' }, 'boolean');
        return this.#isSign('(') ? this.#call(token, token.word) : this.#field(token, token.word);
      default:
        return this.#unexpected(token, 'a field, a function or a value');
    }
  }

  #field(token: Token, name: string): Operand {
    const field = FIELDS.get(name);
    if (field === undefined) {
      if (name === 'not' || name in LOGIC || name in OPERATORS || name === 'in')
        this.#unexpected(token, 'a field, a function or a value');
      const hint =
        FIELD_HINTS.get(name) ??
        (FUNCTIONS.has(name) ? `${name} is a function: write ${name}(…)` : didYouMean(name, FIELDS.keys()));
      this.#fault(token, `unknown field ${name.slice(0, 80)}`, hint);
    } else this.fields[field.scope].add(name);
    let type: OperandType = field?.type ?? 'unknown';
    let key: string | undefined;
    let index: number | undefined;
    let each = false;
    while (this.#isSign('[')) {
      const open = this.#take();
      const inside = this.#take();
      if (inside.kind === 'text' && (type === 'map' || type === 'unknown')) {
        key = this.#text(inside, false);
        if (type === 'map') type = 'list';
      } else if (inside.kind === 'number' && (type === 'list' || type === 'unknown') && inside.number >= 0) {
        index = inside.number;
        if (type === 'list') type = 'text';
      } else if (inside.kind === 'sign' && inside.sign === '*' && (type === 'list' || type === 'unknown') && !each) {
        each = true;
        if (type === 'list') type = 'text';
      } else {
        this.#stop(
          inside,
          `${name} cannot be looked into like this`,
          type === 'map' ? `write ${name}["name"]` : type === 'list' ? 'write [0] or [*]' : 'remove the brackets',
        );
      }
      this.#expect(']', open);
    }
    const value: Value = {
      kind: 'field',
      name,
      ...(key === undefined ? {} : { key: name === 'http.request.headers' ? key.toLowerCase() : key }),
      ...(index === undefined ? {} : { index }),
      ...(each ? { every: true } : {}),
    };
    return { value, type, each, literal: false, token };
  }

  #call(token: Token, name: string): Operand {
    const words = FUNCTIONS.get(name);
    if (words === undefined) {
      const operator = name in OPERATORS || name === 'in' ? `${name} is an operator: write it between two values` : '';
      this.#stop(token, `unknown function ${name.slice(0, 80)}`, operator || didYouMean(name, FUNCTIONS.keys()));
    }
    const open = this.#take();
    const made = this.#nested(token, () =>
      words.takes[0] === 'condition' ? this.#quantifier(token, name) : this.#arguments(token, name, words.takes),
    );
    this.#expect(')', open);
    const count = made.list.length;
    if (count < words.least || (count > words.takes.length && words.more === undefined)) {
      const most = words.more ? 'or more' : words.takes.length > words.least ? `to ${words.takes.length}` : '';
      this.#fault(
        token,
        `${name} takes ${words.least} ${most}`.trim() +
          ` argument${words.least === 1 && !most ? '' : 's'}, not ${count}`,
        '',
      );
    }
    let type: OperandType = made.each ? 'list' : words.gives;
    let each = false;
    if (this.#isSign('[')) {
      const bracket = this.#take();
      const inside = this.#take();
      if (!made.each || inside.kind !== 'sign' || inside.sign !== '*')
        this.#stop(
          inside,
          `${name}() cannot be looked into like this`,
          made.each ? 'write [*]' : 'remove the brackets',
        );
      this.#expect(']', bracket);
      each = true;
      type = words.gives;
    } else if (made.each && words.gives === 'boolean') {
      // any(starts_with(field[*], "x")) needs no second [*].
      each = true;
      type = 'boolean';
    }
    return { value: { kind: 'call', name, arguments: made.list }, type, each, literal: false, token };
  }

  #quantifier(token: Token, name: string): { list: (Value | Expression)[]; each: boolean } {
    if (this.#quantified) this.#stop(token, `${name} cannot stand inside any or all`, '');
    if (this.#isSign(')')) return { list: [], each: false };
    this.#quantified = true;
    const condition = this.#or();
    this.#quantified = false;
    return { list: [condition], each: false };
  }

  #arguments(call: Token, name: string, takes: readonly string[]): { list: Value[]; each: boolean } {
    const list: Value[] = [];
    let each = false;
    if (this.#isSign(')')) return { list, each };
    for (;;) {
      const argument = this.#operand();
      const wants = takes[Math.min(list.length, takes.length - 1)] ?? 'any';
      if (argument.each) {
        if (list.length > 0) this.#fault(argument.token, '[*] may stand only in the first argument', '');
        each = true;
      }
      const { type } = argument;
      const fits =
        type === 'unknown' ||
        type === wants ||
        (wants === 'any' && isScalar(type)) ||
        (wants === 'countable' && (type === 'text' || type === 'list'));
      const many = fits ? undefined : faultOfMany(argument);
      if (many !== undefined) this.#add(many);
      else if (!fits)
        this.#fault(
          argument.token,
          `${name} needs ${TYPE_WORDS[wants as 'text'] ?? 'text or a list'} here, and this is ${TYPE_WORDS[type]}`,
          '',
        );
      list.push(name === 'regex_replace' && list.length === 1 ? this.#regex(argument) : argument.value);
      if (!this.#isSign(',')) break;
      this.#next += 1;
    }
    if (!this.#isSign(')')) {
      const next = this.#peek();
      if (next.kind === 'end') this.#stop(call, 'this call does not end', 'close it with )');
      this.#unexpected(next, '"," or ")"');
    }
    return { list, each };
  }

  #checkEach(operand: Operand): void {
    if (operand.each && !this.#quantified) {
      this.#fault(operand.token, '[*] stands for several values', `wrap it: any(${sourceOf(operand)}[*] …) or all(…)`);
    }
  }

  #checkAddress(token: Token & { kind: 'address' }): void {
    if (!isAddress(token.text) && !isCidr(token.text))
      this.#fault(token, `${token.text.slice(0, 60)} is not an address or network`, '');
  }

  #text(token: Token & { kind: 'text' }, isPattern: boolean): string {
    const result = unescape(token, isPattern);
    if ('text' in result) return result.text;
    this.faults.push(result.fault);
    return '';
  }

  #logic(): 'and' | 'or' | 'xor' | undefined {
    const token = this.#peek();
    const word = token.kind === 'word' ? token.word : token.kind === 'sign' ? token.sign : '';
    return Object.hasOwn(LOGIC, word) ? LOGIC[word as keyof typeof LOGIC] : undefined;
  }

  /** Takes the operator, if one comes next. */
  #operator(): CompareOperator | undefined {
    const token = this.#peek();
    const word = token.kind === 'word' ? token.word : token.kind === 'sign' ? token.sign : '';
    if (word === 'strict') {
      this.#next += 1;
      const second = this.#take();
      if (second.kind !== 'word' || second.word !== 'wildcard')
        this.#stop(token, '"strict" stands only before "wildcard"', 'write strict wildcard');
      return 'strict_wildcard';
    }
    if (!Object.hasOwn(OPERATORS, word)) return undefined;
    this.#next += 1;
    return OPERATORS[word as keyof typeof OPERATORS];
  }

  #badOperator(token: Token & { kind: 'word' | 'sign' }): void {
    const word = token.kind === 'word' ? token.word : token.sign;
    if (this.#logic() !== undefined || word === ')' || word === ',' || word === ']') return;
    const known = [...Object.keys(OPERATORS), ...Object.keys(LOGIC), 'in', 'not'];
    const lower = word.toLowerCase();
    const twins: Record<string, string> = { '=': '==', '&': '&&', '|': '||', '^': '^^' };
    const better = twins[word] ?? (lower !== word && known.includes(lower) ? lower : nearest(word, known));
    this.#stop(token, `${word.slice(0, 40)} is not an operator`, better === undefined ? '' : `did you mean ${better}?`);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? (this.#tokens.at(-1) as Token);
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #isSign(sign: string): boolean {
    const token = this.#peek();
    return token.kind === 'sign' && token.sign === sign;
  }

  #expect(sign: string, opened: Token, hint = ''): void {
    const token = this.#peek();
    if (this.#isSign(sign)) this.#next += 1;
    else if (token.kind === 'end' && opened !== token) this.#stop(opened, 'this bracket is not closed', `add ${sign}`);
    else if (token.kind === 'word' || token.kind === 'sign') {
      if (sign === ')') this.#badOperator(token);
      this.#stop(token, `expected ${JSON.stringify(sign)} here`, hint);
    } else this.#stop(token, `expected ${JSON.stringify(sign)} here`, hint);
  }

  #unexpected(token: Token, wanted: string): never {
    if (token.kind === 'word' || token.kind === 'sign') {
      if (wanted.startsWith('and')) this.#badOperator(token);
      const word = token.kind === 'word' ? token.word : token.sign;
      return this.#stop(token, `unexpected ${JSON.stringify(word.slice(0, 40))}`, `expected ${wanted}`);
    }
    return this.#stop(
      token,
      token.kind === 'end' ? 'the condition ends too early' : 'unexpected value',
      `expected ${wanted}`,
    );
  }

  #add(fault: Fault | undefined): void {
    if (fault !== undefined) this.faults.push(fault);
  }

  #fault(token: Token, message: string, hint: string): void {
    this.faults.push({ column: token.at + 1, message, hint });
  }

  #stop(token: Token, message: string, hint: string): never {
    throw new GrammarFault({ column: token.at + 1, message, hint });
  }
}
