/**
 * The drills of scenarios/drills that need no Railgun link, each for real in its pressed form: the verb's exit code, prediction and measurement
 * as near as the scenario allows, and what its story is about.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { RunReport } from '../../../src/core/report.ts';
import type { Lab } from '../../../src/drill/lab.ts';
import { type Drilled, playDrill } from './play.ts';

const run = promisify(execFile);

/** As the verb would have ended: all checks held, `fidelity` and the steady state afterwards among them. */
function held({ code, why, report }: Drilled): RunReport {
  expect({ code, why }).toEqual({ code: 0, why: '' });
  expect(report.fidelity?.pass).toBe(true);
  expect(report.drill?.leftovers).toEqual([]);
  return report;
}

const countOf = ({ totals }: RunReport, cause: string): number =>
  totals.causes.find((one) => one.cause === cause)?.count ?? 0;

/** Requests that ended in a pool in a phase: `during` the first fault to the last heal. */
function requestsOf({ placement, phases }: RunReport, pool: string, phase: 'before' | 'during' | 'after'): number {
  const column = placement.pools.indexOf(pool);
  const regions = placement.counts[phases.findIndex(({ name }) => name === phase)] ?? [];
  return regions.reduce((sum, pools) => sum + (pools[column] ?? 0), 0);
}

/** Some twenty seconds each, two at a time: most of it is waiting for its turn. */
const PATIENCE_MS = 600_000;

