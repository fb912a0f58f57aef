/** A delta codec that says what it cost. A call is synchronous, so the time that passed is the time that it took (another thread's aside). */
import type { DeltaCodec } from '../../railgun/codec-port.ts';

export function timedCodec(codec: DeltaCodec, spent: (ms: number) => void): DeltaCodec {
  const timed = <T>(work: () => T): T => {
    const startedAt = performance.now();
    try {
      return work();
    } finally {
      spent(performance.now() - startedAt);
    }
  };
  return {
    mask: codec.mask,
    prepare: (previous, allowed) => timed(() => codec.prepare?.(previous, allowed)),
    encode: (previous, current, allowed) => timed(() => codec.encode(previous, current, allowed)),
    decode: (number, previous, delta, length, into) => timed(() => codec.decode(number, previous, delta, length, into)),
  };
}
