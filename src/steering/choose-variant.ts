/**
 * Which settings hold for this request: first matching pool set, then rules on top. Every rule that matches is one step down a
 * tree whose nodes keep the settings merged so far, so merging and compiling happen once per combination that is really met,
 * and a request pays for its conditions alone.
 *
 *   balancer -- rule 0 --> . -- rule 2 --> .
 *        \---- rule 2 --> .            set 4 -- rule 0 --> .
 */
import type { Decision, Ladder } from '../core/decision.ts';
import type { SteeringSettings } from '../core/model.ts';
import type { BalancerPlan } from './plan.ts';
import { poolSetMatches, settingsOfPoolSet } from './pool-sets.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import { override } from './rules.ts';
import type { CompiledRule } from './rules.ts';
import { compileVariant } from './variant.ts';
import type { Variant } from './variant.ts';

/** Settings after some set and rules; compiled when a request stops here. */
export interface Branch {
  readonly settings: SteeringSettings;
  variant: Variant | undefined;
  /** By place of the rule in the balancer's list. */
  readonly next: (Branch | undefined)[];
}

/** Combinations kept: a balancer with twenty independent rules could meet a million. */
const BRANCHES_LIMIT = 512;

export class Branches {
  readonly #plan: BalancerPlan;
  readonly #fromSet: (Branch | undefined)[] = [];
  readonly #bySettings = new Map<SteeringSettings, Variant>();
  #root: Branch;
  #size = 1;

  constructor(plan: BalancerPlan) {
    this.#plan = plan;
    this.#root = branch(plan.balancer);
  }

  get root(): Branch {
    return this.#root;
  }

  ofSet(index: number): Branch {
    const { balancer, poolSets } = this.#plan;
    return (this.#fromSet[index] ??= this.#counted(branch(settingsOfPoolSet(balancer, poolSets[index]!.set))));
  }

  after(from: Branch, rule: CompiledRule): Branch {
    return (from.next[rule.index] ??= this.#counted(branch(override(from.settings, rule.rule.overrides))));
  }

  variant(at: Branch): Variant {
    if (at.variant === undefined) {
      at.variant = compileVariant(this.#plan, at.settings);
      this.#bySettings.set(at.variant.settings, at.variant);
    }
    return at.variant;
  }

  /** The variant that a decision was made under, by the settings it carries. */
  ofSettings(settings: SteeringSettings): Variant {
    // Unknown: another plan's, or forgotten by the limit. Compile it once more.
    return this.#bySettings.get(settings) ?? compileVariant(this.#plan, settings);
  }

  #counted(made: Branch): Branch {
    this.#size += 1;
    if (this.#size > BRANCHES_LIMIT) {
      this.#root = { ...this.#root, next: [] };
      this.#fromSet.length = 0;
      this.#bySettings.clear();
      if (this.#root.variant !== undefined) this.#bySettings.set(this.#root.variant.settings, this.#root.variant);
      this.#size = 1;
    }
    return made;
  }
}

function branch(settings: SteeringSettings): Branch {
  return { settings, variant: undefined, next: [] };
}

/** A variant, or the decision of a fixed response. */
export function chooseVariant(
  plan: BalancerPlan,
  request: SteerRequest,
  world: SteerWorld,
  ladder: Ladder | undefined,
): Variant | Decision {
  let at = plan.branches.root;
  for (let i = 0; i < plan.poolSets.length; i += 1) {
    const candidate = plan.poolSets[i]!;
    const matches = poolSetMatches(candidate, request.location);
    if (ladder !== undefined) {
      ladder.add({
        step: 'pool_set',
        subject: candidate.set.name,
        outcome: matches ? 'matched' : 'not_matched',
        reason: candidate.set.disabled ? 'disabled' : candidate.fixed !== undefined ? 'fixed_response' : 'topology',
        detail: { position: i },
      });
    }
    if (!matches) continue;
    if (candidate.fixed !== undefined) return candidate.fixed;
    at = plan.branches.ofSet(i);
    break;
  }
  for (const rule of plan.rules) {
    const matches = !rule.rule.disabled && rule.matches(request, world.now);
    if (ladder !== undefined) explainRule(ladder, rule, matches);
    if (!matches) continue;
    if (rule.fixed !== undefined) return rule.fixed;
    at = plan.branches.after(at, rule);
    if (rule.terminates) break;
  }
  return plan.branches.variant(at);
}

function explainRule(ladder: Ladder, { rule, fixed, terminates }: CompiledRule, matches: boolean): void {
  ladder.add({
    step: 'rule',
    subject: rule.name,
    outcome: matches ? 'matched' : 'not_matched',
    reason: rule.disabled
      ? 'disabled'
      : matches && fixed !== undefined
        ? 'fixed_response'
        : matches && terminates
          ? 'terminates'
          : 'condition',
    detail: {
      priority: rule.priority,
      condition: rule.conditionText,
      overrides: Object.keys(rule.overrides).join(' '),
    },
  });
}
