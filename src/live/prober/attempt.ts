/**
 * One probe on the wire: its clock, its time-out, the sockets it holds, and its one and only end. Kinds of probe are written
 * against this, so that each of them is a straight story without bookkeeping.
 */
import type { ProbeAnswer, ProbeReason, ProbeRequest } from '../../core/probe.ts';

/** Where a probe is, which says what a time-out means. */
export type Phase = 'connecting' | 'waiting';

/** What an attempt holds and must let go of at its end: sockets, child processes. */
export interface Held {
  release(): void;
}

export class Attempt {
  readonly request: ProbeRequest;
  phase: Phase = 'connecting';
  /** What a time-out is called while waiting for an answer. */
  readonly #slow: Exclude<ProbeReason, 'no_failures'>;
  readonly #done: (answer: ProbeAnswer) => void;
  readonly #held = new Set<Held>();
  readonly #timer: NodeJS.Timeout;
  #startedAt = process.hrtime.bigint();
  #ended = false;

  constructor(request: ProbeRequest, done: (answer: ProbeAnswer) => void) {
    this.request = request;
    this.#done = done;
    this.#slow = slowReason(request);
    this.#timer = setTimeout(() => this.#timedOut(), request.timeoutMs);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The name is resolved, the probe itself begins: round-trip time counts from here. */
  begin(): void {
    this.#startedAt = process.hrtime.bigint();
  }

  /** Whole µs since the probe began. */
  elapsedUs(): number {
    return Number((process.hrtime.bigint() - this.#startedAt) / 1000n);
  }

  /** Will be released at the end; at once when the end has come already. */
  hold(held: Held): void {
    if (this.#ended) held.release();
    else this.#held.add(held);
  }

  passed(rttUs = this.elapsedUs()): void {
    this.#end({ kind: 'passed', rttUs });
  }

  answered(status: number, body: Uint8Array, rttUs: number): void {
    this.#end({ kind: 'http', status, body, rttUs });
  }

  failed(reason: Exclude<ProbeReason, 'no_failures'>, detail: string): void {
    this.#end({ kind: 'failed', reason, detail, rttUs: undefined });
  }

  /** No answer is wanted any more. */
  cancel(): void {
    this.#end(undefined);
  }

  #timedOut(): void {
    const reason = this.phase === 'connecting' && this.#slow !== 'icmp_timeout' ? 'tcp_timeout' : this.#slow;
    this.failed(
      reason,
      `no ${this.phase === 'connecting' ? 'connection' : 'answer'} within ${this.request.timeoutMs} ms`,
    );
  }

  #end(answer: ProbeAnswer | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const held of this.#held) held.release();
    this.#held.clear();
    if (answer !== undefined) this.#done(answer);
  }
}

function slowReason({ type }: ProbeRequest): Exclude<ProbeReason, 'no_failures'> {
  if (type === 'http' || type === 'https') return 'http_timeout';
  return type === 'icmp_ping' || type === 'udp_icmp' ? 'icmp_timeout' : 'tcp_timeout';
}
