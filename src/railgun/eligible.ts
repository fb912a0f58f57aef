/**
 * Which requests may travel the link at all, and which answers are worth a delta (spec 10.3). Pure. The listener asks twice: when the
 * head of the answer is there, and when the body has ended.
 */
import { SMALL_BODY_BYTES } from './limits.ts';
import { forbidsTransform, knownCoding } from './content-coding.ts';
import { type HeadLine, fieldOf } from './head.ts';
import { Why } from './messages.ts';

/** The public allow-list (RG-040). `*` stands for any token characters. */
export const RAILGUN_TYPES: readonly string[] = [
  'text/*',
  'application/*+xml',
  'application/json',
  'application/ecmascript',
  'application/javascript',
  'application/x-javascript',
  'application/xml',
  'application/dart',
];

/** Tunnels and upgrades need a connection of their own; the link carries messages. */
export function mayTravel(method: string, lines: readonly HeadLine[]): boolean {
  return method !== 'CONNECT' && fieldOf(lines, 'upgrade') === undefined;
}

/** Is the content type on the list? Parameters and case do not matter. */
export function typeListed(contentType: string | undefined, types: readonly string[]): boolean {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return types.some((pattern) => {
    const star = pattern.indexOf('*');
    if (star < 0) return type === pattern;
    const [start, end] = [pattern.slice(0, star), pattern.slice(star + 1)];
    return type.length > start.length + end.length && type.startsWith(start) && type.endsWith(end);
  });
}

export interface AnswerHead {
  readonly method: string;
  readonly status: number;
  readonly lines: readonly HeadLine[];
  /** `undefined`: chunked, or until close. */
  readonly bodyLength: number | undefined;
}

export interface Thresholds {
  readonly streamSize: number;
  readonly smallBody: number;
  readonly types: readonly string[];
}

export const DEFAULT_THRESHOLDS: Omit<Thresholds, 'streamSize'> = { smallBody: SMALL_BODY_BYTES, types: RAILGUN_TYPES };

/** At the head: `undefined` = collect the body, else why it is streamed. */
export function whyRawAtHead(answer: AnswerHead, thresholds: Thresholds): number | undefined {
  if (answer.method !== 'GET' || answer.status !== 200) return Why.notGet200;
  if (answer.bodyLength !== undefined && answer.bodyLength > thresholds.streamSize) return Why.tooLarge;
  if (!typeListed(fieldOf(answer.lines, 'content-type'), thresholds.types)) return Why.type;
  const coding = knownCoding(answer.lines);
  if (coding === undefined || (coding !== 'identity' && forbidsTransform(answer.lines))) return Why.type;
  // A short gzip body may open to a long one, so only identity is judged here.
  if (coding === 'identity' && answer.bodyLength !== undefined && answer.bodyLength < thresholds.smallBody)
    return Why.small;
  return undefined;
}

/** At the end, with the opened body: `undefined` = compress. */
export function whyRawAtEnd(bodyLength: number, thresholds: Thresholds): number | undefined {
  if (bodyLength > thresholds.streamSize) return Why.tooLarge;
  return bodyLength < thresholds.smallBody ? Why.small : undefined;
}
