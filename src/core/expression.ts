/**
 * Rule conditions as data (spec 1.5). `config/expression.ts` parses the text and knows which fields and functions exist;
 * `steering/evaluate.ts` runs the tree. A field that needs HTTP on a DNS query (or the other way round) has no value, and a
 * comparison with no value is false (LB-213).
 */

export type Expression =
  | { readonly kind: 'and' | 'or' | 'xor'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'compare'; readonly operator: CompareOperator; readonly left: Value; readonly right: Value }
  | { readonly kind: 'in'; readonly left: Value; readonly set: readonly SetMember[] }
  | { readonly kind: 'truth'; readonly value: Value };

export type CompareOperator =
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'contains'
  | 'matches'
  | 'wildcard'
  | 'strict_wildcard';

export type Value =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'boolean'; readonly boolean: boolean }
  | { readonly kind: 'address'; readonly cidr: string }
  /** `key`: `http.request.headers["host"]`; `index`: the `[0]` of a list; `every`: the `[*]` of `any()` and `all()`. */
  | {
      readonly kind: 'field';
      readonly name: string;
      readonly key?: string;
      readonly index?: number;
      readonly every?: boolean;
    }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly (Value | Expression)[] };

export type SetMember =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'address'; readonly cidr: string };
