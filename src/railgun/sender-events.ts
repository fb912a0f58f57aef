/**
 * What the sender's machine is made with, what it is asked, and what it says to its driver. The machine itself is sender.ts.
 */
import type { Random } from '../core/random.ts';
import type { CfRailgun } from './cf-railgun.ts';
import type { DeltaCodec } from './codec-port.ts';
import type { Dictionary } from './dictionary.ts';
import type { Fault, LaneFault } from './faults.ts';
import type { HeadLine } from './head.ts';
import type { LaneLimits } from './limits.ts';
import type { Mode } from './messages.ts';
import type { Settings } from './settings.ts';
import type { StoreEvent } from './store-dialogue.ts';

export interface SenderOptions {
  readonly limits: LaneLimits;
  readonly random: Random;
  readonly token: string;
  readonly exporter: Uint8Array;
  readonly railgunId: string;
  readonly agent: string;
  /** The edge place: `LHR`. At most 32 letters, digits, `-` and `_`. */
  readonly place: string;
  readonly codec: DeltaCodec;
  /** Shared by all lanes of one edge place, and with no other place (RG-018). */
  readonly dictionary: Dictionary;
}

export interface LinkRequest {
  readonly zone: string;
  readonly https: boolean;
  readonly method: string;
  readonly authority: string;
  /** Path and query, latin1, unchanged. */
  readonly path: string;
  /** `CF-ORIGIN-IP`: a literal address, with a port if it is not the scheme's. */
  readonly originAddress: string;
  /** End-to-end fields; hop-by-hop fields are dropped here once more. */
  readonly head: readonly HeadLine[];
  readonly hasBody: boolean;
  /** False: no dictionary is named and none is made (`normal`). */
  readonly wantsDelta: boolean;
  /** Longest wait for an answer to begin (RAW) or to be whole; 0 = the listener's own limits. */
  readonly timeoutUs: number;
}

export type Placement =
  | { readonly kind: 'placed'; readonly stream: number; readonly id: string }
  | { readonly kind: 'refused'; readonly why: 'not_open' | 'busy' | 'exhausted' | 'too_large' | 'bad_head' };

export type SenderEvent =
  | StoreEvent
  | { readonly kind: 'ready'; readonly peer: Settings }
  | {
      readonly kind: 'response';
      readonly stream: number;
      readonly status: number;
      readonly head: readonly HeadLine[];
      /** `undefined`: the body ends with `end` (RAW of unknown length). */
      readonly bodyLength: number | undefined;
      readonly cfRailgun: CfRailgun;
    }
  /** RAW bytes are views of what was received: use or copy before the next `receive`, and report them with `consumed`. */
  | { readonly kind: 'body'; readonly stream: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'end';
      readonly stream: number;
      readonly mode: Mode;
      readonly wanBytes: number;
      readonly bodyBytes: number;
    }
  /** `headSent`: the visitor has the head already; cut the connection (RG-014). */
  | { readonly kind: 'failed'; readonly stream: number; readonly fault: Fault; readonly headSent: boolean }
  /** More of the request body may come. */
  | { readonly kind: 'request_drain'; readonly stream: number }
  /** The answer came before the body was sent: send no more of it. */
  | { readonly kind: 'request_unwanted'; readonly stream: number }
  /** What was rebuilt was wrong: the whole body was asked for. */
  | { readonly kind: 'resync'; readonly stream: number; readonly why: string }
  /** Open no more streams here; the rest may finish. */
  | { readonly kind: 'draining' }
  | { readonly kind: 'closed'; readonly fault: LaneFault };

/** Why RESYNC is asked for: for the listener's log. */
export const ResyncReason = { lost: 1, undecodable: 2, digest: 3, head: 4 } as const;
