/**
 * How one whole body is told to the sender: SAME, DELTA or FULL, whichever crosses the lane in the fewest bytes, and the head plain
 * or against the stored one. Pure; the listener has asked the store and the codec before.
 */
import { Block, type Packed, packBlock } from './block-compression.ts';
import type { DeltaCodec, Encoded } from './codec-port.ts';
import { DIGEST_BYTES, type Mode, Why } from './messages.ts';
import { encodeHeadDelta, headDeltaHolds } from './head-delta.ts';

export interface WholeAnswer {
  /** Encoded, secrets included: for this visitor only. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array;
}

export interface CodedAnswer {
  readonly mode: Mode;
  readonly why: number;
  readonly digest: Uint8Array;
  readonly codec: number;
  readonly headMode: 'plain' | 'delta';
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
}

/** A delta below this share of the body beats any compression of the whole, which need not be tried. */
const SURELY_SMALLER = 1 / 16;

/** The heavy part of an answer, as data: it may be done on another thread. */
export interface EncodeJob {
  /** `undefined`: no base, only the whole body is packed. */
  readonly previous: Uint8Array | undefined;
  readonly current: Uint8Array;
  /** Mask of delta codecs that both ends have. */
  readonly allowed: number;
  /** Mask of block compressions that may be used, 0 for none. */
  readonly blockMask: number;
}

export interface EncodeResult {
  readonly delta?: Encoded | undefined;
  /** Absent when the delta is surely smaller. */
  readonly full?: Packed | undefined;
}

/** Pure: the same job gives the same result wherever it is done. */
export function encodeJob(codec: DeltaCodec, job: EncodeJob): EncodeResult {
  const delta = job.previous === undefined ? undefined : codec.encode(job.previous, job.current, job.allowed);
  if (delta !== undefined && delta.bytes.length <= job.current.length * SURELY_SMALLER) return { delta };
  return { delta, full: packBlock(job.current, job.blockMask) };
}

/** The version that both ends hold. */
interface Base {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly digest: Uint8Array;
}

/** DELTA, unless the whole body in its packed form is no larger (RG-044). */
export function shapeAnswer(
  answer: WholeAnswer,
  base: Base | undefined,
  result: EncodeResult,
  whyFull: number,
): CodedAnswer {
  const full = result.full ?? { block: Block.none, bytes: answer.body };
  const { delta } = result;
  if (base === undefined || delta === undefined || delta.bytes.length >= full.bytes.length)
    return fullAnswer(answer, whyFull, full);
  const digest = answer.digest.subarray(0, DIGEST_BYTES);
  return {
    mode: 'delta',
    why: Why.none,
    digest,
    codec: delta.codec,
    ...headAgainst(base.head, answer.head),
    payload: delta.bytes,
  };
}

/** SAME carries the digest too: eight bytes of name are enough to find a page, not to prove one. */
export function sameAnswer(answer: WholeAnswer, base: Base): CodedAnswer {
  const digest = answer.digest.subarray(0, DIGEST_BYTES);
  return {
    mode: 'same',
    why: Why.none,
    digest,
    codec: 0,
    ...headAgainst(base.head, answer.head),
    payload: new Uint8Array(0),
  };
}

export function fullAnswer(answer: WholeAnswer, why: number, packed: Packed): CodedAnswer {
  const digest = answer.digest.subarray(0, DIGEST_BYTES);
  return {
    mode: 'full',
    why,
    digest,
    codec: packed.block,
    headMode: 'plain',
    head: answer.head,
    payload: packed.bytes,
  };
}

function headAgainst(
  stored: Uint8Array,
  head: Uint8Array,
): { readonly headMode: 'plain' | 'delta'; readonly head: Uint8Array } {
  const delta = encodeHeadDelta(stored, head);
  return delta !== undefined && headDeltaHolds(stored, delta, head)
    ? { headMode: 'delta', head: delta }
    : { headMode: 'plain', head };
}
