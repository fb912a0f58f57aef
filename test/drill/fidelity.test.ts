/** Prediction beside measurement: which differences are allowed, and which fail. */
import { describe, expect, it } from 'vitest';
import type { Outage, RunReport } from '../../src/core/report.ts';
import { type FidelityOptions, compare, fidelityCheck, lookEveryUs } from '../../src/drill/fidelity.ts';
import { readAllowance } from '../../src/replay/allowance.ts';
import { at, smallReport } from '../checks/small-report.ts';

const S = 1_000_000;
const OPTIONS: FidelityOptions = { allowed: new Map(), intervalUs: 2 * S, pace: 1, unknown: ['something'] };
const predicted = smallReport();
const [outage] = predicted.budget.outages as [Outage];

function later(changes: Partial<Outage>): RunReport {
  return smallReport({ budget: { outages: [{ ...outage, ...changes }] } });
}

function rowOf(measured: RunReport, figure: string, subject = '', options = OPTIONS) {
  const found = compare(predicted, measured, options).rows.find(
    (row) => row.figure === figure && row.subject === subject,
  );
  if (found === undefined) throw new Error(`no row ${figure} ${subject}`);
  return found;
}

describe('compare', () => {
  it('a run that is as predicted passes in every figure', () => {
    const same = compare(predicted, predicted, OPTIONS);
    expect(same.pass).toBe(true);
    expect(same.unknown).toEqual(['something']);
    expect(same.rows.every(({ difference }) => difference === 0)).toBe(true);
    expect(fidelityCheck(same)).toMatchObject({ pass: true, value: 0, limit: 0 });
  });

  it.each([
    ['one interval late is allowed', 34 + 2, true],
    ['more than one interval and 10 % is not', 34 + 2.1, false],
    ['too early is as wrong as too late', 34 - 2.1, false],
  ])('time to recover: %s', (_, recovered, pass) => {
    const row = rowOf(later({ recoveredUs: at(recovered) }), 'time_to_recover', 'pool/eu refuse');
    expect(row).toMatchObject({ predicted: 14, pass, allowed: '10 % or 2 s' });
  });

  it('10 % counts where it is more than an interval', () => {
    const row = rowOf(later({ recoveredUs: at(35.4) }), 'time_to_recover', 'pool/eu refuse', {
      ...OPTIONS,
      intervalUs: S,
    });
    expect(row.pass).toBe(true);
  });

  it('an outage that was never noticed although the prediction says so fails', () => {
    const row = rowOf(later({ detectedUs: null }), 'time_to_detect', 'pool/eu refuse');
    expect(row).toMatchObject({ measured: null, difference: null, pass: false });
  });

  it('no failed request at all is recovered at once', () => {
    const row = rowOf(later({ recoveredUs: null }), 'time_to_recover', 'pool/eu refuse');
    expect(row).toMatchObject({ measured: 0, difference: -14, pass: false });
  });

  it.each([
    ['three more', 72, true],
    ['10 % more', 75, true],
    ['more than that', 77, false],
  ])('failed requests: %s', (_, failed, pass) => {
    const measured = smallReport({ totals: { ...predicted.totals, failed } });
    expect(rowOf(measured, 'failed_requests').pass).toBe(pass);
  });

  it('a cause that nobody predicted has a row of its own', () => {
    const causes = [...predicted.totals.causes, { cause: 'edge_reset', status: 0, count: 4 }];
    const measured = smallReport({ totals: { ...predicted.totals, causes } });
    expect(rowOf(measured, 'failed_requests', 'edge_reset')).toMatchObject({ predicted: 0, measured: 4, pass: false });
  });

  it('shares differ in points', () => {
    const counts = [
      [
        [274, 81, 5],
        [0, 240, 0],
      ],
    ];
    const measured = smallReport({ placement: { ...predicted.placement, counts } });
    expect(rowOf(measured, 'share', 'eu')).toMatchObject({
      difference: expect.closeTo(14 / 6, 5),
      allowed: '2 points',
      pass: false,
    });
    const wide = new Map([['share', readAllowance('share', '3%')]]) as FidelityOptions['allowed'];
    expect(rowOf(measured, 'share', 'eu', { ...OPTIONS, allowed: wide }).pass).toBe(true);
  });

  it('latencies and sessions are shown, and judged only where the scenario says how', () => {
    const measured = smallReport({ latency: { ...predicted.latency, p99Us: 900_000 } });
    expect(rowOf(measured, 'p99')).toMatchObject({ unit: 'ms', measured: 900, allowed: '', pass: null });
    const allowed = new Map([['p99', readAllowance('p99', '50ms')]]) as FidelityOptions['allowed'];
    expect(rowOf(measured, 'p99', '', { ...OPTIONS, allowed, pace: 10 })).toMatchObject({
      allowed: '50 ms',
      pass: false,
    });
  });

  it('spans that a scenario allows are pressed like the story', () => {
    const allowed = new Map([['recover', readAllowance('recover', '20s')]]) as FidelityOptions['allowed'];
    const row = rowOf(later({ recoveredUs: at(36.1) }), 'time_to_recover', 'pool/eu refuse', {
      ...OPTIONS,
      allowed,
      pace: 10,
    });
    expect(row).toMatchObject({ allowed: '2 s', pass: false });
  });

  it('bytes over the link: 5 %', () => {
    const wan = (wanBytes: number) => smallReport({ railgun: { ...predicted.railgun!, wanBytes } });
    expect(rowOf(wan(42_000), 'wan_bytes').pass).toBe(true);
    expect(rowOf(wan(42_001), 'wan_bytes').pass).toBe(false);
  });

  it('the check names what is outside', () => {
    const check = fidelityCheck(compare(predicted, later({ failed: 200 }), OPTIONS));
    expect(check).toMatchObject({ check: 'fidelity', pass: false, value: 1 });
    expect(check.text).toContain('failed_requests (pool/eu refuse)');
  });
});

describe('how often somebody looks', () => {
  it.each([
    ['an origin: the monitor', 'origin/eu/eu-1 refuse', 2 * S, 2 * S],
    ['a listener: its senders, however slow the monitors are', 'listener/1 kill', 60 * S, S / 2],
    ['the link: both', 'link/edge-origin cut', 60 * S, 60 * S],
    ['without monitors requests alone find out', 'pool/eu refuse', 0, S / 2],
  ])('%s', (_, subject, monitorsUs, expected) => {
    expect(lookEveryUs(subject, monitorsUs)).toBe(expected);
  });
});

describe('allowances', () => {
  it.each([
    ['recover', '10% or one interval', { percent: 10, interval: true }],
    ['recover', '2s', { absolute: 2_000_000 }],
    ['failed', '10% or 3', { percent: 10, absolute: 3 }],
    ['wan_bytes', '100KB', { absolute: 100_000 }],
    ['share', '2%', { percent: 2 }],
    ['sessions', 'any', { any: true }],
  ])('%s: %s', (figure, text, expected) => {
    expect(readAllowance(figure, text)).toMatchObject(expected);
  });

  it.each([
    ['share', '2'],
    ['failed', '3s'],
    ['recover', '3'],
    ['failed', 'one interval'],
    ['p50', ''],
  ])('%s: "%s" is refused with what would be right', (figure, text) => {
    expect(readAllowance(figure, text)).toMatchObject({ hint: expect.stringContaining('"any"') });
  });
});
