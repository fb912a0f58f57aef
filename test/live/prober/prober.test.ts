/** Plan, driver, real sockets and board together. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Origin } from '../../../src/core/model.ts';
import type { ProbeTransport } from '../../../src/core/probe.ts';
import { US_PER_SECOND } from '../../../src/core/time.ts';
import type { HealthEvent } from '../../../src/core/trace.ts';
import { describeOrigin } from '../../../src/health/describe.ts';
import { ProbeDriver } from '../../../src/health/drive.ts';
import { layOut } from '../../../src/health/layout.ts';
import { HealthBoard } from '../../../src/health/view.ts';
import { LiveProbes } from '../../../src/live/prober/prober.ts';
import { PLACES, at, model, monitor, origin, pool } from '../../health/build.ts';
import { RealScheduler, closeAll, httpOrigin, tcpOrigin } from './lab.ts';

const running: ProbeDriver[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const driver of running.splice(0)) driver.stop();
  await closeAll();
});

interface Started {
  readonly board: HealthBoard;
  readonly driver: ProbeDriver;
  readonly probes: LiveProbes;
  readonly sent: () => number;
  readonly scheduler: RealScheduler;
  /** Settles with the first event that fits. */
  readonly event: (fits: (event: HealthEvent) => boolean) => Promise<HealthEvent>;
}

function start(origins: readonly Origin[], over: Parameters<typeof monitor>[0], shareUs: number): Started {
  const events: HealthEvent[] = [];
  const waiting: { fits: (event: HealthEvent) => boolean; done: (event: HealthEvent) => void }[] = [];
  const board = new HealthBoard(layOut(model([pool('eu', origins, { minimumOrigins: 1 })], [monitor(over)]), PLACES), {
    onEvent: (event) => {
      events.push(event);
      for (const each of waiting) if (each.fits(event)) each.done(event);
    },
  });
  const scheduler = new RealScheduler();
  const probes = new LiveProbes();
  let sent = 0;
  const counted: ProbeTransport = {
    send: (request, done) => {
      sent += 1;
      return probes.send(request, done);
    },
  };
  const driver = new ProbeDriver(board, scheduler, counted, { seed: 1, dataCenters: 'together', shareUs });
  running.push(driver);
  const event: Started['event'] = (fits) =>
    new Promise((done) => {
      const past = events.find(fits);
      if (past === undefined) waiting.push({ fits, done });
      else done(past);
    });
  return { board, driver, probes, sent: () => sent, scheduler, event };
}

/** From here on time stands still, and jumps to what is due next whenever no probe is on its way: none can be late. */
function standStill(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
}

async function jumping<Value>({ probes }: Started, wanted: Promise<Value>): Promise<Value> {
  let there = false;
  void wanted.then(() => (there = true));
  while (!there) {
    if (probes.underWay === 0) vi.advanceTimersToNextTimer();
    await new Promise((done) => setImmediate(done));
  }
  return wanted;
}

const local = (name: string, port: number): Origin => origin(name, { address: '127.0.0.1', port });

describe('probing real origins', () => {
  it('finds the good one and the bad one, and the pool degraded', async () => {
    const good = await httpOrigin((_, response) => response.end('ok'));
    const bad = await httpOrigin((_, response) => response.writeHead(500).end());
    const { board, event } = start([local('good', good), local('bad', bad)], {}, 0);
    await event((e) => e.scope === 'origin' && e.origin === 'good' && e.to === 'healthy');
    await event((e) => e.scope === 'origin' && e.origin === 'bad' && e.to === 'unhealthy');
    expect(board.pool(0, at('LHR'))).toBe('degraded');
    expect(describeOrigin(board, 0, 1, at('LHR')).reason).toBe('response_code_mismatch');
    expect(board.rttUs(0, at('LHR'))).toBeGreaterThan(0);
  });

  it('LB-128 with retries 2 the third time-out makes it unhealthy', async () => {
    standStill();
    const port = await tcpOrigin((socket) => void socket.on('data', () => vi.advanceTimersByTime(5_000)));
    const started = start([local('slow', port)], { timeoutSeconds: 5, retries: 2 }, US_PER_SECOND);
    const verdict = await jumping(
      started,
      started.event((e) => e.scope === 'origin'),
    );
    expect(verdict).toMatchObject({ to: 'unhealthy', reason: 'http_timeout' });
    expect(started.sent()).toBe(3);
  });

  it('LB-128 a retry that is answered saves it', async () => {
    standStill();
    let asked = 0;
    const port = await httpOrigin((_, response) => {
      asked += 1;
      if (asked >= 3) response.end('ok');
      else vi.advanceTimersByTime(5_000);
    });
    const started = start([local('slow', port)], { timeoutSeconds: 5, retries: 2 }, US_PER_SECOND);
    const verdict = await jumping(
      started,
      started.event((e) => e.scope === 'origin'),
    );
    expect(verdict).toMatchObject({ to: 'healthy' });
    expect(asked).toBe(3);
  });

  it('one shared probe stands for all data centers; without sharing each sends its own', async () => {
    for (const [shareUs, expected] of [
      [US_PER_SECOND, 1],
      [0, 3],
    ] as const) {
      let asked = 0;
      const port = await httpOrigin((_, response) => {
        asked += 1;
        response.end('ok');
      });
      const { board, driver, event } = start([local('a', port)], {}, shareUs);
      await event((e) => e.scope === 'pool' && e.to === 'healthy');
      // The third data center may still be on its way when two have decided.
      while (driver.underWay > 0) await new Promise((done) => setImmediate(done));
      expect(asked).toBe(expected);
      expect(describeOrigin(board, 0, 0, undefined).votes).toEqual({ healthy: 1, unhealthy: 0, unprobed: 0 });
      driver.stop();
    }
  });

  it('stops cleanly in the middle of probes: no timer, no socket, no answer', async () => {
    let came: () => void = () => {};
    const arrived = new Promise<void>((done) => {
      came = done;
    });
    let open = 0;
    let allClosed: () => void = () => {};
    const closed = new Promise<void>((done) => {
      allClosed = done;
    });
    const port = await tcpOrigin((socket) => {
      open += 1;
      socket.resume();
      socket.on('close', () => {
        open -= 1;
        if (open === 0) allClosed();
      });
      came();
    });
    const { board, driver, probes, scheduler } = start([local('slow', port)], {}, US_PER_SECOND);
    await arrived;
    driver.stop();
    await closed;
    expect([driver.underWay, probes.underWay, scheduler.pending]).toEqual([0, 0, 0]);
    expect(board.pool(0, at('LHR'))).toBe('unprobed');
  });
});
