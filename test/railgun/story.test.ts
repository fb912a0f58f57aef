/**
 * Long random stories (story.ts). RAILGUN_STORY_REQUESTS sets how many requests the long one plays (a million before a release),
 * RAILGUN_STORY_SEED where it begins; a failing seed is in the message.
 */
import { describe, expect, it } from 'vitest';
import { playStory } from './story.ts';

const REQUESTS = Number(process.env.RAILGUN_STORY_REQUESTS ?? 1_500);
const SEED = Number(process.env.RAILGUN_STORY_SEED ?? 20_260_301);

describe('random stories', () => {
  it('without trouble every request ends well, most of them as SAME or DELTA', () => {
    const { modes, failed, resyncs } = playStory({ seed: 5, requests: 400, trouble: 0 });
    // Visitors' own deadlines and lanes that end under them are part of any story.
    expect(failed).toBeLessThan(40);
    expect(resyncs).toBe(0);
    expect((modes.same ?? 0) + (modes.delta ?? 0)).toBeGreaterThan(100);
    expect(modes.raw).toBeGreaterThan(20);
    expect(modes.full).toBeGreaterThan(2);
  });

  it('RG-052 with stores that lie, die and forget, lanes that break and origins that fail: not one wrong byte', () => {
    let left = REQUESTS;
    for (let seed = SEED; left > 0; seed += 1) {
      const requests = Math.min(left, 300);
      const { modes } = playStory({ seed, requests, trouble: 1 });
      expect(Object.values(modes).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(requests / 4);
      left -= requests;
    }
  }, 3_600_000);

  it('the same seed gives the same bytes and events, another seed others', () => {
    const first = playStory({ seed: 11, requests: 150, trouble: 1 });
    expect(playStory({ seed: 11, requests: 150, trouble: 1 })).toEqual(first);
    expect(playStory({ seed: 12, requests: 150, trouble: 1 }).trace).not.toBe(first.trace);
  });
});
