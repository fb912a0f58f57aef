/**
 * The line in one direction: its rate is shared by all connections, turn and turn about. Without clock or sockets: `advance` says what
 * has gone on the line by `now`, as it would have at the exact moments between two calls.
 */
import type { Flow, FlowRoute } from './flow.ts';
import { type LineShape, SEGMENT_BYTES } from './shape.ts';

/** Larger pieces of a fast line would only be cut up again; smaller ones cost a call each. */
const MOST_BYTES = 65_536;
/** A piece is what the line carries in this time, but never less than a segment. */
const PIECE_MS = 1;

export class Line {
  #freeAt = 0;
  /** Whose turn it is comes first. */
  readonly #turns = new Set<Flow>();

  add(flow: Flow): void {
    this.#turns.add(flow);
  }

  remove(flow: Flow): void {
    this.#turns.delete(flow);
  }

  /** Returns when there is more to do, Infinity while all wait for something else. */
  advance(now: number, shape: LineShape, route: FlowRoute): number {
    const rate = (shape.bytesPerSecond ?? Infinity) / 1_000;
    const piece = Math.min(MOST_BYTES, Math.max(SEGMENT_BYTES, Math.floor(rate * PIECE_MS)));
    for (;;) {
      const next = this.#next(now, route);
      const start = next === undefined ? Infinity : Math.max(this.#freeAt, next.readyAt);
      if (next === undefined || start > now) {
        for (const flow of this.#turns) flow.sendEnd(route);
        return start;
      }
      next.flow.send(piece, route, (bytes) => {
        this.#freeAt = start + bytes / rate;
        return this.#freeAt;
      });
      this.#turns.delete(next.flow);
      this.#turns.add(next.flow);
    }
  }

  /** The first in turn of those that are ready when the line is free; else the one that is ready soonest. */
  #next(now: number, route: FlowRoute): { readonly flow: Flow; readonly readyAt: number } | undefined {
    let soonest: { readonly flow: Flow; readonly readyAt: number } | undefined;
    for (const flow of this.#turns) {
      const readyAt = flow.readyAt(now, route);
      if (readyAt === undefined) continue;
      if (readyAt <= this.#freeAt) return { flow, readyAt };
      if (soonest === undefined || readyAt < soonest.readyAt) soonest = { flow, readyAt };
    }
    return soonest;
  }
}
