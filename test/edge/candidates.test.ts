/** What an edge of the lab writes down beyond others: the pools that a decision looked at, in the words of a replay's trace. */
import { describe, expect, it } from 'vitest';
import { PureEdge, shop } from './support.ts';

describe('the candidates of a decision', () => {
  it.each([
    ['all is well', {}, 'a,b:pool_not_drawn'],
    ['the first is out', { a: 'critical' }, 'a:pool_critical,b'],
    ['both are out', { a: 'critical', b: 'critical' }, 'a:pool_critical,b:pool_critical,f'],
  ] as const)('%s', (_name, health, candidates) => {
    const edge = new PureEdge(shop({ steering_policy: 'off' }), { inLab: true });
    for (const [pool, state] of Object.entries(health)) edge.set(pool, state);
    expect(edge.ask().flight.candidates).toBe(candidates);
    // Each request has its own.
    expect(edge.ask().flight.candidates).toBe(candidates);
  });

  it("are nobody else's business", () => {
    expect(new PureEdge(shop()).ask().flight.candidates).toBeUndefined();
  });
});
