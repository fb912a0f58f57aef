/** What every store of `src/live/stores` does, whatever is behind it. Run against all of them by test/live/stores/contract.test.ts. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Store, StoreOptions } from '../../src/live/stores/store.ts';

export interface StoreKind {
  readonly name: string;
  /** Why it cannot be tried here. */
  readonly missing: string | undefined;
  /** A store that answers. Data of an earlier test may still be in it. */
  open(options: StoreOptions): Promise<Store>;
}

/** The suite is about what a store does, not how soon: on a busy machine even a good one may need longer than 100 ms. */
const PATIENT: StoreOptions = { budgetMs: 10_000 };

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);
}

export function byteStoreContract(kind: StoreKind): void {
  const title = kind.missing === undefined ? kind.name : `${kind.name} (skipped: ${kind.missing})`;
  describe.skipIf(kind.missing !== undefined)(title, () => {
    let run = 0;
    const opened: Store[] = [];
    const open = async (options: StoreOptions = {}): Promise<Store> => {
      const store = await kind.open({ ...PATIENT, ...options });
      opened.push(store);
      run += 1;
      return store;
    };
    const key = (name: string): string => `${kind.name}/${run}/${name}`;

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    it.each([0, 1, 255, 65_536, 1_000_056])('gives back a value of %d bytes as it was', async (length) => {
      const store = await open();
      const value = bytes(length, 3);
      expect(await store.set(key('a'), value, 60)).toBe(true);
      const found = await store.get(key('a'));
      expect(found === undefined ? 'nothing' : Buffer.compare(found, value)).toBe(0);
    });

    it('knows nothing of a key that was never stored', async () => {
      const store = await open();
      expect(await store.get(key('never'))).toBeUndefined();
      expect(await store.lookup(key('never'))).toEqual({ kind: 'miss' });
    });

    it('holds the last of two values', async () => {
      const store = await open();
      await store.set(key('a'), bytes(1_000, 1), 60);
      await store.set(key('a'), bytes(10, 2), 60);
      expect(Buffer.from((await store.get(key('a'))) ?? [])).toEqual(Buffer.from(bytes(10, 2)));
    });

    it('forgets what is deleted, and does not mind deleting nothing', async () => {
      const store = await open();
      await store.set(key('a'), bytes(10, 1), 60);
      await store.delete(key('a'));
      await store.delete(key('a'));
      expect(await store.get(key('a'))).toBeUndefined();
    });

    it('takes any key and any value, and mixes up none', async () => {
      const store = await open();
      const anyKey = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.string({ minLength: 240, maxLength: 400 }),
        fc.constantFrom(
          '',
          ' ',
          'a b',
          'a\r\nflush_all\r\n',
          '\0',
          '#sha256:',
          `${'x'.repeat(300)}1`,
          `${'x'.repeat(300)}2`,
        ),
      );
      const pairs = fc.uniqueArray(fc.tuple(anyKey, fc.uint8Array({ maxLength: 300 })), {
        selector: ([k]) => k,
        maxLength: 12,
      });
      await fc.assert(
        fc.asyncProperty(pairs, async (list) => {
          for (const [name, value] of list) expect(await store.set(name, value, 60)).toBe(true);
          for (const [name, value] of list)
            expect(Buffer.from((await store.get(name)) ?? 'nothing')).toEqual(Buffer.from(value));
        }),
        { numRuns: 40 },
      );
    });

    it('RG-056 forgets a value after its time, and never with 0', async () => {
      const store = await open();
      await store.set(key('brief'), bytes(10, 1), 1);
      await store.set(key('for ever'), bytes(10, 2), 0);
      let turns = 0;
      while ((await store.get(key('brief'))) !== undefined) {
        turns += 1;
        expect(turns, 'still there after ten times its life').toBeLessThan(200);
        await new Promise((done) => setTimeout(done, 50));
      }
      expect(await store.get(key('for ever'))).toBeDefined();
    });

    it('RG-057 does not store what is larger than the limit', async () => {
      const store = await open({ limitBytes: 1_000 });
      expect(await store.set(key('a'), bytes(1_000, 1), 60)).toBe(true);
      expect(await store.set(key('b'), bytes(1_001, 1), 60)).toBe(false);
      expect(await store.get(key('a'))).toBeDefined();
      expect(await store.get(key('b'))).toBeUndefined();
    });

    it('answers a thousand questions at once, each with its own answer', async () => {
      const store = await open();
      for (let i = 0; i < 50; i++) await store.set(key(`${i}`), bytes(500 + i, i), 60);
      const asked = Array.from({ length: 1_000 }, (_, i) => i % 60);
      const found = await Promise.all(asked.map((i) => store.get(key(`${i}`))));
      for (const [turn, i] of asked.entries()) {
        const expected = i < 50 ? Buffer.from(bytes(500 + i, i)) : undefined;
        const value = found[turn];
        expect(value === undefined ? undefined : Buffer.from(value)).toEqual(expected);
      }
    });

    it('takes many values at once, each under its own name', async () => {
      const store = await open();
      const stored = Array.from({ length: 500 }, (_, i) =>
        store.set(key(`${i}`), new Uint8Array(1_000).fill(i & 0xff), 60),
      );
      expect((await Promise.all(stored)).every(Boolean)).toBe(true);
      for (const i of [0, 63, 64, 400]) expect((await store.get(key(`${i}`)))?.[999]).toBe(i & 0xff);
    });

    it('takes on so many questions and no more; the others are misses at once', async () => {
      const store = await open();
      await store.set(key('a'), bytes(10, 1), 60);
      const asked = Array.from({ length: 20_000 }, () => store.get(key('a')));
      const [before] = store.report();
      expect(before?.waiting ?? 0).toBeLessThanOrEqual(1_024);
      expect(before?.underWay ?? 0).toBeLessThanOrEqual(64);
      const found = await Promise.all(asked);
      expect(found.filter((value) => value !== undefined).length).toBeGreaterThanOrEqual(1_000);
      expect(found.every((value) => value === undefined || value.length === 10)).toBe(true);
      expect(store.available).toBe(true);
      expect(await store.get(key('a'))).toBeDefined();
    });

    it('counts what it did', async () => {
      const store = await open({ limitBytes: 100 });
      await store.set(key('a'), bytes(60, 1), 60);
      await store.set(key('b'), bytes(101, 1), 60);
      await store.get(key('a'));
      await store.get(key('a'));
      await store.get(key('none'));
      const sum = (of: 'hits' | 'misses' | 'stored' | 'bytesRead' | 'bytesStored' | 'errors' | 'timeouts'): number =>
        store.report().reduce((total, node) => total + node[of], 0);
      expect([sum('hits'), sum('misses'), sum('stored')]).toEqual([2, 1, 1]);
      expect([sum('bytesRead'), sum('bytesStored')]).toEqual([120, 60]);
      expect([sum('errors'), sum('timeouts')]).toEqual([0, 0]);
    });

    it('is a store without anything once it is closed, however often', async () => {
      const store = await open();
      await store.set(key('a'), bytes(10, 1), 60);
      const late = store.get(key('a'));
      await Promise.all([store.close(), store.close()]);
      await late;
      expect(await store.lookup(key('a'))).toEqual({ kind: 'down' });
      expect(await store.set(key('a'), bytes(10, 1), 60)).toBe(false);
      await store.delete(key('a'));
      expect(store.available).toBe(false);
      expect(await store.ready(10)).toBe(false);
    });
  });
}
