/**
 * The listener's heavy work in a simulated run: the real codec, called at once, and never twice for the same pair of versions. Many PoPs
 * ask for the same change of the same page; the answer is a pure function of both versions, so it is remembered by their digests.
 */
import { type EncodeJob, type EncodeResult, encodeJob } from '../../railgun/answer.ts';
import { LOOP_BUDGET_US, WORKER_BUDGET_US, deltaCodec } from '../../railgun/delta/choose.ts';
import { sha256 } from '../../railgun/dictionary.ts';

/** As the live listener: larger pages are encoded on another thread, which may take its time. */
const INLINE_BYTES = 200_000;
/** Results that are kept; a delta has some hundred bytes, a whole packed page ten thousand. */
const KEPT = 4_000;

export class CodecMemo {
  readonly #inline = deltaCodec(LOOP_BUDGET_US);
  readonly #worker = deltaCodec(WORKER_BUDGET_US);
  readonly #known = new Map<string, EncodeResult>();
  hits = 0;
  misses = 0;

  encode(job: EncodeJob): EncodeResult {
    const { previous, current, allowed, blockMask } = job;
    const key = `${previous === undefined ? '' : name(previous)}/${name(current)}/${allowed}/${blockMask}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.hits += 1;
      return known;
    }
    this.misses += 1;
    const result = encodeJob(current.length > INLINE_BYTES ? this.#worker : this.#inline, job);
    this.#known.set(key, result);
    if (this.#known.size > KEPT) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    return result;
  }
}

function name(bytes: Uint8Array): string {
  return Buffer.from(sha256(bytes)).toString('base64');
}
