/**
 * The other end of `delta-worker.ts`: one thread that does encode jobs, one after the other, and answers each with its
 * number. Must be a file of its own, also in a bundle, because a worker thread starts from a file.
 */
import { parentPort } from 'node:worker_threads';
import { type EncodeJob, type EncodeResult, encodeJob } from '../railgun/answer.ts';
import { WORKER_BUDGET_US, deltaCodec } from '../railgun/delta/choose.ts';

export interface DeltaOrder {
  readonly number: number;
  readonly job: EncodeJob;
}

export interface DeltaReply {
  readonly number: number;
  readonly result: EncodeResult;
}

const codec = deltaCodec(WORKER_BUDGET_US);

parentPort?.on('message', ({ number, job }: DeltaOrder) => {
  const reply: DeltaReply = { number, result: encodeJob(codec, job) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(reply);
});
