/** The live guard and the simulated one are given the same calls while their store dies, freezes and returns: both leave it alone at the same moments. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { micros } from '../../../src/core/time.ts';
import { GuardedStore } from '../../../src/live/stores/guard.ts';
import type { StoreBackend } from '../../../src/live/stores/store.ts';
import type { SimStoreNode, StoreState } from '../../../src/sim/railgun-estate.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { StoreClient, StoreNode } from '../../../src/sim/wire/page-store.ts';

/** A call, or a turn of the store's fate, and how long nothing happens then. */
type Step = { readonly do: 'get' | 'set' | 'delete' | StoreState; readonly thenMs: number };

/** Refuses at once when it is gone; says nothing while it is silent, and all of it when it is woken. */
class FickleBackend implements StoreBackend {
  readonly #state: () => StoreState;
  readonly #hanging = new Set<{ wake: () => void; fail: (error: Error) => void }>();

  constructor(state: () => StoreState) {
    this.#state = state;
  }

  get = (): Promise<undefined> => this.#ask(undefined);
  set = (): Promise<boolean> => this.#ask(true);
  delete = (): Promise<void> => this.#ask(undefined);
  close = async (): Promise<void> => this.reset();

  reset(): void {
    for (const { fail } of this.#hanging) fail(new Error('reset'));
    this.#hanging.clear();
  }

  wake(): void {
    for (const { wake } of this.#hanging) wake();
    this.#hanging.clear();
  }

  #ask<T>(value: T): Promise<T> {
    if (this.#state() === 'gone') return Promise.reject(new Error('ECONNREFUSED'));
    if (this.#state() === 'up') return Promise.resolve(value);
    return new Promise((resolve, fail) => this.#hanging.add({ wake: () => resolve(value), fail }));
  }
}

/** Milliseconds at which each began to rest or came back: `live`, `simulated`. */
async function restsOf(steps: readonly Step[]): Promise<{ live: string[]; simulated: string[] }> {
  const node: SimStoreNode = { state: 'up', generation: 0, effects: [] };
  const live: string[] = [];
  const simulated: string[] = [];
  const clock = new VirtualClock(micros(0));
  const client = new StoreClient(clock, [new StoreNode()], [node]);
  const backend = new FickleBackend(() => node.state);
  const store = new GuardedStore('it', backend, { thereAtOnce: true });
  let nowMs = 0;
  const look = (told: string[], available: boolean): void => {
    const rests = told.at(-1)?.endsWith('rests') === true;
    if (available === rests) told.push(`${nowMs} ${available ? 'back' : 'rests'}`);
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1) {
      nowMs += 1;
      await vi.advanceTimersByTimeAsync(1);
      clock.runUntil(micros(nowMs * 1_000));
      look(live, store.available);
      look(simulated, client.available(0));
    }
  };
  for (const step of steps) {
    if (step.do === 'get') {
      void store.get('a');
      client.get('a', () => {});
    } else if (step.do === 'set') {
      void store.set('a', Uint8Array.of(1));
      client.set('a', Uint8Array.of(1), 0, () => {});
    } else if (step.do === 'delete') {
      void store.delete('a');
      client.delete('a');
    } else {
      node.state = step.do;
      if (step.do === 'up') backend.wake();
    }
    await pass(step.thenMs);
  }
  await store.close();
  return { live, simulated };
}

/** Within a few milliseconds: the live guard's time-outs end one turn of the loop later, and a simulated answer takes 0.2 ms. */
function near(live: readonly string[], simulated: readonly string[]): boolean {
  const far = (one: string, other = ''): boolean => {
    const [[at, what], [otherAt, otherWhat]] = [one.split(' '), other.split(' ')];
    return what !== otherWhat || Math.abs(Number(at) - Number(otherAt)) > 2 * PROBES;
  };
  return live.length === simulated.length && live.every((one, at) => !far(one, simulated[at]));
}
/** Each probe in vain may add its own millisecond. */
const PROBES = 8;

describe('the breaker of a store in both worlds', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const calls = (count: number, everyMs: number): Step[] =>
    Array.from({ length: count }, (_, n) => ({ do: n % 3 === 2 ? 'set' : 'get', thenMs: everyMs }));

  it('a killed store is left alone with the third refusal, and found again by the probe after its return', async () => {
    const { live, simulated } = await restsOf([
      ...calls(10, 40),
      { do: 'gone', thenMs: 0 },
      ...calls(100, 40),
      { do: 'up', thenMs: 0 },
      ...calls(60, 40),
    ]);
    // 25 ms after the rest began, then 50, 100 and so on: the eighth probe is the first that finds it.
    expect(live[0]).toBe('481 rests');
    expect(near(live, ['481 rests', `${480 + 5_175} back`]), live.join(', ')).toBe(true);
    expect(near(live, simulated), `${live.join(', ')} / ${simulated.join(', ')}`).toBe(true);
  });

  it('a frozen one is left alone when three have waited in vain', async () => {
    const { live, simulated } = await restsOf([
      { do: 'silent', thenMs: 0 },
      ...calls(5, 20),
      { do: 'silent', thenMs: 500 },
      { do: 'up', thenMs: 500 },
    ]);
    expect(near(live, simulated), `${live.join(', ')} / ${simulated.join(', ')}`).toBe(true);
    expect(live.map((one) => one.split(' ')[1])).toEqual(['rests', 'back']);
  });

  it('whatever happens, they rest and come back together', async () => {
    const step = fc.record({
      do: fc.constantFrom<Step['do']>('get', 'get', 'set', 'delete', 'get', 'up', 'gone'),
      thenMs: fc.integer({ min: 2, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const { live, simulated } = await restsOf(steps);
        expect(near(live, simulated), `${live.join(', ')} / ${simulated.join(', ')}`).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
