/**
 * The WAN relay on real sockets. Its calibration is the one place where a time is asserted: the relay's own promise is a time. It takes
 * medians of several rounds and tries again while the machine is busy, rather than allow more than 5 %.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { openWanRelay, symmetric, type WanRelay, type WanShape } from '../../src/live/wan-relay.ts';
import { Flow, type FlowRoute } from '../../src/live/wan-relay/flow.ts';
import { Line } from '../../src/live/wan-relay/line.ts';
import { MAX_WINDOW_BYTES } from '../../src/live/wan-relay/shape.ts';

const closers: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that echoes what it is sent, and `get N` with N bytes; and what it saw. */
async function target(
  onSocket?: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (onSocket !== undefined) return onSocket(socket);
    socket.on('data', (data: Buffer) => {
      const size = /^get (\d+)$/.exec(data.toString('latin1'))?.[1];
      socket.write(size === undefined ? data : pattern(Number(size)));
    });
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

async function relayTo(port: number, shape: WanShape): Promise<WanRelay> {
  const relay = await openWanRelay({ target: { host: '127.0.0.1', port }, shape, random: seededRandom(7) });
  closers.unshift(() => relay.close());
  return relay;
}

interface Client {
  readonly socket: Socket;
  readonly got: () => number;
  readonly bytes: () => Buffer;
  /** Until so many bytes have come in all. */
  until(bytes: number): Promise<void>;
  readonly ended: Promise<'end' | 'reset'>;
}

async function client(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  closers.unshift(() => void socket.destroy());
  const chunks: Buffer[] = [];
  let got = 0;
  let more = (): void => {};
  const ended = new Promise<'end' | 'reset'>((tell) => {
    socket.on('end', () => tell('end'));
    socket.on('error', () => tell('reset'));
  });
  socket.on('data', (data: Buffer) => {
    chunks.push(data);
    got += data.length;
    more();
  });
  await new Promise((ready) => socket.once('connect', ready));
  const until = async (bytes: number): Promise<void> => {
    while (got < bytes) await new Promise<void>((next) => (more = next));
  };
  return { socket, got: () => got, bytes: () => Buffer.concat(chunks), until, ended };
}

/** A prime number of bytes, over and over: no cut at a power of two goes unseen. */
const PERIOD = Buffer.from(Array.from({ length: 251 }, (_, i) => i));

function pattern(length: number): Buffer {
  return Buffer.alloc(length, PERIOD);
}

async function holds(what: string, check: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    if (check()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`never: ${what}`);
}

/** So many turns of the event loop, each after a timer: time enough for bytes that would come. */
async function aWhile(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((done) => setTimeout(done, 5));
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

type Skip = (why: string) => void;

/** A timer of 5 ms on a machine with time to spare is not later than this. */
const CALM_MS = 2;

async function machineIsLate(): Promise<boolean> {
  const from = performance.now();
  await new Promise((done) => setTimeout(done, 5));
  return performance.now() - from > 5 + CALM_MS;
}

/**
 * The median of `rounds` measured times is within 5 % of what was asked, in one of many attempts; or, on a machine that cannot even keep
 * a plain timer meanwhile, which only ever adds time, the fastest tenth of all rounds is. Where neither holds and timers were late, nothing
 * can be said of the relay: the test is skipped, and says so. It fails on a machine that had time.
 */
async function within5Percent(
  skip: Skip,
  askedMs: number,
  rounds: number,
  measureMs: () => Promise<number>,
): Promise<void> {
  const medians: number[] = [];
  const all: number[] = [];
  let late = 0;
  const good = (ms: number): boolean => Math.abs(ms / askedMs - 1) <= 0.05;
  for (let attempt = 0; attempt < 12; attempt++) {
    const list: number[] = [];
    for (let i = 0; i < rounds; i++) {
      list.push(await measureMs());
      if (await machineIsLate()) late += 1;
    }
    if (good(median(list))) return;
    medians.push(median(list));
    all.push(...list);
  }
  const fastest = all.toSorted((a, b) => a - b)[Math.floor(all.length / 10)] ?? Number.NaN;
  if (good(fastest)) return;
  const said = [...medians, fastest].map((one) => one.toFixed(2)).join(', ');
  // Others take the processor in slices longer than what is to be measured. One timer in forty may be late on any machine.
  if (late > all.length / 40)
    skip(`this machine is too busy to calibrate on: ${late} of ${all.length} timers were late`);
  throw new Error(
    `asked for ${askedMs} ms, measured ${said} (the fastest tenth), ${late} of ${all.length} timers late`,
  );
}

describe('calibration', () => {
  it.for([20, 40, 80, 200])('a round trip of %d ms takes that, within 5 per cent', async (rttMs, { skip }) => {
    const relay = await relayTo((await target()).port, symmetric(rttMs));
    const { socket, got, until } = await client(relay.port);
    socket.write('x');
    await until(1);
    await within5Percent(skip, rttMs, 7, async () => {
      const from = performance.now();
      socket.write('x');
      await until(got() + 1);
      return performance.now() - from;
    });
  });

  it('a delay in one direction only is the whole round trip', async ({ skip }) => {
    const relay = await relayTo((await target()).port, { toTarget: { delayMs: 0 }, toClient: { delayMs: 60 } });
    const { socket, got, until } = await client(relay.port);
    await within5Percent(skip, 60, 7, async () => {
      const from = performance.now();
      socket.write('x');
      await until(got() + 1);
      return performance.now() - from;
    });
  });

  it.for<[number, number]>([
    [250_000, 50_000],
    [2_500_000, 500_000],
    [12_500_000, 2_500_000],
  ])('%d B/s carries that, within 5 per cent', async ([bytesPerSecond, size], { skip }) => {
    const relay = await relayTo((await target()).port, symmetric(0, bytesPerSecond));
    const { socket, got, until } = await client(relay.port);
    socket.write('x');
    await until(1);
    await within5Percent(skip, (size / bytesPerSecond) * 1_000, 3, async () => {
      const from = performance.now();
      socket.write(`get ${size}`);
      await until(got() + size);
      return performance.now() - from;
    });
  });

  it('two connections share the rate', async ({ skip }) => {
    const relay = await relayTo((await target()).port, symmetric(0, 2_500_000));
    const clients = [await client(relay.port), await client(relay.port)];
    await within5Percent(skip, 200, 3, async () => {
      const from = performance.now();
      await Promise.all(
        clients.map(({ socket, got, until }) => {
          socket.write('get 250000');
          return until(got() + 250_000);
        }),
      );
      return performance.now() - from;
    });
    // Turn and turn about; in one of a few rounds, since a pause of this process between the two gives the first what it missed.
    const [a, b] = clients;
    const shares: number[] = [];
    while (shares.length < 12 && (shares.at(-1) ?? 0) <= 0.8) {
      const before = b?.got() ?? 0;
      a?.socket.write('get 250000');
      b?.socket.write('get 250000');
      await a?.until(a.got() + 250_000);
      shares.push(((b?.got() ?? 0) - before) / 250_000);
      await b?.until(before + 250_000);
    }
    expect(shares.at(-1)).toBeGreaterThan(0.8);
  });

  it('jitter moves single answers and leaves their middle', async ({ skip }) => {
    const line = { delayMs: 30, jitterMs: 10 };
    const relay = await relayTo((await target()).port, { toTarget: line, toClient: line });
    const { socket, got, until } = await client(relay.port);
    socket.write('x');
    await until(1);
    const all: number[] = [];
    await within5Percent(skip, 60, 25, async () => {
      const from = performance.now();
      socket.write('x');
      await until(got() + 1);
      all.push(performance.now() - from);
      return performance.now() - from;
    });
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(10);
  });

  it('a fresh connection costs a round trip before its first byte, and slow start one for each doubling', async ({
    skip,
  }) => {
    const relay = await relayTo((await target()).port, symmetric(60, undefined, { idleMs: Infinity }));
    const trips = async (size: number, { socket, got, until }: Client): Promise<number> => {
      const from = performance.now();
      socket.write(`get ${size}`);
      await until(got() + size);
      return performance.now() - from;
    };
    // The handshake and the answer; 14,600 B fit into the first window, 43,800 into two, 102,200 into three.
    await within5Percent(skip, 120, 3, async () => trips(14_600, await client(relay.port)));
    await within5Percent(skip, 180, 3, async () => trips(43_800, await client(relay.port)));
    await within5Percent(skip, 240, 3, async () => trips(102_200, await client(relay.port)));
    const warm = await client(relay.port);
    await trips(300_000, warm);
    await within5Percent(skip, 60, 3, () => trips(102_200, warm));
  });
});

describe('the windows of a connection', () => {
  const route: FlowRoute = { delayMs: 40, reverseMs: 40, slowStart: { idleMs: 200 } };

  /** Runs the flow for `ms` from `start` in steps of a millisecond; how many bytes were delivered by then. */
  function run(flow: Flow, line: Line, start: number, ms: number, bytesPerSecond?: number): number {
    let delivered = 0;
    for (let now = start; now < start + ms; now++) {
      flow.acknowledge(now, route);
      line.advance(now, { delayMs: 40, ...(bytesPerSecond !== undefined && { bytesPerSecond }) }, route);
      for (const one of flow.take(now, 0, route)) delivered += one.kind === 'bytes' ? one.bytes.length : 0;
    }
    return delivered;
  }

  it('doubles each round trip, and collapses after idling', () => {
    const flow = new Flow(route.slowStart);
    const line = new Line();
    line.add(flow);
    flow.push(Buffer.alloc(1_000_000), 1_000, 0);
    const windows = [0, 1, 2, 3].map((trip) => run(flow, line, 1_000 + trip * 80, 80));
    expect(windows).toEqual([14_600, 29_200, 58_400, 116_800]);
    run(flow, line, 1_320, 1_000);
    flow.push(Buffer.alloc(200_000), 3_000, 0);
    expect(run(flow, line, 3_000, 80)).toBe(14_600);
    flow.push(Buffer.alloc(200_000), 3_100, 0);
    expect(run(flow, line, 3_080, 80)).toBe(29_200);
  });

  it('never hold more than the largest window on the line', () => {
    const flow = new Flow(undefined);
    const line = new Line();
    line.add(flow);
    for (let i = 0; i < 400; i++) flow.push(Buffer.alloc(65_536), 0, 0);
    line.advance(10, { delayMs: 10_000 }, { delayMs: 10_000, reverseMs: 10_000, slowStart: undefined });
    expect(flow.heldBytes - flow.queuedBytes).toBe(MAX_WINDOW_BYTES);
  });

  it('deliver each byte once and in order, whatever the pieces, rates, delays and steps of the clock', () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 60 }),
      push: fc.integer({ min: 0, max: 20_000 }),
      jitter: fc.integer({ min: -20, max: 20 }),
      delay: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.option(fc.integer({ min: 10_000, max: 5_000_000 })),
        fc.boolean(),
        (steps, rate, slow) => {
          const slowStart = slow ? { idleMs: 100 } : undefined;
          const flow = new Flow(slowStart);
          const line = new Line();
          line.add(flow);
          let now = 1;
          const sent: Buffer[] = [];
          const came: Buffer[] = [];
          let ended = 0;
          const turn = (delayMs: number): void => {
            const here: FlowRoute = { delayMs, reverseMs: 7, slowStart };
            flow.acknowledge(now, here);
            line.advance(now, { delayMs, ...(rate !== null && { bytesPerSecond: rate }) }, here);
            for (const one of flow.take(now, 0, here)) {
              expect(ended).toBe(0);
              if (one.kind === 'bytes') came.push(one.bytes);
              else ended += 1;
            }
          };
          for (const { wait, push, jitter, delay } of steps) {
            now += wait;
            const bytes = pattern(push + 1);
            sent.push(bytes);
            flow.push(bytes, now, jitter);
            turn(delay);
          }
          flow.end(now);
          for (let i = 0; i < 4_000 && ended === 0; i++) {
            now += 20;
            turn(10);
          }
          expect(ended).toBe(1);
          expect(flow.heldBytes).toBe(0);
          expect(Buffer.compare(Buffer.concat(came), Buffer.concat(sent))).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('bytes', () => {
  it.each<[string, WanShape]>([
    ['at once', symmetric(0)],
    ['late', symmetric(6)],
    ['slowly', symmetric(4, 20_000_000)],
    ['in slow start', symmetric(4, 20_000_000, {})],
    ['with jitter', { toTarget: { delayMs: 5, jitterMs: 5 }, toClient: { delayMs: 5, jitterMs: 5 } }],
  ])('pass untouched both ways, %s', async (_how, shape) => {
    const relay = await relayTo((await target()).port, shape);
    const { socket, bytes, ended } = await client(relay.port);
    const sent = pattern(1_500_000);
    socket.end(sent);
    expect(await ended).toBe('end');
    expect(Buffer.compare(bytes(), sent)).toBe(0);
    await holds('the relay holds nothing', () => relay.stats().open === 0 && relay.stats().toTarget.heldBytes === 0);
    expect(relay.stats()).toMatchObject({
      accepted: 1,
      resets: 0,
      toTarget: { deliveredBytes: 1_500_000 },
      toClient: { deliveredBytes: 1_500_000 },
    });
  });

  it('hold the sender back when the line is full: memory stays within queue and window', async () => {
    const { port, sockets } = await target((socket) => socket.pause());
    const relay = await relayTo(port, {
      toTarget: { delayMs: 1, bytesPerSecond: 1_000, queueBytes: 100_000 },
      toClient: { delayMs: 1 },
    });
    const { socket } = await client(relay.port);
    socket.write(Buffer.alloc(64_000_000));
    await holds('the queue is full', () => relay.stats().toTarget.heldBytes >= 100_000);
    await aWhile();
    // The queue, and the read that went over it.
    expect(relay.stats().toTarget.heldBytes).toBeLessThan(100_000 + 2 * 65_536);
    expect(sockets.length).toBe(1);
  });

  it('hold the sender back when the receiver does not read', async () => {
    const { port } = await target((socket) => socket.pause());
    const relay = await relayTo(port, symmetric(1));
    const { socket } = await client(relay.port);
    socket.write(Buffer.alloc(128_000_000));
    await holds('it stops', () => relay.stats().toTarget.heldBytes > 1_000_000);
    for (let i = 0; i < 10; i++) await aWhile();
    expect(relay.stats().toTarget.heldBytes).toBeLessThan(MAX_WINDOW_BYTES + 262_144 + 2 * 65_536);
    expect(socket.writableLength).toBeGreaterThan(0);
  });
});

describe('ends of connections', () => {
  it('are passed on: a half that ends, and the answer that still comes', async () => {
    const { port } = await target((socket) => {
      socket.resume();
      socket.on('end', () => socket.end('after your end'));
    });
    const relay = await relayTo(port, symmetric(4));
    const { socket, bytes, ended } = await client(relay.port);
    socket.end('question');
    expect(await ended).toBe('end');
    expect(bytes().toString()).toBe('after your end');
  });

  it('are passed on: a reset of the target reaches the client as a reset', async () => {
    const { port, sockets } = await target();
    const relay = await relayTo(port, symmetric(4));
    const { socket, until, ended } = await client(relay.port);
    socket.write('x');
    await until(1);
    sockets[0]?.resetAndDestroy();
    expect(await ended).toBe('reset');
    expect(relay.stats()).toMatchObject({ open: 0, resets: 0 });
  });

  it('are passed on: a client that is gone is gone for the target', async () => {
    const { port, sockets } = await target();
    const relay = await relayTo(port, symmetric(4));
    const { socket, until } = await client(relay.port);
    socket.write('x');
    await until(1);
    socket.resetAndDestroy();
    await holds('the target knows', () => sockets[0]?.destroyed === true);
  });

  it('a target that refuses: the client is reset, a round trip after it called', async ({ skip }) => {
    const free = createServer();
    await new Promise<void>((ready) => free.listen(0, '127.0.0.1', ready));
    const { port } = free.address() as AddressInfo;
    await new Promise((done) => free.close(done));
    const relay = await relayTo(port, symmetric(4));
    expect(await (await client(relay.port)).ended).toBe('reset');
    const far = await relayTo(port, symmetric(60));
    await within5Percent(skip, 60, 3, async () => {
      const from = performance.now();
      await (await client(far.port)).ended;
      return performance.now() - from;
    });
  });
});

describe('faults', () => {
  async function talking(shape = symmetric(4)): Promise<{ relay: WanRelay; one: Client; sockets: Socket[] }> {
    const { port, sockets } = await target();
    const relay = await relayTo(port, shape);
    const one = await client(relay.port);
    one.socket.write('x');
    await one.until(1);
    return { relay, one, sockets };
  }

  it('cut: both ends are reset, a new connection works', async () => {
    const { relay, one, sockets } = await talking();
    relay.cut();
    expect(await one.ended).toBe('reset');
    await holds('the target knows', () => sockets[0]?.destroyed === true);
    const next = await client(relay.port);
    next.socket.write('y');
    await next.until(1);
    expect(relay.stats()).toMatchObject({ open: 1, accepted: 2, resets: 1 });
  });

  it('blackhole: takes bytes and delivers none; healed, all arrive, also on connections made meanwhile', async () => {
    const { relay, one, sockets } = await talking();
    relay.blackhole(true);
    one.socket.write('lost?');
    const other = await client(relay.port);
    other.socket.write('and this?');
    await aWhile();
    expect([one.got(), other.got(), sockets.length]).toEqual([1, 0, 1]);
    expect(relay.stats().toTarget.heldBytes).toBe(14);
    relay.blackhole(false);
    await Promise.all([one.until(6), other.until(9)]);
    expect(one.bytes().toString()).toBe('xlost?');
    expect(other.bytes().toString()).toBe('and this?');
  });

  it('forgotten: what stands says nothing more at either end, an end included, and a new connection works', async () => {
    const { relay, one, sockets } = await talking();
    relay.forget();
    let heard = 0;
    sockets[0]?.on('data', (data: Buffer) => (heard += data.length));
    one.socket.write('lost');
    sockets[0]?.write('lost, too');
    const next = await client(relay.port);
    next.socket.write('y');
    await next.until(1);
    one.socket.resetAndDestroy();
    await aWhile();
    expect([heard, one.got(), sockets[0]?.destroyed]).toEqual([0, 1, false]);
    expect(relay.stats()).toMatchObject({ open: 1, accepted: 2, resets: 0 });
    // Nor does it come back to life with a fault that ends.
    relay.blackhole(true);
    relay.blackhole(false);
    await aWhile();
    expect(heard).toBe(0);
    await relay.close();
    await holds('the target is free', () => sockets[0]?.destroyed === true);
  });

  it('blackhole: holds no more than queue and window of a sender that goes on', async () => {
    const { relay, one } = await talking();
    relay.blackhole(true);
    one.socket.write(Buffer.alloc(64_000_000));
    await holds('it is full', () => relay.stats().toTarget.heldBytes > MAX_WINDOW_BYTES);
    await aWhile();
    expect(relay.stats().toTarget.heldBytes).toBeLessThan(MAX_WINDOW_BYTES + 262_144 + 2 * 65_536);
  });

  it('half-open: one direction is dead, the other lives', async () => {
    const { relay, one, sockets } = await talking();
    relay.halfOpen('to_client', true);
    let seen = '';
    sockets[0]?.on('data', (data: Buffer) => (seen += data.toString()));
    one.socket.write('hear me');
    await holds('the target hears', () => seen === 'hear me');
    await aWhile();
    expect(one.got()).toBe(1);
    relay.halfOpen('to_client', false);
    await one.until(8);
  });

  it.each([1, 1_000, 100_000])('reset at byte %d: as many are delivered, and no more', async (limit) => {
    const { relay, one } = await talking();
    relay.resetAt('to_client', 1 + limit);
    one.socket.write('get 300000');
    expect(await one.ended).toBe('reset');
    // A reset may overtake bytes that the receiver's kernel already holds.
    expect(one.got()).toBeLessThanOrEqual(1 + limit);
    expect(relay.stats().toClient.deliveredBytes).toBe(1 + limit);
    relay.resetAt('to_client', undefined);
    const next = await client(relay.port);
    next.socket.write('get 300000');
    await next.until(300_000);
  });

  it('stops accepting: refused at once, open connections stay; then again on the same port', async () => {
    const { relay, one } = await talking();
    const { port } = relay;
    await relay.accepting(false);
    const refused = await new Promise<string>((tell) => {
      connect(port, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => tell(error.code ?? ''));
    });
    expect(refused).toBe('ECONNREFUSED');
    one.socket.write('still here');
    await one.until(11);
    await relay.accepting(true);
    expect(relay.port).toBe(port);
    const next = await client(port);
    next.socket.write('y');
    await next.until(1);
  });

  it('a change of shape at run time holds for what comes after', async ({ skip }) => {
    const { relay, one } = await talking(symmetric(10));
    for (const rttMs of [120, 30]) {
      relay.set(symmetric(rttMs));
      await within5Percent(skip, rttMs, 5, async () => {
        const from = performance.now();
        one.socket.write('y');
        await one.until(one.got() + 1);
        return performance.now() - from;
      });
    }
  });

  it('refuses a shape that is none', async () => {
    const { relay } = await talking();
    for (const bad of [
      { delayMs: -1 },
      { delayMs: Number.NaN },
      { delayMs: 1, bytesPerSecond: 0 },
      { delayMs: 1, queueBytes: 0 },
    ]) {
      expect(() => relay.set({ toTarget: bad, toClient: { delayMs: 1 } })).toThrow();
    }
  });

  it('close: everything is reset and the port is free', async () => {
    const { relay, one } = await talking();
    await relay.close();
    expect(await one.ended).toBe('reset');
    const again = createServer();
    await new Promise<void>((ready) => again.listen(relay.port, '127.0.0.1', ready));
    await new Promise((done) => again.close(done));
  });
});
