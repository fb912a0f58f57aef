/** A hostile or broken peer: bombs, limits, and random bytes. `FUZZ_DELTA=1000000` runs longer. */
import { brotliCompressSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { CODEC, decode, type CodecId } from '../../../src/railgun/delta/codec.ts';
import { BitEncoder } from '../../../src/railgun/delta/bit-coder.ts';
import { MAX_TOKENS, NO_HURRY, THOROUGH, encodeHybrid } from '../../../src/railgun/delta/hybrid.ts';
import { Model } from '../../../src/railgun/delta/model.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { CODERS, noise } from './cases.ts';

const old = pageAt('shop', 7, 1);
const MIB = 1 << 20;

describe('bombs', () => {
  it.each([
    { name: 'brotli', codec: CODEC.brotli, bomb: brotliCompressSync(new Uint8Array(64 * MIB)) },
    { name: 'zstd', codec: CODEC.zstd, bomb: zstdCompressSync(new Uint8Array(64 * MIB)) },
  ])('$name: 64 MiB in $bomb.length bytes stop at the announced length', ({ codec, bomb }) => {
    expect(decode(codec, new Uint8Array(0), bomb, 1000).kind).toBe('refused');
  });

  it('zstd: a window larger than ours is refused', () => {
    // Magic, no single segment, window descriptor 2^31, one empty last block.
    const frame = Buffer.from('28b52ffd00a8010000', 'hex');
    expect(decode(CODEC.zstd, new Uint8Array(0), frame, 0).kind).toBe('refused');
  });

  it('copy/add: operations that make almost nothing are refused', () => {
    // no literals, copy one byte, straight on: three bytes of list for one of page
    const list = Buffer.concat([Buffer.alloc(3 * 4000, Buffer.of(0, 1, 0)), Buffer.of(0, 0)]);
    expect(decode(CODEC.copyAdd, noise(5000, 1), list, 4000)).toEqual({ kind: 'refused', why: 'too many operations' });
  });

  it('hybrid: more tokens than any honest delta has are refused', () => {
    const size = MAX_TOKENS + 10;
    const encoder = new BitEncoder();
    const model = new Model();
    const page = new Uint8Array(size);
    encoder.start();
    model.start(new Uint8Array(0), page);
    for (let at = 0; at < size; at++) {
      model.isCopy(encoder, at, 0);
      model.literal(encoder, at, 0);
    }
    const delta = encoder.finish();
    expect(delta.length).toBeLessThan(1000);
    expect(decode(CODEC.hybrid, new Uint8Array(0), delta, size)).toEqual({ kind: 'refused', why: 'too many tokens' });
  });

  it('hybrid: the encoder gives up where the decoder would', () => {
    expect(encodeHybrid(noise(10, 1), noise(MAX_TOKENS + 1000, 2), THOROUGH, NO_HURRY)).toBeUndefined();
  });
});

describe('random bytes', () => {
  const rounds = Number(process.env.FUZZ_DELTA ?? 3000);
  const random = seededRandom(`fuzz/${process.env.FUZZ_SEED ?? 1}`);
  const honest = CODERS.map(({ codec, encode }) => ({ codec, delta: encode(old, pageAt('shop', 7, 2))! }));
  const targets: CodecId[] = [CODEC.same, CODEC.copyAdd, CODEC.hybrid, CODEC.zstd, CODEC.brotli];

  it(`${rounds} deltas of noise, or honest ones with holes, give a page of the announced length or a refusal`, () => {
    let pages = 0;
    for (let round = 0; round < rounds; round++) {
      const { codec, delta } = random.below(2) === 0 ? mutated() : fresh();
      const length = random.below(3) === 0 ? random.below(3000) : random.below(2) * old.length;
      const decoded = decode(codec, old, delta, length);
      if (decoded.kind === 'refused') continue;
      pages++;
      expect(decoded.bytes.length).toBe(length);
    }
    expect(pages).toBeGreaterThan(0);
  }, 3_600_000);

  function fresh(): { codec: CodecId; delta: Uint8Array } {
    const codec = targets[random.below(targets.length)]!;
    const delta = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    if (delta.length > 0 && codec === CODEC.hybrid) delta[0]! &= 0x7f;
    return { codec, delta };
  }

  function mutated(): { codec: CodecId; delta: Uint8Array } {
    const { codec, delta } = honest[random.below(honest.length)]!;
    const bent = Uint8Array.from(delta);
    for (let n = 1 + random.below(4); n > 0; n--) bent[random.below(bent.length)] = random.below(256);
    return { codec, delta: random.below(4) === 0 ? bent.subarray(0, random.below(bent.length)) : bent };
  }
});