describe.concurrent('drills without a link', { timeout: PATIENCE_MS }, () => {
  it('1: an origin is killed, zero-downtime on: no more than one request per open connection fails', async () => {
    const report = held(await playDrill('01-origin-killed-zero-downtime'));
    // A connection carries one request at a time, so there were as many as were ever under way at once.
    expect(report.totals.failed).toBeLessThanOrEqual(report.drill?.inFlight.peak ?? 0);
    expect(report.totals.retried).toBeGreaterThan(0);
  });

  it('1: an origin is killed, zero-downtime off: refused until health notices, and not after', async () => {
    const report = held(await playDrill('01-origin-killed'));
    expect(countOf(report, 'origin_refused')).toBeGreaterThan(0);
    const [outage] = report.budget.outages;
    expect(outage?.decidedUs ?? 0).toBeLessThanOrEqual((outage?.detectedUs ?? 0) + 100_000);
  });

  it('2: a whole pool loses power, its visitors are served by the other, and it gets them back', async () => {
    const report = held(await playDrill('02-pool-loses-power'));
    const [outage] = report.budget.outages;
    expect(outage?.fault).toBe('power_loss');
    expect(outage?.detectedUs).toBeGreaterThan(outage?.fromUs ?? Number.POSITIVE_INFINITY);
    expect(outage?.backUs).toBeGreaterThan(outage?.healedUs ?? Number.POSITIVE_INFINITY);
    expect(requestsOf(report, 'eu', 'after')).toBeGreaterThan(0);
    // Nobody meets a closed port, neither when it goes dark nor when it is back.
    expect(countOf(report, 'origin_refused')).toBe(0);
  });

  it('3: everything is unhealthy, and the fallback pool serves everyone', async () => {
    const report = held(await playDrill('03-everything-unhealthy'));
    expect(report.totals.failed).toBe(0);
    expect(report.totals.fallback).toBeGreaterThan(0.2 * report.totals.requests);
    const worst = report.pools.map(({ origins }) => origins.flatMap(({ beats }) => beats.map(({ state }) => state)));
    for (const states of worst) expect(states).toContain('unhealthy');
  });

  it('4: everything is disabled: dig gets an address before, the SOA meanwhile, and an address again', async () => {
    const seen: {
      readonly at: string;
      readonly status: string;
      readonly answer: string;
      readonly authority: string;
    }[] = [];
    const dig = (at: string) => async (lab: Lab) => {
      const dns = lab.edges[0]?.dns;
      const args = [`@${dns?.host}`, '-p', String(dns?.port), 'dns.shop.example', 'A', '+norecurse', '+tries=3'];
      const { stdout } = await run('dig', args);
      const section = (name: string): string => new RegExp(`;; ${name} SECTION:\n(.+)`).exec(stdout)?.[1] ?? '';
      const status = /status: (\w+)/.exec(stdout)?.[1] ?? '';
      seen.push({ at, status, answer: section('ANSWER'), authority: section('AUTHORITY') });
    };
    const drilled = await playDrill('04-everything-disabled', [
      { atSeconds: 1.5, run: dig('before') },
      { atSeconds: 6, run: dig('meanwhile') },
      { atSeconds: 11, run: dig('after') },
    ]);
    const report = held(drilled);
    const address = /^dns\.shop\.example\.\s+\d+\s+IN\s+A\s+[\d.]+$/;
    const soa = /^shop\.example\.\s+\d+\s+IN\s+SOA\s+ns1\.shop\.example\. dns\.shop\.example\. /;
    expect(seen.slice(-3)).toEqual([
      { at: 'before', status: 'NOERROR', answer: expect.stringMatching(address), authority: '' },
      { at: 'meanwhile', status: 'NOERROR', answer: '', authority: expect.stringMatching(soa) },
      { at: 'after', status: 'NOERROR', answer: expect.stringMatching(address), authority: '' },
    ]);
    expect(report.dns?.soaAnswers).toBeGreaterThan(0);
    expect(countOf(report, 'nothing_may_serve')).toBeGreaterThan(0);
  });

  it('9: a sticky shop under rolling maintenance with drain: no session is lost, most stay where they are', async () => {
    const { sessions } = held(await playDrill('09-sticky-maintenance'));
    expect(sessions.lost).toBe(0);
    expect(sessions.kept).toBeGreaterThan(sessions.moved);
    expect(sessions.returning).toBeGreaterThan(50);
  });

  it('10: one outage, two names: the DNS-only one fails a TTL longer than the proxied one', async () => {
    const report = held(await playDrill('10-dns-only-against-proxied'));
    const failures = report.failures ?? [];
    const last = (path: string): number =>
      Math.max(0, ...failures.filter((one) => (one.path === 'dns') === (path === 'dns')).map(({ atUs }) => atUs));
    expect(last('dns')).toBeGreaterThan(last('http1'));
    const parts = report.budget.outages.flatMap((outage) => outage.parts);
    expect(parts.find(({ part }) => part === 'dns_cache')?.failed).toBeGreaterThan(0);
  });

  it('11: the survivor is overloaded, and what its queue turns away is counted', async () => {
    const report = held(await playDrill('11-survivor-overloaded'));
    const survivor = report.capacity.find(({ origin }) => origin === 'small-1');
    expect(survivor?.peakRatio).toBeGreaterThan(1.2);
    // Each of them was seen by a client as the origin's own 503.
    expect(survivor?.rejected).toBe(countOf(report, 'origin_overloaded'));
  });

  it('12: a brown-out is noticed when answers take longer than the monitor waits', async () => {
    const report = held(await playDrill('12-brownout'));
    expect(report.totals.causes.map(({ status }) => status)).toEqual([500]);
    const beats = report.pools.find(({ id }) => id === 'one')?.origins[0]?.beats ?? [];
    expect(beats.map(({ state }) => state)).toContain('unhealthy');
    expect(beats.at(-1)?.state).toBe('healthy');
  });

  it('14: clients that ignore the TTL fail until the pool is back, the others go on', async () => {
    const report = held(await playDrill('14-ttl-ignored'));
    const [outage] = report.budget.outages;
    const healed = outage?.healedUs ?? 0;
    // Somebody failed up to the very end of it, and nobody after.
    expect(outage?.recoveredUs).toBeGreaterThan(healed - 1_000_000);
    expect(outage?.recoveredUs).toBeLessThan(healed + 1_000_000);
    expect(requestsOf(report, 'two', 'during')).toBeGreaterThan(requestsOf(report, 'one', 'during'));
  });
});
