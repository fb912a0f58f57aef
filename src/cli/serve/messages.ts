/** What the primary and its workers say to each other (structured clone, so maps and undefined travel). */
import type { AffinityClaim } from '../../core/decision.ts';
import type { Model } from '../../core/model.ts';
import type { Problem } from '../../core/problem.ts';
import type { HealthSnapshot } from '../../health/snapshot.ts';
import type { Samples } from '../../live/counter-table.ts';
import type { LoadCounts } from '../../live/load.ts';
import type { RecordedProbe } from './health.ts';
import type { LinkFacts } from './link-news.ts';
import type { ServeOptions } from './options.ts';
import type { Addresses } from './plane.ts';

/** A header session: key, claim, and when it was last used, µs. */
export type SharedSession = readonly [key: string, claim: AffinityClaim, usedAt: number];

export type ToWorker =
  | {
      readonly kind: 'begin';
      readonly options: ServeOptions;
      readonly seed: string;
      readonly cookieSecret: string;
      /** One for all workers, so that a client's TLS session resumes at any of them. */
      readonly ticketKeys: Uint8Array;
      readonly model: Model;
      readonly health: HealthSnapshot;
      readonly sessions: readonly SharedSession[];
    }
  | { readonly kind: 'adopt'; readonly model: Model; readonly health: HealthSnapshot }
  | { readonly kind: 'probes'; readonly probes: readonly RecordedProbe[] }
  | { readonly kind: 'load'; readonly others: LoadCounts }
  | { readonly kind: 'session'; readonly session: SharedSession }
  | { readonly kind: 'samples'; readonly id: number }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'drain'; readonly graceMs: number };

export type FromWorker =
  | { readonly kind: 'up'; readonly addresses: Addresses }
  | { readonly kind: 'failed'; readonly problems: readonly Problem[] }
  | { readonly kind: 'samples'; readonly id: number; readonly samples: Samples }
  | { readonly kind: 'load'; readonly counts: LoadCounts }
  | { readonly kind: 'session'; readonly session: SharedSession }
  | { readonly kind: 'failover'; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly kind: 'railgun'; readonly facts: LinkFacts }
  | { readonly kind: 'told'; readonly level: 'info' | 'warn' | 'error'; readonly text: string };
