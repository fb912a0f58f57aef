/** What happened on one link, for metrics and people. Plain counters; reading them costs nothing. They outlive a link whose address changes. */
import { type Fault, faultCode } from '../../railgun/faults.ts';
import type { Mode } from '../../railgun/messages.ts';

export class LinkCounts {
  lanesTried = 0;
  lanesOpened = 0;
  lanesFailed = 0;
  lanesClosed = 0;
  /** Requests that were put on another lane because the first had not acted on them. */
  replaced = 0;
  resyncs = 0;
  /** All that was written to and read from lanes that are closed, framing included, TLS not. */
  bytesSent = 0;
  bytesReceived = 0;
  /** Bodies of answers, and what of them crossed the lane. */
  bodyBytes = 0;
  wanBytes = 0;
  /** Lookups of page versions, and how storing them went. */
  readonly store = { hit: 0, miss: 0, down: 0, stored: 0, refused: 0 };
  /** CPU spent in the delta codec, milliseconds. */
  codecMs = 0;
  readonly modes: Record<Mode, number> = { raw: 0, full: 0, delta: 0, same: 0 };
  /** By the reason that the visitor is told. */
  readonly direct = new Map<string, number>();
  /** By code. */
  readonly failures = new Map<string, number>();

  ended(event: { readonly mode: Mode; readonly wanBytes: number; readonly bodyBytes: number }): void {
    this.modes[event.mode] += 1;
    this.bodyBytes += event.bodyBytes;
    this.wanBytes += event.wanBytes;
  }

  wentDirect(reason: string): void {
    this.direct.set(reason, (this.direct.get(reason) ?? 0) + 1);
  }

  failed(fault: Fault): void {
    const code = faultCode(fault);
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }
}
