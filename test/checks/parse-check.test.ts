import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/checks/metrics.ts';
import { parseCheck } from '../../src/checks/parse-check.ts';
import { type Vocabulary, vocabularyOf } from '../../src/checks/vocabulary.ts';
import { sampleReport } from '../report/sample.ts';

const known: Vocabulary = vocabularyOf(sampleReport());

describe('what the language takes', () => {
  it.each([
    'failed_requests < 0.5%',
    'failed_requests<0.5 %',
    'failed_requests == 0',
    'failed_requests < 10',
    'recovered within 90s of 12:03',
    'recovered(pool/eu) within PT1M30S of +3m',
    'share(pool/eu) == 0% from 12:04:30 to 12:15',
    'share(pool/us) > 90% after +5m',
    'share(pool/us, region/WEU) > 90% after +5m',
    'share(origin/eu/eu-1) > 40% before 12:03',
    'share(origin/eu/eu-1, pool/eu) > 40%',
    'share(none) == 0%',
    'share("pool/eu") == 0%',
    'sessions_lost < 2%',
    'railgun.ratio < 5% before 12:05',
    'railgun.direct < 10',
    'railgun.direct(no_listener) < 10',
    'railgun.wan_bytes < 10 MB',
    'p99 < 250ms',
    'p99 < 250 ms from 12:03:30 to 12:05',
    'requests > 100/s',
    'fallback_requests == 0',
    'retried_requests <= 1%',
    'detected within 30s of +3m',
    'back within 2m of 12:12',
    'peak(pool/us) < 1.5x',
    'peak(origin/us/us-1) <= 90/s',
    'overloaded(pool/us) < 10s',
    'rejected == 0',
    'failed_requests(region/WEU) < 1%',
    'failed_requests(pop/LHR) < 1%',
    'soa_answers == 0',
    'status(530) > 0',
    'cause(origin_overloaded) < 0.1%',
    'budget(dns_cache) < 100',
    'healthy(pool/eu) at 12:02',
    'unhealthy(pool/eu) from 12:04 to 12:12',
    'healthy(origin/us/us-1)',
    'failed_requests > 20% for 30s',
    'failed_requests < 5 within 90s of 2026-03-01T12:03:00Z',
    'failed_requests > 20% after 12:01 for 30s',
  ])('%s', (text) => {
    const parsed = parseCheck(text, known);
    expect(parsed).toMatchObject({ ok: true, check: { text } });
  });

  it('every example of the table is a check', () => {
    for (const { name, example } of METRICS) {
      expect(parseCheck(example, known), example).toMatchObject({ ok: true, check: { metric: { name } } });
    }
  });
});

