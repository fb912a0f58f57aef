/**
 * The published pages on a wide-area path, counted in round trips: how long until the last byte, with TCP's windows (RFC 6928, RFC 5681)
 * and nothing else. Time is a number; the windows are those of the WAN relay (`live/wan-relay/flow.ts`), the bytes those of the machines.
 */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Flow, type FlowRoute } from '../../src/live/wan-relay/flow.ts';
import { SEGMENT_BYTES } from '../../src/live/wan-relay/shape.ts';
import { deltaCodec } from '../../src/railgun/delta/choose.ts';
import { Pair } from './pretend-link.ts';

const PAGE_BYTES = 92_516;
const GZIP_BYTES = 23_529;

/** When the last of `bytes` arrives, in ms, when the first may leave at `from`; on a connection that was idle for a while. */
function lastByteAt(bytes: number, from: number, rttMs: number): number {
  const route: FlowRoute = { delayMs: rttMs / 2, reverseMs: rttMs / 2, slowStart: {} };
  const flow = new Flow(route.slowStart);
  flow.push(Buffer.alloc(bytes), from, 0);
  let arrived = 0;
  let last = 0;
  for (let now = from; arrived < bytes; ) {
    for (let ready = flow.readyAt(now, route); ready !== undefined && ready <= now; ready = flow.readyAt(now, route))
      flow.send(SEGMENT_BYTES, route, () => now);
    const next = Math.min(flow.nextDue() ?? Number.POSITIVE_INFINITY, flow.nextAck(route) ?? Number.POSITIVE_INFINITY);
    expect(next).toBeLessThan(Number.POSITIVE_INFINITY);
    now = next;
    for (const what of flow.take(now, now, route)) {
      if (what.kind !== 'bytes') continue;
      arrived += what.bytes.length;
      last = now;
    }
    flow.acknowledge(now, route);
  }
  return last;
}

/** From the request's first byte to the answer's last. */
function fetchMs(request: number, answer: number, rttMs: number, originMs: number): number {
  return lastByteAt(answer, lastByteAt(request, 0, rttMs) + originMs, rttMs);
}

/** PA-01: the page five minutes later, sixteen places changed. */
function changedPage(): { readonly before: Uint8Array; readonly after: Uint8Array } {
  const random = seededRandom('pa-01');
  const before = Buffer.alloc(PAGE_BYTES);
  for (let i = 0; i < before.length; i += 1) before[i] = 32 + random.below(90);
  const after = Buffer.from(before);
  for (let edit = 0; edit < 16; edit += 1) {
    const at = random.below(PAGE_BYTES - 10);
    for (let i = 0; i < 10; i += 1) after[at + i] = 32 + random.below(90);
  }
  return { before, after };
}

/** What the lane carries in each direction for one request of the changed page, and that the page came out right. */
function laneBytes(): { readonly request: number; readonly answer: number } {
  const { before, after } = changedPage();
  let body = before;
  const pair = new Pair({ codec: deltaCodec(50_000), origin: () => ({ body }) }).ready();
  pair.get({ path: '/front' });
  body = after;
  const [up, down] = [pair.toListener.length, pair.toSender.length];
  const outcome = pair.get({ path: '/front' });
  expect(Buffer.compare(outcome.body, after)).toBe(0);
  expect(outcome.ended?.mode).toBe('delta');
  const sum = (writes: readonly Uint8Array[]): number => writes.reduce((bytes, each) => bytes + each.length, 0);
  return { request: sum(pair.toListener.slice(up, up + 1)), answer: sum(pair.toSender.slice(down)) };
}

describe('round trips until the last byte of the page of 92,516 bytes, on idle-warm connections', () => {
  const lane = laneBytes();

  it('RG-130 the lane needs one and the origin’s time, direct HTTP/1.1 three and the origin’s time', () => {
    for (const rttMs of [10, 80, 300]) {
      for (const originMs of [0, 50, 400]) {
        expect(fetchMs(lane.request, lane.answer, rttMs, originMs)).toBeCloseTo(rttMs + originMs);
        expect(fetchMs(400, PAGE_BYTES, rttMs, originMs)).toBeCloseTo(3 * rttMs + originMs);
        // Gzip saves one of the three.
        expect(fetchMs(400, GZIP_BYTES, rttMs, originMs)).toBeCloseTo(2 * rttMs + originMs);
      }
    }
  });

  it('the slower the origin, the less the link helps: the ratio falls from three to one', () => {
    const gains = [0, 50, 400, 5_000].map(
      (originMs) => fetchMs(400, PAGE_BYTES, 80, originMs) / fetchMs(lane.request, lane.answer, 80, originMs),
    );
    expect(gains[0]).toBeCloseTo(3);
    expect(gains).toEqual(gains.toSorted((a, b) => b - a));
    expect(gains.at(-1)).toBeLessThan(1.1);
  });
});
