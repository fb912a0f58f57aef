/** Deltas on another thread: the same results, in order, and no caller left waiting when threads die. */
import { afterEach, describe, expect, it } from 'vitest';
import { encodeJob } from '../../src/railgun/answer.ts';
import { BLOCK_MASK } from '../../src/railgun/block-compression.ts';
import { WORKER_BUDGET_US, deltaCodec } from '../../src/railgun/delta/choose.ts';
import { ALL_CODECS, CODEC } from '../../src/railgun/delta/codec.ts';
import { DeltaPool } from '../../src/live/delta-worker.ts';
import { pageAt } from '../../src/sim/pages.ts';

const job = (version: number) => ({
  previous: pageAt('incidents', 1, version),
  current: pageAt('incidents', 1, version + 1),
  allowed: ALL_CODECS,
  blockMask: BLOCK_MASK,
});

let pool = new DeltaPool();
afterEach(() => pool.close());

describe('the delta pool', () => {
  it('gives what the caller would have got by itself', async () => {
    pool = new DeltaPool({ threads: 2, maxQueued: 32 });
    const jobs = [1, 2, 3, 4, 5].map(job);
    const results = await Promise.all(jobs.map((each) => pool.encode(each)));
    const codec = deltaCodec(WORKER_BUDGET_US);
    for (const [n, result] of results.entries()) {
      const alone = encodeJob(codec, jobs[n]!);
      expect(result?.delta?.codec).toBe(alone.delta?.codec);
      expect(Buffer.from(result!.delta!.bytes)).toEqual(Buffer.from(alone.delta!.bytes));
    }
  });

  it('says so at once when too many jobs wait', async () => {
    pool = new DeltaPool({ threads: 1, maxQueued: 2 });
    const waiting = [1, 2, 3].map((version) => pool.encode(job(version)));
    await expect(pool.encode(job(4))).resolves.toBeUndefined();
    const done = await Promise.all(waiting);
    expect(done.every((result) => result !== undefined)).toBe(true);
  });

  it('a job that kills its thread is answered, and the next one gets a new thread', async () => {
    pool = new DeltaPool({ threads: 1, maxQueued: 8 });
    const broken = { ...job(1), current: undefined as never };
    await expect(pool.encode(broken)).resolves.toBeUndefined();
    await expect(pool.encode(job(1))).resolves.toMatchObject({ delta: { codec: CODEC.hybrid } });
  });

  it('closed in the middle of the work, it answers everyone', async () => {
    pool = new DeltaPool({ threads: 1, maxQueued: 8 });
    const waiting = [1, 2, 3].map((version) => pool.encode(job(version)));
    await pool.close();
    await expect(Promise.all(waiting)).resolves.toEqual([undefined, undefined, undefined]);
    await expect(pool.encode(job(1))).resolves.toBeUndefined();
  });
});
