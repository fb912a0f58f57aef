import { describe, expect, it } from 'vitest';
import {
  bytesText,
  countText,
  dateText,
  momentText,
  percentText,
  plural,
  spanText,
  timesText,
} from '../../src/core/figures.ts';
import { micros } from '../../src/core/time.ts';

const NOON = 1_772_366_400_000_000; // 2026-03-01T12:00:00Z
const HOUR = 3_600_000_000;

describe('amounts as people read them', () => {
  it.each([
    [countText(0), '0'],
    [countText(999), '999'],
    [countText(1_000), '1,000'],
    [countText(1_234_567), '1,234,567'],
    [countText(12_400.56), '12,400.6'],
    [countText(-1_500), '-1,500'],
    [plural(1, 'query', 'queries'), '1 query'],
    [plural(2, 'query', 'queries'), '2 queries'],
    [plural(0, 'request'), '0 requests'],
    [percentText(0), '0 %'],
    [percentText(0.001), '< 0.01 %'],
    [percentText(0.314), '0.31 %'],
    [percentText(9.5), '9.5 %'],
    [percentText(12.34), '12.3 %'],
    [percentText(99.97), '> 99.9 %'],
    [percentText(100), '100 %'],
    [spanText(0), '0 s'],
    [spanText(80), '80 µs'],
    [spanText(12_500), '12.5 ms'],
    [spanText(250_000), '250 ms'],
    [spanText(1_500_000), '1.5 s'],
    [spanText(38_000_000), '38 s'],
    [spanText(90_000_000), '1 min 30 s'],
    [spanText(1_200_000_000), '20 min'],
    [spanText(2 * HOUR + 300_000_000), '2 h 5 min'],
    [spanText(76 * HOUR), '3 d 4 h'],
    [bytesText(512), '512 B'],
    [bytesText(1_250), '1.25 kB'],
    [bytesText(92_500_000), '92.5 MB'],
    [timesText(4.2), '4.2×'],
    [timesText(12.34), '12.3×'],
    [dateText(micros(NOON)), '2026-03-01 12:00:00 UTC'],
    [momentText(NOON + 61_000_000, { startUs: NOON, endUs: NOON + HOUR }), '12:01:01'],
    [momentText(NOON, { startUs: NOON, endUs: NOON + 12 * HOUR }), '12:00:00'],
    [momentText(NOON, { startUs: NOON, endUs: NOON + 13 * HOUR }), '2026-03-01 12:00:00'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });
});
