/**
 * A random story over one link: requests of all kinds, origins that answer, fail or trickle, stores that lie or die, visitors who
 * leave, lanes that break. Everything comes from one seed. It checks as it goes and returns what happened, for comparison.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { Micros } from '../../src/core/time.ts';
import type { DeltaCodec } from '../../src/railgun/codec-port.ts';
import { Dictionary } from '../../src/railgun/dictionary.ts';
import { HoldBudget } from '../../src/railgun/hold.ts';
import { RGX_LIMITS } from '../../src/railgun/limits.ts';
import type { OriginFailure } from '../../src/railgun/listener-events.ts';
import { type OriginReply, Pair, PretendStore, START, STORE_OPTIONS, page, same, trimCodec } from './pretend-link.ts';

export interface StoryOptions {
  readonly seed: number;
  readonly requests: number;
  readonly codec?: DeltaCodec;
  /** 0..1: how often something breaks. */
  readonly trouble: number;
}

export interface StoryResult {
  readonly modes: { readonly [mode: string]: number };
  readonly failed: number;
  readonly cancelled: number;
  readonly resyncs: number;
  readonly lanes: number;
  /** Hash over every byte written in either direction and every event. */
  readonly trace: string;
}

interface Expected {
  /** As the origin sent it. */
  readonly body: Uint8Array;
  /** Without its content coding. */
  readonly plain: Uint8Array;
  readonly status: number;
  readonly whole: boolean;
}

export function playStory(options: StoryOptions): StoryResult {
  const random = seededRandom(options.seed);
  const trace = createHash('sha256');
  const modes: Record<string, number> = {};
  const stores = { senderStore: new PretendStore(), listenerStore: new PretendStore() };
  const sender = new Dictionary({ ...STORE_OPTIONS, limitBytes: 150_000, side: 'sender' });
  const listener = new Dictionary({ ...STORE_OPTIONS, limitBytes: 150_000, side: 'listener' });
  const hold = new HoldBudget(2_000_000);
  const pages = new Map<string, number>();
  const expected = new Map<string, Expected>();
  let now: Micros = START;
  let [done, failed, cancelled, resyncs, lanes, tag] = [0, 0, 0, 0, 0, 0];

  while (done < options.requests) {
    lanes += 1;
    const pair = new Pair({
      now,
      seed: options.seed + lanes,
      delayUs: random.below(3) * 10_000,
      codec: options.codec ?? trimCodec,
      limits: { ...RGX_LIMITS, maxStreams: 1 + random.below(20) },
      rules: { streamSize: 100_000, compressFull: random.next() < 0.5, lanTimeoutUs: 3_000_000 },
      cut: (written) => pieces(random, written),
      hold,
      dictionaries: { sender, listener, ...stores },
      origin: (request, attempt, upload) => {
        const name = request.head.find(([field]) => field === 'X-Tag')?.[1] ?? '';
        const whole = replyTo(random, request.path, attempt, upload, pages, options.trouble);
        const reply =
          request.method === 'HEAD'
            ? { ...whole, body: new Uint8Array(0), pieces: [], plain: new Uint8Array(0) }
            : whole;
        const body = joined(reply);
        expected.set(name, {
          body,
          plain: reply.plain ?? body,
          status: reply.status ?? 200,
          whole: reply.failure === undefined && reply.silent === undefined,
        });
        return reply;
      },
    }).ready();
    const laneRequests = Math.min(options.requests - done, 1 + random.below(60));
    const tags = new Map<number, string>();
    const left = new Set<number>();
    const finish = (stream: number): void => {
      const outcome = pair.outcomes.get(stream);
      if (outcome === undefined || left.has(stream)) return;
      expect(outcome.ends, `stream ${stream} of seed ${options.seed} ends once`).toBe(1);
      resyncs += outcome.resyncs;
      const truth = expected.get(tags.get(stream) ?? '');
      const coded = outcome.head?.some(([name]) => name === 'Content-Encoding') === true;
      const body = (coded ? truth?.body : truth?.plain) ?? new Uint8Array(0);
      if (outcome.ended === undefined) {
        failed += 1;
        // Whatever was released of a streamed body is the start of the true one.
        expect(same(outcome.body, body.subarray(0, outcome.body.length))).toBe(true);
        return;
      }
      modes[outcome.ended.mode] = (modes[outcome.ended.mode] ?? 0) + 1;
      expect(truth?.whole, `seed ${options.seed}: only whole answers end well`).toBe(true);
      expect(outcome.status).toBe(truth?.status);
      expect(same(outcome.body, body), `seed ${options.seed}: not one wrong byte`).toBe(true);
    };
    for (let count = 0; count < laneRequests; count += 1) {
      trouble(random, stores, options.trouble);
      tag += 1;
      const upload = random.next() < 0.15;
      const placed = pair.place({
        path: `/${random.below(6)}`,
        method: upload ? 'POST' : random.next() < 0.05 ? 'HEAD' : 'GET',
        hasBody: upload,
        wantsDelta: random.next() < 0.95,
        head: [['X-Tag', String(tag)], ...(random.next() < 0.1 ? ([['If-None-Match', '"x"']] as const) : [])],
        timeoutUs: random.next() < 0.05 ? 200_000 : 0,
      });
      if (placed.kind === 'placed') {
        tags.set(placed.stream, String(tag));
        if (upload) {
          const body = new Uint8Array(random.below(300_000)).fill(tag % 256);
          const middle = Math.floor(body.length / 2);
          pair.sender.body(placed.stream, body.subarray(0, middle), false, pair.now);
          pair.sender.body(placed.stream, body.subarray(middle), true, pair.now);
        }
        if (random.next() < 0.04) {
          pair.run(random.below(50_000));
          if (pair.outcomes.get(placed.stream)?.ends === 0) {
            pair.sender.cancel(placed.stream, pair.now);
            left.add(placed.stream);
            cancelled += 1;
          }
        }
      }
      pair.run(random.below(4) * 20_000);
      expect(pair.sender.lane.credit.send).toBeGreaterThanOrEqual(0);
      expect(pair.sender.lane.credit.receive).toBeGreaterThanOrEqual(0);
      expect(pair.listener.lane.credit.send).toBeGreaterThanOrEqual(0);
      expect(pair.listener.lane.credit.receive).toBeGreaterThanOrEqual(0);
      expect(hold.used).toBeLessThanOrEqual(2_000_000);
      if (random.next() < options.trouble * 0.05) break;
    }
    if (random.next() < 0.5) {
      pair.break();
    } else {
      pair.run(30_000_000);
      if (pair.sender.state === 'open') expect([pair.sender.busy, pair.listener.busy]).toEqual([0, 0]);
      pair.break();
    }
    expect(hold.used).toBe(0);
    for (const stream of pair.outcomes.keys()) finish(stream);
    done += pair.outcomes.size;
    now = pair.now;
    for (const written of [...pair.toListener, ...pair.toSender]) trace.update(written);
    trace.update(JSON.stringify(pair.senderEvents.map((event) => event.kind)));
    trace.update(JSON.stringify(pair.listenerEvents.map((event) => event.kind)));
  }
  return { modes, failed, cancelled, resyncs, lanes, trace: trace.digest('hex') };
}

