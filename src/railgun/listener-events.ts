/**
 * What the listener's machine is made with, what it says to its driver, and the rules that SIGHUP may change. The machine itself is
 * listener.ts.
 */
import type { Random } from '../core/random.ts';
import type { EncodeJob } from './answer.ts';
import type { DeltaCodec } from './codec-port.ts';
import type { Dictionary } from './dictionary.ts';
import type { Thresholds } from './eligible.ts';
import type { LaneFault } from './faults.ts';
import type { HeadLine } from './head.ts';
import type { HoldBudget } from './hold.ts';
import type { LaneLimits } from './limits.ts';
import type { LogLevel } from './log-lines.ts';
import type { Mode } from './messages.ts';
import type { OriginRequest, OriginRules } from './origin-request.ts';
import type { Settings } from './settings.ts';
import type { StoreEvent } from './store-dialogue.ts';

/** What SIGHUP may change while streams run (RG-079). */
export interface ListenerRules extends OriginRules, Thresholds {
  /** `lan.timeout`: to connect, and for each wait for the origin's bytes. */
  readonly lanTimeoutUs: number;
  /** `compress.data`: whole bodies are block-compressed. */
  readonly compressFull: boolean;
  readonly logLevel: LogLevel;
  /** Pages larger than this are encoded by the driver (`encode` event), off the event loop. */
  readonly encodeInlineBytes: number;
}

export interface ListenerOptions {
  readonly limits: LaneLimits;
  readonly random: Random;
  readonly token: string;
  readonly exporter: Uint8Array;
  readonly railgunId: string;
  readonly agent: string;
  readonly listenerId: string;
  readonly codec: DeltaCodec;
  /** Shared by all lanes of this process. */
  readonly dictionary: Dictionary;
  readonly hold: HoldBudget;
  readonly rules: ListenerRules;
}

export type OriginFailure = 'connect_timeout' | 'refused' | 'tls' | 'read_timeout' | 'reset';

export type ListenerEvent =
  | StoreEvent
  | { readonly kind: 'ready'; readonly peer: Settings }
  | {
      readonly kind: 'origin_request';
      readonly stream: number;
      readonly id: string;
      readonly attempt: 1 | 2;
      readonly request: OriginRequest;
    }
  /** A view of what was received: write or copy before the next `receive`, and report it with `originConsumed`. */
  | { readonly kind: 'origin_body'; readonly stream: number; readonly bytes: Uint8Array; readonly end: boolean }
  /** Stop: nobody wants the answer, or no more of the body will come. */
  | { readonly kind: 'origin_cancel'; readonly stream: number }
  /** After `originBody` returned false: read on. */
  | { readonly kind: 'origin_resume'; readonly stream: number }
  /** Heavy work: do `encodeJob` (answer.ts) elsewhere and answer with `encoded(stream, …)`. */
  | { readonly kind: 'encode'; readonly stream: number; readonly job: EncodeJob }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly line: string }
  | { readonly kind: 'retried'; readonly stream: number }
  | {
      readonly kind: 'completed';
      readonly stream: number;
      readonly id: string;
      readonly mode: Mode;
      readonly why: number;
      readonly flags: number;
      readonly bodyBytes: number;
      readonly wanBytes: number;
      readonly spanUs: number;
    }
  | { readonly kind: 'stream_failed'; readonly stream: number; readonly id: string; readonly code: number }
  | { readonly kind: 'closed'; readonly fault: LaneFault };

/** Final head of the origin's answer (no 1xx). */
export interface OriginAnswer {
  readonly status: number;
  readonly lines: readonly HeadLine[];
  /** 0 where there is no body (HEAD, 204, 304), `undefined` where only the end tells. */
  readonly bodyLength: number | undefined;
}
