import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RGX_LIMITS } from '../../src/railgun/limits.ts';
import {
  commonVersion,
  encodeSettings,
  ownSettings,
  parseSettings,
  proofHolds,
  proofOf,
} from '../../src/railgun/settings.ts';
import { EXPORTER, TOKEN } from './pretend-link.ts';

const own = {
  agent: '5360',
  codecs: 0x1e,
  blockCompressions: 13,
  proof: proofOf('sender', TOKEN, EXPORTER, '1'),
  laneNonce: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  listenerId: '',
  place: 'LHR',
};
const settings = ownSettings('sender', RGX_LIMITS, own);
const wire = encodeSettings(settings);

describe('SETTINGS', () => {
  it('come back as they were sent', () => {
    const parsed = parseSettings(wire, 'sender');
    expect(parsed).toEqual({ ...settings, proof: Uint8Array.from(settings.proof), laneNonce: own.laneNonce });
  });

  it('cut at every length they are a sentence, or settings with a whole proof or none: never with a piece of one', () => {
    for (let cut = 0; cut < wire.length; cut += 1) {
      const parsed = parseSettings(wire.subarray(0, cut), 'sender');
      if (typeof parsed !== 'string') expect([0, 32]).toContain(parsed.proof.length);
    }
  });

  it('unknown ids are skipped', () => {
    const grease = Uint8Array.of(0x40 | 0x1f, 0xaa, 3, 1, 2, 3);
    expect(typeof parseSettings(Buffer.concat([wire, grease]), 'sender')).toBe('object');
  });

  it('the same id twice is refused', () => {
    expect(parseSettings(Buffer.concat([wire, Uint8Array.of(1, 1, 1)]), 'sender')).toMatch(/id 1 twice/);
  });

  it('from the wrong end they are refused', () => {
    expect(parseSettings(wire, 'listener')).toMatch(/do not come from a listener/);
  });

  it.each([
    { name: 'other magic', bytes: Buffer.concat([Buffer.from('RGX2'), wire.subarray(4)]) },
    { name: 'plain HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n') },
    { name: 'nothing', bytes: Buffer.alloc(0) },
  ])('$name is refused', ({ bytes }) => {
    expect(parseSettings(bytes, 'sender')).toBeTypeOf('string');
  });

  it('versions: the range must hold ours', () => {
    expect(commonVersion(settings)).toBe(1);
    expect(commonVersion({ ...settings, minVersion: 1, maxVersion: 9 })).toBe(1);
    expect(commonVersion({ ...settings, minVersion: 2, maxVersion: 9 })).toBeUndefined();
    expect(commonVersion({ ...settings, minVersion: 0, maxVersion: 0 })).toBeUndefined();
  });

  it('garbage never throws', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        (tail) => void parseSettings(Buffer.concat([Buffer.from('RGX1'), tail]), 'sender'),
      ),
    );
  });
});

describe('the proof of the token', () => {
  const proof = proofOf('sender', TOKEN, EXPORTER, '1');
  it.each([
    { name: 'the same token, session, role and Railgun', other: proofOf('sender', TOKEN, EXPORTER, '1'), holds: true },
    { name: 'another token', other: proofOf('sender', TOKEN.replace('0', '1'), EXPORTER, '1'), holds: false },
    { name: 'another TLS session (a replay)', other: proofOf('sender', TOKEN, new Uint8Array(32), '1'), holds: false },
    { name: 'the other role (a reflection)', other: proofOf('listener', TOKEN, EXPORTER, '1'), holds: false },
    { name: 'another Railgun', other: proofOf('sender', TOKEN, EXPORTER, '2'), holds: false },
    { name: 'none', other: new Uint8Array(0), holds: false },
  ])('$name: $holds', ({ other, holds }) => {
    expect(proofHolds(proof, other)).toBe(holds);
  });

  it('the token itself is nowhere in SETTINGS', () => {
    expect(Buffer.from(wire).includes(TOKEN)).toBe(false);
  });
});
