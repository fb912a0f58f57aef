/**
 * The sentences of a story, so that a replay and a drill of one scenario tell it in the same words. Text and tone only: when something
 * is told, and whether it is news, is for the run to know.
 */
import { spanText } from '../core/figures.ts';
import type { BudgetPart, TimelineEntry } from '../core/report.ts';
import type { Target } from '../sim/faults/fault.ts';
import type { TimelineEvent } from './scenario.ts';

/** `pool/eu`, `memcached/2`: a target as a scenario writes it. */
export function spell(target: Target): string {
  return `${target.kind === 'store' ? 'memcached' : target.kind}/${target.name}`;
}

/** Does `heal: WHAT` mean this fault? */
export function isMeant(what: string, fault: string, target: Target): boolean {
  return (
    what === 'all' ||
    what === fault ||
    what === spell(target) ||
    (target.kind === 'store' && /^(?:memcached|redis|store)\b/.test(what))
  );
}

type FaultEvent = Extract<TimelineEvent, { kind: 'fault' }>;

export function faultBegins({ fault, target, note, line }: FaultEvent, atUs: number): TimelineEntry {
  const text = `${spell(target)}: ${fault.name} (${note === '' ? fault.summary : note})`;
  return { atUs, kind: 'fault', tone: 'bad', text, line };
}

/** @param startUpUs What comes back has to start, which takes so long. */
export function faultEnds({ fault, target }: FaultEvent, atUs: number, line: number, startUpUs: number): TimelineEntry {
  const start = startUpUs === 0 ? '' : `; it takes ${spanText(startUpUs)} to start`;
  return { atUs, kind: 'heal', tone: 'good', text: `${spell(target)}: ${fault.name} is over${start}`, line };
}

export function fieldChanged(
  target: string,
  field: string,
  value: string,
  note: string,
  atUs: number,
  line: number,
): TimelineEntry {
  const why = note === '' ? '' : ` (${note})`;
  return { atUs, kind: 'change', tone: 'neutral', text: `${target}: ${field} is now ${value}${why}`, line };
}

export function originIs(name: string, state: string, reason: string, atUs: number): TimelineEntry {
  const good = state === 'healthy';
  const why = reason === '' || good ? '' : ` (${reason})`;
  return { atUs, kind: 'health', tone: good ? 'good' : 'bad', text: `${name} is ${state}${why}`, line: 0 };
}

/** From critical to degraded is better, though not yet good. */
export function poolIs(pool: string, from: string, state: string, atUs: number): TimelineEntry {
  const tone = state === 'healthy' ? 'good' : state === 'degraded' && from === 'critical' ? 'neutral' : 'bad';
  return { atUs, kind: 'health', tone, text: `pool ${pool} is ${state}`, line: 0 };
}

export function laneIs(pop: string, listener: string, state: string, reason: string, atUs: number): TimelineEntry {
  const open = state === 'open';
  const text = open ? 'is open again' : `${state}${reason === '' ? '' : ` (${reason})`}`;
  return { atUs, kind: 'link', tone: open ? 'good' : 'bad', text: `${pop}: lane to ${listener} ${text}`, line: 0 };
}

export function listenerReplaced(listener: number, atUs: number): TimelineEntry {
  const text = `listener ${listener + 1}: the autoscaling group has put a new machine in its place`;
  return { atUs, kind: 'link', tone: 'good', text, line: 0 };
}

export const LISTENER_KNOBS: ReadonlyMap<BudgetPart, string> = new Map([
  [
    'before_detection',
    'a lane finds a silent listener by PING, after 15 s of silence and 10 s without an answer; behind an L4 balancer or in a group the next lane leads to another listener',
  ],
]);
