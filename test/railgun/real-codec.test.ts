/** The link with the codecs of `delta/`: published sizes and the one-packet budget (RG-127 to RG-129, RG-131). */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { deltaCodec } from '../../src/railgun/delta/choose.ts';
import { type OriginReply, Pair, same } from './pretend-link.ts';
import { playStory } from './story.ts';

const codec = deltaCodec(50_000);
/** IPv6 with timestamps, TLS 1.2 AES-GCM: what fits one 1,460-byte segment (spec 12.11). */
const ONE_SEGMENT = 1_399;

const SYLLABLES = [
  'an',
  'be',
  'co',
  'der',
  'el',
  'fin',
  'gra',
  'ho',
  'in',
  'ju',
  'kel',
  'lo',
  'mar',
  'net',
  'or',
  'pri',
  'qua',
  'res',
  'sta',
  'tu',
  'un',
  'ver',
  'wo',
  'zi',
];

function word(random: Random): string {
  return Array.from({ length: 1 + random.below(4) }, () => SYLLABLES[random.below(SYLLABLES.length)]).join('');
}

/** News-like HTML of exactly `size` bytes, no two items alike. */
function site(size: number, seed: string): Uint8Array {
  const random = seededRandom(seed);
  let html = '<!doctype html><html><head><title>news</title></head><body>\n';
  while (html.length < size) {
    const id = random.below(1_000_000_000);
    const words = Array.from({ length: 6 + random.below(20) }, () => word(random)).join(' ');
    html += `<div class="item c${random.below(40)}"><a href="/${word(random)}/${word(random)}-${id}.html">${words}</a><span>${random.below(60)} min</span></div>\n`;
  }
  return Buffer.from(html.slice(0, size), 'latin1');
}

/** `count` edits of `length` fresh bytes each, scattered evenly. */
function edited(old: Uint8Array, count: number, length: number, seed: string): Uint8Array {
  const random = seededRandom(seed);
  const out = Buffer.from(old);
  const step = Math.floor(old.length / count);
  for (let edit = 0; edit < count; edit += 1) {
    let fresh = '';
    while (fresh.length < length) fresh += `${word(random)} `;
    out.write(fresh.slice(0, length), edit * step + random.below(step - length), 'latin1');
  }
  return out;
}

const HEAD = (turn: number) =>
  [
    ['Date', `Sun, 01 Mar 2026 12:${String(turn * 5).padStart(2, '0')}:07 GMT`],
    ['Server', 'Apache/2.4.58 (Unix)'],
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Cache-Control', 'private, no-cache, max-age=0, must-revalidate'],
    ['Set-Cookie', `session=${String(turn).repeat(32).slice(0, 32)}; path=/; HttpOnly`],
    ['X-Request-Id', `7f0c9b7e-9a52-4f0d-8c0e-0d7f6a1f4f${String(turn).padStart(2, '0')}`],
    ['Vary', 'Accept-Encoding, Cookie'],
    ['X-Frame-Options', 'SAMEORIGIN'],
  ] as const;

describe('published sizes', () => {
  const first = site(92_516, 'cnn');
  const small = edited(first, 16, 10, 'five minutes');
  const large = Buffer.concat([edited(small, 28, 100, 'one hour'), site(93_727 - 92_516, 'more')]);
  const replies: readonly OriginReply[] = [first, small, large].map((body, turn) => ({ body, head: HEAD(turn) }));
  const pair = new Pair({ codec, delayUs: 40_000, origin: () => replies[turn++] ?? {} });
  let turn = 0;
  const outcomes = replies.map(() => {
    const before = pair.toSender.length;
    const outcome = pair.get();
    const writes = pair.toSender.slice(before).map((write) => write.length);
    return { outcome, writes };
  });

  it('RG-127 92,516 B with sixteen scattered edits of ten bytes: at most 266 B of delta', () => {
    expect(outcomes[1]?.outcome.ended).toMatchObject({ mode: 'delta', bodyBytes: 92_516 });
    expect(outcomes[1]?.outcome.ended?.wanBytes).toBeLessThanOrEqual(266);
    expect(same(outcomes[1]?.outcome.body ?? first, small)).toBe(true);
  });

  it('RG-128 93,727 B with 3 % churn: at most 2,885 B', () => {
    expect(outcomes[2]?.outcome.ended).toMatchObject({ mode: 'delta', bodyBytes: 93_727 });
    expect(outcomes[2]?.outcome.ended?.wanBytes).toBeLessThanOrEqual(2_885);
    expect(same(outcomes[2]?.outcome.body ?? first, large)).toBe(true);
  });

  it('RG-129 head, delta and framing of RG-127 leave in one write that fits one segment', () => {
    expect(outcomes[1]?.writes).toHaveLength(1);
    expect(outcomes[1]?.writes[0]).toBeLessThanOrEqual(ONE_SEGMENT);
  });

  it('RG-065 the ratio in the header is the bytes that crossed', () => {
    const wan = outcomes[1]?.outcome.ended?.wanBytes ?? 0;
    expect(outcomes[1]?.outcome.header).toMatchObject({ ratio: (wan / 92_516) * 100 });
  });

  it('every answer was verified and whole', () => {
    for (const { outcome } of outcomes)
      expect([outcome.ends, outcome.resyncs, outcome.failed]).toEqual([1, 0, undefined]);
  });
});

describe('a site', () => {
  it('RG-131 a hundred URLs every five minutes with 0.4 to 2.15 % change: at most 3 % of the body bytes after the first visit', () => {
    const pages = new Map<string, Uint8Array>();
    let round = 0;
    const pair = new Pair({
      codec,
      origin: (request) => {
        const old = pages.get(request.path);
        const index = Number(request.path.slice(1));
        const percent = 0.4 + (1.75 * (index % 10)) / 9;
        const now =
          old === undefined
            ? site(20_000 + index * 300, `page ${index}`)
            : edited(old, 10, Math.round((old.length * percent) / 1_000), `${index} ${round}`);
        pages.set(request.path, now);
        return { body: now };
      },
    });
    let [wan, body] = [0, 0];
    for (; round < 3; round += 1) {
      for (let url = 0; url < 100; url += 1) {
        const { ended } = pair.get({ path: `/${url}` });
        if (round === 0) continue;
        wan += ended?.wanBytes ?? 0;
        body += ended?.bodyBytes ?? 0;
        expect(ended?.mode).toBe('delta');
      }
      pair.run(300_000_000);
    }
    expect(wan / body).toBeLessThanOrEqual(0.03);
  }, 60_000);
});

describe('random stories with the real codecs', () => {
  it('RG-052 not one wrong byte', () => {
    const { modes } = playStory({ seed: 77, requests: 200, trouble: 1, codec });
    expect(modes.delta).toBeGreaterThan(5);
  }, 60_000);
});
