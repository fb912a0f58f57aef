/**
 * An engine in a process of its own, so that its memory is its own: run by `slow-clients.test.ts` with the origin's port. Its clock
 * stands still until it is told to move. Every message is answered with what it holds.
 */
import { startEdge, toOrigin } from './harness.ts';

export type ToSlowEdge = { readonly kind: 'counts' } | { readonly kind: 'advance'; readonly ms: number };

export interface SlowEdgeCounts {
  readonly port: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly originConnections: number;
  readonly originIdle: number;
  /** What JavaScript holds after a collection, buffers included. */
  readonly heldBytes: number;
  readonly rssBytes: number;
}

const { engine, clock, port } = await startEdge([toOrigin(Number(process.argv[2]))]);

process.on('message', (message: ToSlowEdge) => {
  if (message.kind === 'advance') clock.advance(message.ms);
  // What has come meanwhile first, so that it is counted.
  setImmediate(() => setImmediate(tell));
});

function tell(): void {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const { connections, inFlight, originConnections, originIdle } = engine.counts();
  const counts: SlowEdgeCounts = {
    port,
    connections,
    inFlight,
    originConnections,
    originIdle,
    heldBytes: heapUsed + arrayBuffers,
    rssBytes: rss,
  };
  process.send?.(counts);
}

process.on('disconnect', () => process.exit());
