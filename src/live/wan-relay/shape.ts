/**
 * What a wide-area path is like, in numbers. Each direction by itself: lines are often unequal, and so are faults.
 */

export type Direction = 'to_target' | 'to_client';

export interface LineShape {
  /** One way, milliseconds, fractions allowed. The round trip is the sum of both directions. */
  readonly delayMs: number;
  /** Each burst is early or late by up to this, uniformly; order is kept, and nothing is ever early by more than `delayMs`. */
  readonly jitterMs?: number;
  /** Bytes per second that all connections of the relay share in this direction; left out: without limit. */
  readonly bytesPerSecond?: number;
  /** Bytes of one connection that wait for the line; then its sender is held back. */
  readonly queueBytes?: number;
}

export interface SlowStart {
  /** What a fresh connection may have on its way; RFC 6928 says 10 segments of 1,460 B. */
  readonly initialBytes?: number;
  /** After so long without a byte the window is the initial one again (RFC 5681 4.1). Infinity: never. */
  readonly idleMs?: number;
}

export interface WanShape {
  readonly toTarget: LineShape;
  readonly toClient: LineShape;
  /** Windows start small and double with each round trip; left out: connections are as fast as the line at once. */
  readonly slowStart?: SlowStart;
  /** A new connection costs a round trip before its first byte moves, as TCP's handshake does; left out: true. */
  readonly handshake?: boolean;
}

export const SEGMENT_BYTES = 1_460;
export const INITIAL_WINDOW_BYTES = 10 * SEGMENT_BYTES;
/** Largest window of a connection, in flight on the line: Linux's default limit for receiving is 6 MiB. Bounds memory. */
export const MAX_WINDOW_BYTES = 6_291_456;
/** About what a home router or a sender's socket holds. */
export const DEFAULT_QUEUE_BYTES = 262_144;

/** The same line both ways. `rttMs`: round trip. */
export function symmetric(rttMs: number, bytesPerSecond?: number, slowStart?: SlowStart): WanShape {
  const line: LineShape = { delayMs: rttMs / 2, ...(bytesPerSecond !== undefined && { bytesPerSecond }) };
  return { toTarget: line, toClient: line, ...(slowStart !== undefined && { slowStart }) };
}

/** When an idle window collapses unless said otherwise: Linux's smallest retransmission time, or two round trips. */
export function idleMsOf(slowStart: SlowStart, rttMs: number): number {
  return slowStart.idleMs ?? Math.max(200, 2 * rttMs);
}
