/** The guard around a store, with backends that do the worst at will; no server, no clock that is asserted. */
import { afterAll, describe, expect, it } from 'vitest';
import { Breaker } from '../../../src/railgun/store-breaker.ts';
import { GuardedStore } from '../../../src/live/stores/guard.ts';
import { memoryBackend } from '../../../src/live/stores/memory.ts';
import type { StoreBackend, StoreEvent } from '../../../src/live/stores/store.ts';
import { endServers, missing, startServer } from '../../contract/servers.ts';
import { connected, until } from './kinds.ts';

afterAll(endServers);

function backend(change: Partial<StoreBackend>): StoreBackend {
  return {
    get: async () => undefined,
    set: async () => true,
    delete: async () => {},
    reset: () => {},
    close: async () => {},
    ...change,
  };
}

const never = <Out>(): Promise<Out> => new Promise(() => {});

describe('the breaker', () => {
  it.each([
    { name: 'two failures are borne', results: 'xx', resting: false },
    { name: 'three in a row are not', results: 'xxx', resting: true },
    { name: 'answers between make up for failures', results: 'x.x.x.xx', resting: false },
    { name: 'more failures than answers are too many', results: 'xx.xx', resting: true },
  ])('$name', ({ results, resting }) => {
    const breaker = new Breaker(false);
    for (const one of results) {
      if (one === 'x') breaker.failed();
      else breaker.answered();
    }
    expect(breaker.resting).toBe(resting);
  });

  it('asks at growing distances up to two seconds, and starts small again only after it has proved itself', () => {
    const breaker = new Breaker(true);
    expect(Array.from({ length: 9 }, () => breaker.restMs())).toEqual([
      25, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000,
    ]);
    breaker.returned();
    for (let i = 0; i < 3; i++) breaker.failed();
    expect(breaker.restMs()).toBe(2_000);
    breaker.returned();
    for (let i = 0; i < 50; i++) breaker.answered();
    for (let i = 0; i < 3; i++) breaker.failed();
    expect(breaker.restMs()).toBe(25);
  });
});

describe('the guard', () => {
  it('bears a client that throws instead of failing', async () => {
    const broken = (): never => {
      throw new Error('not even a promise');
    };
    const store = new GuardedStore(
      'broken',
      backend({ get: broken, set: broken, delete: broken, reset: broken, close: broken }),
      {
        thereAtOnce: true,
      },
    );
    for (let i = 0; i < 5; i++) {
      expect(await store.lookup('a')).toEqual({ kind: 'down' });
      expect(await store.set('a', new Uint8Array(1))).toBe(false);
      await store.delete('a');
    }
    expect(store.available).toBe(false);
    await store.close();
  });

  it('RG-055 never holds more than 64 operations of a store that does not answer', async () => {
    let asked = 0;
    let resets = 0;
    const silent = backend({
      get: () => {
        asked += 1;
        return never();
      },
      reset: () => {
        resets += 1;
      },
    });
    const store = new GuardedStore('silent', silent, { thereAtOnce: true, budgetMs: 20 });
    const answers = await Promise.all(Array.from({ length: 3_000 }, (_, i) => store.lookup(`${i}`)));
    expect(answers.every(({ kind }) => kind === 'down')).toBe(true);
    expect(resets).toBeGreaterThan(0);
    // The others are probes of the resting store.
    expect(asked).toBeLessThanOrEqual(64 + resets);
    await store.close();
  });

  it('does not take more values than it may hold', async () => {
    const store = new GuardedStore('slow', backend({ set: () => never() }), { thereAtOnce: true, budgetMs: 50 });
    const taken = Array.from({ length: 100 }, () => store.set('a', new Uint8Array(1_000_000)));
    const [node] = store.report();
    expect(node?.underWay).toBe(33);
    expect(node?.skipped).toBe(67);
    expect((await Promise.all(taken)).some(Boolean)).toBe(false);
    await store.close();
  });

  it('tells when the store goes and when it is back', async () => {
    const events: StoreEvent[] = [];
    let dead = false;
    const memory = memoryBackend({});
    const flaky = {
      ...memory,
      get: async (key: string) => (dead ? Promise.reject(new Error('gone')) : memory.get(key)),
    };
    const store = new GuardedStore('flaky', flaky, { thereAtOnce: true, onEvent: (event) => events.push(event) });
    await store.set('a', Uint8Array.of(7));
    dead = true;
    for (let i = 0; i < 10; i++) await store.get('a');
    dead = false;
    await until('it is back', () => store.available);
    expect(await store.get('a')).toEqual(Uint8Array.of(7));
    expect(events).toEqual([
      { kind: 'store_down', node: 'flaky', why: 'gone' },
      { kind: 'store_up', node: 'flaky' },
    ]);
    await store.close();
  });

  it('forgets by its own clock in memory, and the least recently used when it is full', async () => {
    let nowMs = 1_000;
    const store = new GuardedStore('memory', memoryBackend({ maxBytes: 10_000, nowMs: () => nowMs }), {
      thereAtOnce: true,
    });
    await store.set('brief', new Uint8Array(10), 600);
    await store.set('for ever', new Uint8Array(10), 0);
    nowMs += 599_000;
    expect(await store.get('brief')).toBeDefined();
    nowMs += 2_000;
    expect(await store.get('brief')).toBeUndefined();
    expect(await store.get('for ever')).toBeDefined();
    for (let i = 0; i < 5; i++) {
      await store.set(`large ${i}`, new Uint8Array(3_000));
      await store.get('for ever');
    }
    expect(await store.get('large 0')).toBeUndefined();
    expect(await store.get('large 4')).toBeDefined();
    expect(await store.get('for ever')).toBeDefined();
    expect(await store.set('for ever', new Uint8Array(20_000))).toBe(false);
    expect(await store.get('for ever')).toBeUndefined();
    await store.close();
  });

  it.skipIf(missing('memcached') !== undefined)(
    'finds the answer that came while this process was busy for longer than the budget',
    async () => {
      const server = await startServer('memcached');
      const store = await connected(`memcached://127.0.0.1:${server.port}`, { budgetMs: 50 });
      await until('it is stored', () => store.set('a', Uint8Array.of(7), 60));
      // The server shares the processor with our loop and may really be late, however often: then it is asked again. A guard that looks
      // at its clock before it looks at its socket never finds anything.
      for (let hits = 0; hits < 3; ) {
        await until('the store is used', () => store.available);
        const found = store.lookup('a');
        const until_ = performance.now() + 120;
        while (performance.now() < until_);
        if ((await found).kind === 'hit') hits += 1;
      }
      await store.close();
    },
  );
});