describe('what it refuses, where, and what would be right', () => {
  it.each([
    ['', 1, 'the check is empty', 'failed_requests'],
    ['   ', 1, 'the check is empty', ''],
    ['< 5', 1, 'begins with the name of a metric', ''],
    ['faild_requests < 5', 1, 'unknown metric "faild_requests"', '"failed_requests"'],
    ['failed < 5', 1, 'unknown metric "failed"', 'failed_requests'],
    ['xyzzy < 5', 1, 'unknown metric "xyzzy"', 'docs/checks.md'],
    ['share == 0%', 7, 'needs an object in brackets', 'share('],
    ['share() == 0%', 7, 'the brackets are empty', 'share('],
    ['share(pool/uk) == 0%', 7, 'there is no pool "uk" here', 'pool/us'],
    ['share(eu) == 0%', 7, '"eu" does not say what it is', '"pool/eu"'],
    ['share(poll/eu) == 0%', 7, 'unknown kind of object "poll"', '"pool"'],
    ['share(pool/) == 0%', 7, 'does not name a pool', 'pool/NAME'],
    ['share(origin/eu) == 0%', 7, 'does not name an origin', 'origin/POOL/ORIGIN'],
    ['share(origin/eu/eu-3) == 0%', 7, 'no origin "eu-3" in pool "eu"', 'origin/eu/eu-1'],
    ['share(pop/LHR) == 0%', 7, 'share is not measured for a pop', 'share('],
    ['share(pool/eu == 0%', 15, 'the bracket is not closed', '")"'],
    ['share(pool/us, pool/eu) == 0%', 16, 'not measured for a pool', ''],
    ['share(origin/eu/eu-1, pool/us) == 0%', 23, 'is not in pool "us"', ''],
    ['failed_requests(region/WUE) < 5', 17, 'there is no region "WUE" here', 'region/WEU'],
    ['failed_requests(pop/LHX) < 5', 17, 'there is no PoP "LHX" here', 'pop/LHR'],
    ['fallback_requests(pool/eu) < 5', 18, 'takes nothing in brackets', ''],
    ['status(200) > 0', 8, 'not a status that a failed request can have', '400'],
    ['budget(dns) > 0', 8, 'unknown word "dns"', 'dns_cache'],
    ['failed_requests', 16, 'is compared with a limit', 'failed_requests < 0.5%'],
    ['failed_requests = 0', 17, '"=" does not compare', '"=="'],
    ['failed_requests =< 0', 17, '"=<" does not compare', '"<="'],
    ['failed_requests <', 18, 'here stands the limit', ''],
    ['failed_requests < five', 19, 'here stands the limit', ''],
    ['failed_requests < 5s', 19, 'is not measured in "5s"', 'whole number'],
    ['failed_requests < 1.5', 19, 'is not measured in "1.5"', 'percentage'],
    ['failed_requests < 1,000', 19, 'is not a number', 'without separators'],
    ['failed_requests < -1', 19, 'below zero', ''],
    ['share(pool/eu) == 0', 19, 'is not measured in "0"', 'percentage'],
    ['railgun.ratio < 0.05', 17, 'is not measured in "0.05"', 'percentage'],
    ['p99 < 250', 7, 'is not measured in "250"', '250ms'],
    ['railgun.wan_bytes < 10', 21, 'is not measured in "10"', 'MB'],
    ['peak(pool/us) < 1.5', 17, 'is not measured in "1.5"', '1.5x'],
    ['failed_requests < 5 form 12:03 to 12:04', 21, '"form" is not expected here', '"from"'],
    ['failed_requests < 5 from 12:03', 31, 'here stands "to"', 'add "to"'],
    ['failed_requests < 5 from 12:04 to 12:03', 35, '"12:03" is not after "12:04"', ''],
    ['failed_requests < 5 before', 27, 'after "before" comes a time', '12:03'],
    ['failed_requests < 5 before noon', 28, '"noon" is not a time', '12:03'],
    ['failed_requests < 5 before 12:45', 28, '12:45 is after the run ends (12:20:00)', ''],
    ['failed_requests < 5 at 2026-03-01T11:00:00Z', 24, 'is before the run begins (12:00:00)', ''],
    ['failed_requests < 5 within 90 of 12:03', 28, '"90" is not a duration', '90s'],
    ['failed_requests < 5 for 0s', 21, 'longer than nothing', ''],
    ['failed_requests < 5 and 6', 21, '"and" is not expected here', ''],
    ['failed_requests < 5 before 12:05 please', 34, '"please" is not expected here', ''],
    ['p50 < 20ms before 12:05', 12, 'known for the whole run only', 'leave the time out'],
    ['failed_requests(pop/LHR) < 5 before 12:05', 30, 'of a pop is known for the whole run only', ''],
    ['recovered 90s', 11, 'followed by "within"', 'recovered within 90s of 12:03'],
    ['recovered within 90s', 21, 'here stands "of"', 'add "of"'],
    ['recovered within 90s of', 24, 'after "of" comes a time', ''],
    ['healthy at 12:02', 9, 'needs an object', ''],
    ['healthy(pool/eu) < 5', 18, '"<" is not expected here', 'windows are'],
    [`${'a'.repeat(501)}`, 1, 'at most 500', ''],
  ])('%j at column %i: %s', (text, column, message, hint) => {
    const parsed = parseCheck(text, known);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(parsed.problem.message).toContain(message);
    expect(parsed.problem.hint).toContain(hint);
    expect(parsed.problem.column).toBe(column);
    expect(parsed.problem.length).toBeGreaterThan(0);
  });

  it('without a vocabulary names and times are taken on trust', () => {
    expect(parseCheck('share(pool/uk) == 0% before 23:45').ok).toBe(true);
  });
});

describe('any text', () => {
  it('is a check or a problem inside the text, and never throws', () => {
    const words = fc.constantFrom(
      ...METRICS.map((metric) => metric.name),
      '(',
      ')',
      ',',
      '<',
      '==',
      '5',
      '5%',
      '1.5x',
      '90s',
      '10MB',
      '/s',
      'from',
      'to',
      'before',
      'at',
      'within',
      'of',
      'for',
      '12:03',
      '+3m',
      'pool/eu',
      'origin/eu/eu-1',
      '"',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words, { maxLength: 9 }).map((list) => list.join(' ')),
        ),
        fc.boolean(),
        (text, withNames) => {
          const parsed = parseCheck(text, withNames ? known : undefined);
          if (parsed.ok) return true;
          const { column, message } = parsed.problem;
          return column >= 1 && column <= text.length + 1 && message !== '';
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
