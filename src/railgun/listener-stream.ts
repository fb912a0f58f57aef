/**
 * One stream at the listener, as data: what was asked, how far origin, store and sender are with it. listener.ts moves it along the
 * table of streams.ts.
 */
import { after, type Micros, US_PER_MS } from '../core/time.ts';
import type { WholeAnswer } from './answer.ts';
import { RailgunFlag } from './cf-railgun.ts';
import type { Room, Version } from './dictionary.ts';
import { ErrorCode } from './faults.ts';
import { ReceiveCredit, SendCredit } from './flow.ts';
import type { Held } from './hold.ts';
import type { OriginAnswer, OriginFailure } from './listener-events.ts';
import type { Mode, RequestMessage } from './messages.ts';
import type { OriginRequest } from './origin-request.ts';
import type { ListenerState } from './streams.ts';

export type Lookup =
  | { readonly kind: 'none' }
  /** Named, and not asked for yet. */
  | { readonly kind: 'named' }
  | { readonly kind: 'asked'; readonly until: Micros }
  | { readonly kind: 'found'; readonly version: Version }
  | { readonly kind: 'missing'; readonly why: number };

export interface ListenerStream {
  readonly number: number;
  readonly id: string;
  readonly message: RequestMessage;
  readonly origin: OriginRequest;
  /** Of the dictionary, once it was needed. */
  key: string | undefined;
  readonly openedAt: Micros;
  readonly sendCredit: SendCredit;
  readonly receiveCredit: ReceiveCredit;
  state: ListenerState;
  flags: number;
  attempt: 1 | 2;
  /** Origin side: what is waited for. */
  phase: 'connecting' | 'asking' | 'body' | 'paused' | 'done';
  waitUntil: Micros | undefined;
  deadline: Micros | undefined;
  askedAt: Micros;
  originTimeUs: number;
  uploaded: number;
  uploadEnded: boolean;
  outstanding: number;
  lookup: Lookup;
  answer: OriginAnswer | undefined;
  /** Why RAW; `undefined` while the body is being collected. */
  raw: number | undefined;
  /** What is collected of a body: in `room` when its length is known, else in pieces. */
  room: Room | undefined;
  pieces: Uint8Array[];
  received: number;
  /** Waiting for `encoded`. */
  pending: (WholeAnswer & { readonly base: Version | undefined; readonly whyFull: number }) | undefined;
  told:
    | { readonly mode: Mode; readonly why: number; readonly bodyBytes: number; readonly wanBytes: number }
    | undefined;
  held: (Held & { head?: Uint8Array; digest?: Uint8Array; status?: number }) | undefined;
  holdUntil: Micros | undefined;
}

export function newListenerStream(
  asked: Pick<ListenerStream, 'number' | 'id' | 'message' | 'origin'>,
  credits: { readonly send: number; readonly receive: number },
  now: Micros,
): ListenerStream {
  const { number, id, message, origin } = asked;
  return {
    number,
    id,
    message,
    origin,
    key: undefined,
    openedAt: now,
    sendCredit: new SendCredit(credits.send),
    receiveCredit: new ReceiveCredit(credits.receive),
    state: 'open',
    flags: (origin.mapUsed ? RailgunFlag.mapUsed : 0) | (message.named === undefined ? 0 : RailgunFlag.sentDictionary),
    attempt: 1,
    phase: 'connecting',
    waitUntil: undefined,
    deadline: message.deadlineMs > 0 ? after(now, message.deadlineMs * US_PER_MS) : undefined,
    askedAt: now,
    originTimeUs: 0,
    uploaded: 0,
    uploadEnded: false,
    outstanding: 0,
    lookup: message.named === undefined || message.method !== 'GET' ? { kind: 'none' } : { kind: 'named' },
    answer: undefined,
    raw: undefined,
    room: undefined,
    pieces: [],
    received: 0,
    pending: undefined,
    told: undefined,
    held: undefined,
    holdUntil: undefined,
  };
}

/** How the origin's failures are told to the sender (spec 12.13). */
export const ORIGIN_CODES: { readonly [F in OriginFailure]: number } = {
  connect_timeout: ErrorCode.originConnectTimeout,
  refused: ErrorCode.originRefused,
  tls: ErrorCode.originTls,
  read_timeout: ErrorCode.originReadTimeout,
  reset: ErrorCode.originReset,
};
