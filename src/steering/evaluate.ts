/**
 * Rule conditions, compiled to functions (spec 1.5). Text was parsed and checked by `config/expression.ts`; here a tree becomes
 * closures with its patterns, networks and sets made once.
 *
 * A field that the request does not have (an HTTP field on a DNS query, an absent header) has no value, and a comparison with
 * no value is false, `ne` too (LB-213); `not` turns that around. A field with several values compares true when any of them
 * does; `all()` asks for every one, and is false when there are none.
 */
import ipaddr from 'ipaddr.js';
import type { CompareOperator, Expression, SetMember, Value } from '../core/expression.ts';
import type { LoadBalancer } from '../core/model.ts';
import type { Micros } from '../core/time.ts';
import { readField } from './fields.ts';
import { call } from './functions.ts';
import { compilePattern, wildcardPattern } from './patterns.ts';
import type { SteerRequest } from './request.ts';

export type Condition = (request: SteerRequest, now: Micros) => boolean;

export type Scalar = string | number | boolean;
/** No value, one, or several. */
export type Got = Scalar | readonly Scalar[] | undefined;
export type Getter = (request: SteerRequest, now: Micros) => Got;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Test = (value: Scalar) => boolean;

/** `all` inside `all()`: each value must pass; elsewhere one is enough. */
type Quantifier = 'any' | 'all';

export function compileCondition(expression: Expression, balancer: LoadBalancer): Condition {
  return condition(expression, balancer, 'any');
}

function condition(expression: Expression, balancer: LoadBalancer, quantifier: Quantifier): Condition {
  switch (expression.kind) {
    case 'and':
    case 'or':
    case 'xor': {
      const left = condition(expression.left, balancer, quantifier);
      const right = condition(expression.right, balancer, quantifier);
      if (expression.kind === 'and') return (request, now) => left(request, now) && right(request, now);
      if (expression.kind === 'or') return (request, now) => left(request, now) || right(request, now);
      return (request, now) => left(request, now) !== right(request, now);
    }
    case 'not': {
      const operand = condition(expression.operand, balancer, quantifier);
      return (request, now) => !operand(request, now);
    }
    case 'truth':
      return truth(expression.value, balancer, quantifier);
    case 'in':
      return quantified(getter(expression.left, balancer), inSet(expression.set), quantifier);
    case 'compare':
      return compare(expression.operator, expression.left, expression.right, balancer, quantifier);
  }
}

function quantified(get: Getter, test: Test, quantifier: Quantifier): Condition {
  return (request, now) => {
    const got = get(request, now);
    if (got === undefined) return false;
    if (typeof got !== 'object') return test(got);
    return quantifier === 'any' ? got.some(test) : got.length > 0 && got.every(test);
  };
}

function truth(value: Value, balancer: LoadBalancer, quantifier: Quantifier): Condition {
  if (value.kind === 'call' && (value.name === 'any' || value.name === 'all')) {
    const argument = value.arguments[0];
    if (argument === undefined) return () => false;
    return isExpression(argument) ? condition(argument, balancer, value.name) : truth(argument, balancer, value.name);
  }
  return quantified(getter(value, balancer), (item) => item === true, quantifier);
}

function isExpression(item: Value | Expression): item is Expression {
  return ['and', 'or', 'xor', 'not', 'compare', 'in', 'truth'].includes(item.kind);
}

function compare(
  operator: CompareOperator,
  left: Value,
  right: Value,
  balancer: LoadBalancer,
  quantifier: Quantifier,
): Condition {
  const get = getter(left, balancer);
  switch (right.kind) {
    case 'address': {
      const within = inNetworks([right.cidr]);
      if (operator === 'eq') return quantified(get, within, quantifier);
      if (operator === 'ne') return quantified(get, (value) => isAddress(value) && !within(value), quantifier);
      return () => false;
    }
    case 'text':
      return quantified(get, textTest(operator, right.text), quantifier);
    case 'number':
      return quantified(get, orderTest(operator, right.number), quantifier);
    case 'boolean':
      return quantified(get, orderTest(operator, right.boolean), quantifier);
    case 'field':
    case 'call': {
      const other = getter(right, balancer);
      return (request, now) => {
        const against = other(request, now);
        if (against === undefined || typeof against === 'object') return false;
        const test = typeof against === 'string' ? textTest(operator, against) : orderTest(operator, against);
        return quantified(get, test, quantifier)(request, now);
      };
    }
  }
}