function pieces(random: Random, written: Uint8Array): readonly Uint8Array[] {
  if (random.next() < 0.5) return [written];
  const at = random.below(written.length + 1);
  const two = at + random.below(written.length - at + 1);
  return [written.slice(0, at), written.slice(at, two), written.slice(two)];
}

function joined(reply: OriginReply): Uint8Array {
  return reply.pieces === undefined ? (reply.body ?? new Uint8Array(0)) : Buffer.concat(reply.pieces);
}

function replyTo(
  random: Random,
  path: string,
  attempt: number,
  upload: Uint8Array,
  pages: Map<string, number>,
  trouble: number,
): OriginReply & { readonly plain?: Uint8Array } {
  const afterUs = random.below(5) * 15_000;
  if (random.next() < trouble * 0.1 && attempt === 1) {
    const failures: readonly OriginFailure[] = ['refused', 'reset', 'tls', 'read_timeout', 'connect_timeout'];
    return { failure: failures[random.below(5)] ?? 'reset', afterUs };
  }
  if (random.next() < trouble * 0.02) return { silent: random.next() < 0.5 ? 'before_connect' : 'after_connect' };
  if (random.next() < 0.3) pages.set(path, (pages.get(path) ?? 0) + 1);
  const version = pages.get(path) ?? 0;
  const size =
    [1_500, 3_000, 30_000, 99_000, 180_000, 600][random.next() < 0.1 ? 5 : Number(path.slice(1)) % 5] ?? 3_000;
  const body = page(`${path} ${version} ${upload.length} ${'x'.repeat(random.below(3) * 40)}`, size);
  if (random.next() < 0.1)
    return { head: [['Content-Type', 'image/png']], body, declared: random.next() < 0.5, afterUs };
  if (random.next() < 0.1) return { status: 404, body, afterUs };
  if (random.next() < 0.15) {
    return {
      head: [
        ['Content-Type', 'text/html'],
        ['Content-Encoding', 'gzip'],
      ],
      body: gzipSync(body),
      plain: body,
      afterUs,
    };
  }
  const third = Math.floor(body.length / 3);
  const split = [body.subarray(0, third), body.subarray(third, 2 * third), body.subarray(2 * third)];
  const midway = random.next() < trouble * 0.05 ? { failure: 'reset' as const, midway: true, declared: false } : {};
  return { pieces: split, declared: random.next() < 0.6, afterUs, ...midway };
}

function trouble(
  random: Random,
  stores: { senderStore: PretendStore; listenerStore: PretendStore },
  level: number,
): void {
  for (const store of [stores.senderStore, stores.listenerStore]) {
    const dice = random.next();
    if (dice < level * 0.02) store.values.clear();
    else if (dice < level * 0.03) store.mood = 'down';
    else if (dice < level * 0.035) store.mood = 'silent';
    else if (dice < level * 0.3) store.mood = 'well';
    if (random.next() < level * 0.05) {
      const keys = [...store.values.keys()];
      const key = keys[random.below(Math.max(1, keys.length))];
      const value = key === undefined ? undefined : store.values.get(key)?.slice();
      if (key === undefined || value === undefined) continue;
      const at = random.below(value.length);
      value[at] = (value[at] ?? 0) ^ (1 << random.below(8));
      store.values.set(key, random.next() < 0.3 ? value.subarray(0, at) : value);
    }
    store.delayUs = random.next() < level * 0.05 ? random.below(150_000) : 0;
  }
}
