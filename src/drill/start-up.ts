/**
 * How long a process takes to start here: a fact of the machine, as the delay of a link is one of the world, so no pace presses it. The lab
 * has just started one or more of each kind; what it measured goes into the prediction that is laid beside the measurement.
 */
import { spanText } from '../core/figures.ts';
import type { ReplayInput } from '../replay/load.ts';
import type { Scenario } from '../replay/scenario.ts';
import type { ProcessKind } from '../sim/faults/fault.ts';

const PLURAL: Readonly<Record<ProcessKind, string>> = {
  edge: 'edges',
  listener: 'listeners',
  store: 'stores',
  origin: 'origins',
};

/** What was measured in the place of what the scenario says. */
export function withStartUp(input: ReplayInput, measured: ReadonlyMap<ProcessKind, number>): ReplayInput {
  const { scenario } = input;
  const startUp = { ...scenario.world.startUp, ...Object.fromEntries(measured) };
  return { ...input, scenario: { ...scenario, world: { ...scenario.world, startUp } } };
}

/** Kinds of processes that are started again while this scenario is played. */
export function restartedKinds({ timeline, world }: Scenario): ReadonlySet<ProcessKind> {
  const kinds = new Set<ProcessKind>();
  for (const event of timeline) {
    if (event.kind !== 'fault') continue;
    const { fault, target } = event;
    const kind = fault.restarts?.[target.kind];
    if (kind !== undefined) kinds.add(kind);
    // Whatever kills a listener of a group, the group starts another one.
    if (target.kind === 'listener' && world.railgun.replaceAfterUs > 0) kinds.add('listener');
  }
  return kinds;
}

/** For the report. Empty when nothing is started again. */
export function startUpNotes({ world }: Scenario, kinds: ReadonlySet<ProcessKind>): readonly string[] {
  const spans = [...kinds].map((kind) => `${PLURAL[kind]} ${spanText(world.startUp[kind])}`);
  if (spans.length === 0) return [];
  return [
    `From its start until it serves, a process takes this long here, and in the prediction as well: ${spans.join(', ')}.`,
  ];
}
