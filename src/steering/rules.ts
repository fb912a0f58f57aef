/**
 * Rules (spec 1.5, LB-202..213): in priority order, array order among equals; overrides accumulate and the later one stands;
 * `terminates` or a fixed response stops. What a condition means is in evaluate.ts.
 */
import type { Decision } from '../core/decision.ts';
import type { LoadBalancer, Overrides, Rule, SteeringSettings } from '../core/model.ts';
import { compileCondition } from './evaluate.ts';
import type { Condition } from './evaluate.ts';

export interface CompiledRule {
  readonly rule: Rule;
  /** Place in the balancer's list. */
  readonly index: number;
  readonly matches: Condition;
  readonly fixed: Decision | undefined;
  readonly terminates: boolean;
}

export function compileRules(balancer: LoadBalancer): readonly CompiledRule[] {
  return balancer.rules
    .map((rule, index) => ({
      rule,
      index,
      matches: rule.condition === undefined ? () => true : compileCondition(rule.condition, balancer),
      fixed:
        rule.fixedResponse === undefined
          ? undefined
          : ({ kind: 'fixed_response', because: 'fixed_response', response: rule.fixedResponse } as const),
      terminates: rule.terminates || rule.fixedResponse !== undefined,
    }))
    .sort((a, b) => a.rule.priority - b.rule.priority || a.index - b.index);
}

/** Lay one rule's overrides over settings. The drain is not a rule's to change (spec 1.5). */
export function override(settings: SteeringSettings, overrides: Overrides): SteeringSettings {
  const { affinity, ...rest } = overrides;
  return {
    ...settings,
    ...rest,
    affinity: { ...settings.affinity, ...affinity, drainSeconds: settings.affinity.drainSeconds },
  };
}
