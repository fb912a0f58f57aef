/** Two labs of the same scenario at once on one machine, as two people would have them: same addresses, and they never meet. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/drill/lab.ts';
import { ask, type Running, runningLab } from './support.ts';

const TWO_AT_ONCE = `
version: 1
name: twice
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one }]
  pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]
duration: 1m
world: { pops: [LHR], origins: { '*': { latency: 1ms } } }
traffic: [{ clients: { count: 1, rate: 1/s } }]
`;

describe('two labs at once', () => {
  let labs: Running[];
  beforeAll(async () => {
    labs = await Promise.all([runningLab(TWO_AT_ONCE), runningLab(TWO_AT_ONCE)]);
  });
  afterEach(() => Promise.all(labs.map((each) => each.heal())));
  afterAll(() => Promise.all(labs.map(({ lab }) => lab.stop())));

  const listen = (which: number): Endpoint => labs[which]!.lab.edges[0]!.listen;
  const statuses = async (): Promise<number[]> =>
    Promise.all([0, 1].map(async (which) => (await ask(listen(which), labs[which]!.host)).status));

  it('have the same addresses at ports of their own', () => {
    const at = labs.map(({ lab }) => lab.endpointOf('LHR', '127.77.1.1')!.endpoint);
    expect(at[0]!.host).toBe(at[1]!.host);
    expect(at[0]!.port).not.toBe(at[1]!.port);
    expect(listen(0)).not.toEqual(listen(1));
    expect(labs[0]!.folder).not.toBe(labs[1]!.folder);
  });

  it('a fault of one is no fault of the other', async () => {
    expect(await statuses()).toEqual([200, 200]);
    const undoRefusal = await labs[0]!.fault('refuse', 'pool/one');
    expect(await statuses()).toEqual([521, 200]);
    const undoErrors = await labs[1]!.fault('errors', 'pool/one');
    expect(await statuses()).toEqual([521, 500]);
    await undoRefusal();
    expect(await statuses()).toEqual([200, 500]);
    await undoErrors();
    expect(await statuses()).toEqual([200, 200]);
  });

  it('one ends, with nothing left, and the other goes on', async () => {
    expect(await labs[0]!.lab.stop()).toEqual([]);
    expect((await ask(listen(1), labs[1]!.host)).status).toBe(200);
  });
});
