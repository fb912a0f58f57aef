/**
 * One stream at the sender, as data: how far the request is out, what has come of the answer, and the stored version that it may be
 * told against. sender.ts moves it along the table of streams.ts.
 */
import type { Micros } from '../core/time.ts';
import type { Version } from './dictionary.ts';
import { ReceiveCredit, SendCredit } from './flow.ts';
import type { ResponseMessage } from './messages.ts';
import type { SenderState } from './streams.ts';

/** The version that the request named. */
export type Base =
  | { readonly kind: 'named'; readonly name: Uint8Array }
  | { readonly kind: 'asked'; readonly name: Uint8Array; readonly until: Micros }
  | { readonly kind: 'have'; readonly name: Uint8Array; readonly version: Version }
  | { readonly kind: 'lost'; readonly name: Uint8Array };

export interface SenderStream {
  readonly number: number;
  readonly id: string;
  readonly method: string;
  readonly key: string;
  /** Store down: the header says `stream`, not `normal`. */
  readonly storeDown: boolean;
  readonly sendCredit: SendCredit;
  readonly receiveCredit: ReceiveCredit;
  state: SenderState;
  /** Our END has not left yet. */
  uploading: boolean;
  appended: boolean;
  base: Base | undefined;
  answer: ResponseMessage | undefined;
  pieces: Uint8Array[];
  received: number;
  /** Payload of earlier answers to this stream (RESYNC). */
  earlier: number;
  resynced: boolean;
  /** RAW bytes that the visitor has not taken. */
  outstanding: number;
  deadline: Micros | undefined;
}

export function newSenderStream(
  asked: Pick<SenderStream, 'number' | 'id' | 'method' | 'key' | 'storeDown' | 'deadline'> & {
    readonly hasBody: boolean;
  },
  credits: { readonly send: number; readonly receive: number },
): SenderStream {
  const { hasBody, ...fixed } = asked;
  return {
    ...fixed,
    sendCredit: new SendCredit(credits.send),
    receiveCredit: new ReceiveCredit(credits.receive),
    state: 'open',
    uploading: true,
    appended: !hasBody,
    base: undefined,
    answer: undefined,
    pieces: [],
    received: 0,
    earlier: 0,
    resynced: false,
    outstanding: 0,
  };
}
