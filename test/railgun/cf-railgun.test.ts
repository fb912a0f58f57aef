import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CfRailgun,
  explainCfRailgun,
  flagWords,
  formatCfRailgun,
  parseCfRailgun,
  ratioOf,
} from '../../src/railgun/cf-railgun.ts';

const LINK: CfRailgun = {
  kind: 'link',
  id: '151df128a1',
  ratio: 2.05,
  originTimeUs: 9_465,
  flags: 0x31,
  version: '5360',
};

describe('Cf-Railgun', () => {
  it('RG-064 a compressed response: five fields separated by single spaces, each of its form', () => {
    expect(formatCfRailgun(LINK)).toBe('151df128a1 2.05 0.009465 0031 5360');
    expect(formatCfRailgun(LINK)).toMatch(/^[0-9a-f]{10} \d+\.\d{2} \d+\.\d{6} [0-9a-f]{4} [0-9a-f]{4}$/);
  });

  it.each([
    { name: 'RG-065 54 bytes of 92,516', wan: 54, body: 92_516, text: '0.06' },
    { name: 'the published 266 bytes of 92,516', wan: 266, body: 92_516, text: '0.29' },
    { name: 'nothing of a page', wan: 0, body: 92_516, text: '0.00' },
    { name: 'a full body', wan: 10_000, body: 10_000, text: '100.00' },
    { name: 'an empty body', wan: 0, body: 0, text: '0.00' },
  ])('$name prints $text', ({ wan, body, text }) => {
    expect(formatCfRailgun({ ...LINK, ratio: ratioOf(wan, body) }).split(' ')[1]).toBe(text);
  });

  it.each([
    { name: 'RG-070 50.57 ms', us: 50_570, text: '0.050570' },
    { name: '1.8 ms', us: 1_800, text: '0.001800' },
    { name: 'thirty seconds', us: 30_000_001, text: '30.000001' },
    { name: 'no time at all', us: 0, text: '0.000000' },
  ])('$name prints $text', ({ us, text }) => {
    expect(formatCfRailgun({ ...LINK, originTimeUs: us }).split(' ')[2]).toBe(text);
  });

  it('direct, with and without a reason', () => {
    expect(formatCfRailgun({ kind: 'direct', reason: 'starting new WAN connection' })).toBe(
      'direct (starting new WAN connection)',
    );
    expect(formatCfRailgun({ kind: 'direct', reason: '' })).toBe('direct');
    expect(parseCfRailgun('direct')).toEqual({ kind: 'direct', reason: '' });
  });

  it('RG-068 the published header is explained: 2.05 %, version 5360, map used, dictionary sent and found', () => {
    const lines = explainCfRailgun('151df128a1 2.05 0.009465 0031 5360')?.join('\n') ?? '';
    expect(lines).toContain('2.05 %');
    expect(lines).toContain('version: 5360');
    expect(lines).toContain('0.009465 s');
    expect(lines.match(/^flag:.*$/gm)).toEqual([
      'flag: map.file was used to change the origin address',
      'flag: rg-sender sent a dictionary',
      'flag: rg-listener found the dictionary',
    ]);
  });

  it('RG-069 the four flag digits alone are explained the same way', () => {
    const whole = explainCfRailgun('Cf-Railgun: 151df128a1 2.05 0.009465 0031 5360')?.filter((line) =>
      line.startsWith('flag:'),
    );
    expect(explainCfRailgun('0031')).toEqual(whole);
  });

  it.each([
    { flags: 0x0000, words: 0 },
    { flags: 0x0010, words: 1 },
    { flags: 0x0030, words: 2 },
    { flags: 0x8001, words: 2 },
  ])('flags $flags have $words words, and unknown bits are said to be unknown', ({ flags, words }) => {
    expect(flagWords(flags)).toHaveLength(words);
    if (flags === 0x8001) expect(flagWords(flags)[1]).toContain('0x8000');
  });

  it.each([
    '',
    'hit',
    '151DF128A1 2.05 0.009465 0031 5360',
    '151df128a1 2.05 0.009465 0031',
    'direct (a',
    '151df128a1 words 0.009465 0031 5360',
    '031',
  ])('%j is no such header', (text) => {
    expect(parseCfRailgun(text)).toBeUndefined();
    expect(explainCfRailgun(text)).toBeUndefined();
  });

  it('whatever is formatted is read back', () => {
    const any = fc.record({
      kind: fc.constant('link' as const),
      id: fc.uint8Array({ minLength: 5, maxLength: 5 }).map((five) => Buffer.from(five).toString('hex')),
      ratio: fc.oneof(
        fc.nat({ max: 100_000 }).map((n) => n / 100),
        fc.constantFrom('stream' as const, 'normal' as const, 'origin' as const),
      ),
      originTimeUs: fc.nat(),
      flags: fc.nat({ max: 0xffff }),
      version: fc.constantFrom('5360', '57da', '0000'),
    });
    fc.assert(
      fc.property(any, (value) => {
        expect(parseCfRailgun(formatCfRailgun(value))).toEqual(value);
      }),
    );
  });
});