function orderTest(operator: CompareOperator, against: Scalar): Test {
  switch (operator) {
    case 'eq':
      return (value) => value === against;
    case 'ne':
      return (value) => typeof value === typeof against && value !== against;
    case 'lt':
      return (value) => typeof value === typeof against && value < against;
    case 'le':
      return (value) => typeof value === typeof against && value <= against;
    case 'gt':
      return (value) => typeof value === typeof against && value > against;
    case 'ge':
      return (value) => typeof value === typeof against && value >= against;
    default:
      return () => false;
  }
}

/** Strings compare case-sensitively, except `wildcard` (rules-op). */
function textTest(operator: CompareOperator, against: string): Test {
  switch (operator) {
    case 'contains':
      return (value) => typeof value === 'string' && value.includes(against);
    case 'matches':
      return patternTest(against, '');
    case 'wildcard':
      return patternTest(wildcardPattern(against), 'is');
    case 'strict_wildcard':
      return patternTest(wildcardPattern(against), 's');
    default:
      return orderTest(operator, against);
  }
}

function patternTest(source: string, flags: string): Test {
  const pattern = compilePattern(source, flags);
  return (value) => pattern !== undefined && typeof value === 'string' && pattern.test(value);
}

function inSet(set: readonly SetMember[]): Test {
  const texts = new Set(set.flatMap((member) => (member.kind === 'text' ? [member.text] : [])));
  const ranges = set.flatMap((member) => (member.kind === 'range' ? [member] : []));
  const within = inNetworks(set.flatMap((member) => (member.kind === 'address' ? [member.cidr] : [])));
  return (value) => {
    if (typeof value === 'number') return ranges.some((range) => value >= range.from && value <= range.to);
    return typeof value === 'string' && (texts.has(value) || within(value));
  };
}

function inNetworks(cidrs: readonly string[]): Test {
  const networks = cidrs.flatMap((cidr) => {
    const network = parseNetwork(cidr);
    return network === undefined ? [] : [network];
  });
  if (networks.length === 0) return () => false;
  return (value) => {
    const address = parseAddress(value);
    if (address === undefined) return false;
    return networks.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
  };
}

function parseNetwork(cidr: string): readonly [Address, number] | undefined {
  const slash = cidr.indexOf('/');
  const base = parseAddress(slash === -1 ? cidr : cidr.slice(0, slash));
  if (base === undefined) return undefined;
  return [base, slash === -1 ? (base.kind() === 'ipv4' ? 32 : 128) : Number(cidr.slice(slash + 1))];
}

function isAddress(value: Scalar): boolean {
  return parseAddress(value) !== undefined;
}

let lastText = '';
let lastAddress: Address | undefined;

/** Rules ask about one client address many times over: the last one is remembered. */
function parseAddress(value: Scalar): Address | undefined {
  if (typeof value !== 'string') return undefined;
  if (value !== lastText) {
    lastText = value;
    lastAddress = ipaddr.isValid(value) ? ipaddr.process(value) : undefined;
  }
  return lastAddress;
}

function getter(value: Value, balancer: LoadBalancer): Getter {
  switch (value.kind) {
    case 'text':
      return () => value.text;
    case 'number':
      return () => value.number;
    case 'boolean':
      return () => value.boolean;
    case 'address':
      return () => value.cidr;
    case 'field':
      return readField(value, balancer);
    case 'call':
      return call(
        value.name,
        value.arguments.map((argument) =>
          isExpression(argument) ? condition(argument, balancer, 'any') : getter(argument, balancer),
        ),
        isEach(value),
      );
  }
}

/** Does this stand for each of several values, by a `[*]` in its first argument? */
function isEach(value: Value | Expression): boolean {
  if (value.kind === 'field') return value.every === true;
  return value.kind === 'call' && value.arguments[0] !== undefined && isEach(value.arguments[0]);
}
