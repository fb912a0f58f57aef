/** Ctrl-C while the lab is being built: what stood is taken down again, wherever it was. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LabError } from '../../../src/drill/lab.ts';
import { lives, makeFolder, readLedger } from '../../../src/drill/lab/ledger.ts';
import { thisMachine } from '../../../src/drill/lab/machine.ts';
import { makePlan } from '../../../src/drill/lab/plan.ts';
import { startLab } from '../../../src/drill/lab/start.ts';
import { inputOf, SELF } from './support.ts';

const TEXT = `
version: 1
name: interrupted
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one, railgun: near }]
  pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]
  railguns: [{ id: near, name: near }]
duration: 10m
world: { pops: [LHR] }
traffic: [{ clients: { count: 10, rate: 1/s } }]
`;

describe('Ctrl-C while the lab is being built', () => {
  it.each(['network', '1 origins', '1 listener', '1 edge'])('at "%s"', async (step) => {
    const input = await inputOf(TEXT);
    const folder = makeFolder();
    const pressed = new AbortController();
    const started: ReturnType<typeof readLedger>[number][] = [];
    const building = startLab({
      ...{ input, raw: input.raw, plan: makePlan(input, new Map(), thisMachine()), self: SELF, folder },
      signal: pressed.signal,
      onProgress: (text) => {
        started.push(...readLedger(folder).slice(1));
        if (text === step) pressed.abort();
      },
    });
    const error = await building.then(
      () => undefined,
      (reason: LabError) => reason,
    );
    expect([error?.message, error?.hint]).toEqual(['interrupted while the lab was being built', '']);
    expect(started.filter(lives)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('a program that does not come up takes the others down, and says why', async () => {
    const input = await inputOf(TEXT);
    const folder = makeFolder();
    const self = [process.execPath, '-e', 'console.error("no such verb"); process.exitCode = 2'];
    const building = startLab({
      ...{ input, raw: input.raw, plan: makePlan(input, new Map(), thisMachine()), self, folder },
      signal: new AbortController().signal,
      onProgress: () => {},
    });
    await expect(building).rejects.toMatchObject({
      message: 'the network ended with code 2 before it was ready',
      hint: 'its last words: no such verb',
    });
    expect(existsSync(folder)).toBe(false);
  });
});
