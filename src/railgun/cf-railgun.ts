/**
 * `Cf-Railgun`, the header that tells the truth about one response (spec 3): made, read, and explained as `rg-diag` did.
 *
 *   Cf-Railgun: 151df128a1 2.05 0.009465 0031 5360
 *               id         %    origin s flags version
 *   Cf-Railgun: direct (starting new WAN connection)
 */

export const RailgunFlag = { mapUsed: 0x0001, sentDictionary: 0x0010, foundDictionary: 0x0020 } as const;

/** `stream`: through the lane untouched. `normal`: compression was bypassed. `origin`: the header that the origin gets. */
export type RatioWord = 'stream' | 'normal' | 'origin';

export const DirectReason = {
  starting: 'starting new WAN connection',
  waiting: 'waiting for pending WAN connection',
  busy: 'all WAN connections are busy',
  internal: 'internal error',
} as const;
export type DirectReason = (typeof DirectReason)[keyof typeof DirectReason];

export type CfRailgun =
  | {
      readonly kind: 'link';
      /** 10 lower-case hex: the stream. */
      readonly id: string;
      /** Percent of the body's length that crossed the lane, or a word. */
      readonly ratio: number | RatioWord;
      readonly originTimeUs: number;
      readonly flags: number;
      /** 4 hex: start of the listener's build hash. */
      readonly version: string;
    }
  | { readonly kind: 'direct'; readonly reason: string };

/** Percent with two digits: 54 of 92,516 bytes is `0.06` (RG-065). An empty body has no ratio. */
export function ratioOf(wanBytes: number, bodyBytes: number): number {
  return bodyBytes === 0 ? 0 : (wanBytes / bodyBytes) * 100;
}

export function formatCfRailgun(value: CfRailgun): string {
  if (value.kind === 'direct') return value.reason === '' ? 'direct' : `direct (${value.reason})`;
  const ratio = typeof value.ratio === 'number' ? value.ratio.toFixed(2) : value.ratio;
  const seconds = Math.floor(value.originTimeUs / 1_000_000);
  const time = `${seconds}.${String(Math.trunc(value.originTimeUs) % 1_000_000).padStart(6, '0')}`;
  return `${value.id} ${ratio} ${time} ${value.flags.toString(16).padStart(4, '0')} ${value.version}`;
}

const DIRECT = /^direct(?: \(([^()]*)\))?$/;
const LINK = /^([0-9a-f]{10}) (\d+\.\d\d|stream|normal|origin) (\d+)\.(\d{6}) ([0-9a-f]{4}) ([0-9a-f]{4})$/;

/** `undefined` when the text has neither form. */
export function parseCfRailgun(text: string): CfRailgun | undefined {
  const trimmed = text.trim().replace(/^cf-railgun:\s*/i, '');
  const direct = DIRECT.exec(trimmed);
  if (direct !== null) return { kind: 'direct', reason: direct[1] ?? '' };
  const link = LINK.exec(trimmed);
  if (link === null) return undefined;
  const [, id = '', ratio = '', seconds = '', fraction = '', flags = '', version = ''] = link;
  const word = ratio === 'stream' || ratio === 'normal' || ratio === 'origin' ? ratio : Number(ratio);
  const originTimeUs = Number(seconds) * 1_000_000 + Number(fraction);
  return { kind: 'link', id, ratio: word, originTimeUs, flags: Number.parseInt(flags, 16), version };
}

/** The flags in words, in bit order; bits that nobody has explained are named by their mask. */
export function flagWords(flags: number): readonly string[] {
  const words: string[] = [];
  const known: readonly (readonly [number, string])[] = [
    [RailgunFlag.mapUsed, 'map.file was used to change the origin address'],
    [RailgunFlag.sentDictionary, 'rg-sender sent a dictionary'],
    [RailgunFlag.foundDictionary, 'rg-listener found the dictionary'],
  ];
  for (let bit = 0; bit < 16; bit += 1) {
    const mask = 1 << bit;
    if ((flags & mask) === 0) continue;
    const word = known.find(([value]) => value === mask)?.[1];
    words.push(word ?? `bit 0x${mask.toString(16).padStart(4, '0')} (meaning not published)`);
  }
  return words;
}

const RATIO_WORDS: { readonly [W in RatioWord]: string } = {
  stream: 'not compressed: sent through the lane as it is',
  normal: 'compression was bypassed, the request was fine',
  origin: 'the header as the origin sees it',
};

/**
 * What `rg-diag -decode=…` prints for a header, or for its four flag digits alone (RG-068, RG-069). `undefined` for any other text.
 */
export function explainCfRailgun(text: string): readonly string[] | undefined {
  const trimmed = text.trim();
  if (/^[0-9a-f]{4}$/i.test(trimmed)) return flagLines(Number.parseInt(trimmed, 16));
  const value = parseCfRailgun(text);
  if (value === undefined) return undefined;
  if (value.kind === 'direct') {
    return [
      'Railgun was not used: the request went direct to the origin',
      ...(value.reason === '' ? [] : [`reason: ${value.reason}`]),
    ];
  }
  const ratio =
    typeof value.ratio === 'number'
      ? `compression ratio: ${value.ratio.toFixed(2)} % of the body crossed the lane (${(100 - value.ratio).toFixed(2)} % saved)`
      : `compression: ${RATIO_WORDS[value.ratio]}`;
  return [
    `request id: ${value.id}`,
    ratio,
    `origin response time: ${(value.originTimeUs / 1_000_000).toFixed(6)} s`,
    `listener version: ${value.version}`,
    ...flagLines(value.flags),
  ];
}

function flagLines(flags: number): readonly string[] {
  const words = flagWords(flags);
  return words.length === 0 ? ['flags: none'] : words.map((word) => `flag: ${word}`);
}
