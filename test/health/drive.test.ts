import { describe, expect, it } from 'vitest';
import type { ProbeAnswer, ProbeRequest, ProbeTransport } from '../../src/core/probe.ts';
import { US_PER_SECOND, after } from '../../src/core/time.ts';
import { type DriverOptions, ProbeDriver } from '../../src/health/drive.ts';
import { layOut } from '../../src/health/layout.ts';
import { adopt } from '../../src/health/snapshot.ts';
import { HealthBoard } from '../../src/health/view.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { PLACES, at, model, monitor, pool, second } from './build.ts';

const OK: ProbeAnswer = { kind: 'http', status: 200, body: new Uint8Array(), rttUs: 5_000 };
const SILENCE: ProbeAnswer = { kind: 'failed', reason: 'http_timeout', detail: '', rttUs: undefined };

/** A world of one clock and a transport that answers as told after `delayMs`. */
class World implements ProbeTransport {
  readonly clock = new VirtualClock(second(1_000_000));
  readonly sent: { request: ProbeRequest; at: number }[] = [];
  underWay = 0;
  mostUnderWay = 0;
  cancelled = 0;
  delayMs = 5;
  answer: (request: ProbeRequest) => ProbeAnswer = () => OK;

  send(request: ProbeRequest, done: (answer: ProbeAnswer) => void): () => void {
    this.sent.push({ request, at: this.clock.now() });
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const handle = this.clock.at(after(this.clock.now(), this.delayMs * 1000), () => {
      this.underWay -= 1;
      done(this.answer(request));
    });
    return () => {
      this.clock.cancel(handle);
      this.underWay -= 1;
      this.cancelled += 1;
    };
  }

  run(seconds: number): void {
    this.clock.runUntil(after(this.clock.now(), seconds * US_PER_SECOND));
  }

  drive(options: Partial<DriverOptions> = {}, board = boardOf()): { board: HealthBoard; driver: ProbeDriver } {
    return { board, driver: new ProbeDriver(board, this.clock, this, { seed: 1, ...options }) };
  }
}

function boardOf(pools = [pool('eu', ['a'])], monitors = [monitor()]): HealthBoard {
  return new HealthBoard(layOut(model(pools, monitors), PLACES));
}

describe('driving a plan', () => {
  it('sends what is due, judges what comes back, and feeds the board', () => {
    const world = new World();
    const { board } = world.drive();
    world.run(2);
    expect(board.pool(0, at('LHR'))).toBe('healthy');
    expect(board.rttUs(0, at('LHR'))).toBe(5_000);
    world.answer = () => ({ ...OK, status: 503 });
    world.run(61);
    expect(board.pool(0, at('LHR'))).toBe('critical');
  });

  it('LB-128 sends a timed-out probe again at once, twice', () => {
    const world = new World();
    world.answer = () => SILENCE;
    world.delayMs = 5_000;
    const { board } = world.drive({ dataCenters: 'together' });
    world.run(14);
    expect(board.pool(0, at('LHR'))).toBe('unprobed');
    world.run(2.1);
    expect(board.pool(0, at('LHR'))).toBe('critical');
    expect(world.sent).toHaveLength(9);
    const times = [...new Set(world.sent.map((each) => each.at))];
    expect(times.slice(1).map((time, i) => time - times[i]!)).toEqual([5_000_000, 5_000_000]);
  });

  it('holds no more probes at once than it may, and sends them all in the end', () => {
    const world = new World();
    world.delayMs = 100;
    const { board } = world.drive(
      { maxUnderWay: 2, dataCenters: 'together' },
      boardOf([pool('eu', ['a', 'b', 'c', 'd'])]),
    );
    world.run(10);
    expect(world.mostUnderWay).toBe(2);
    expect(board.pool(0, at('LHR'))).toBe('healthy');
  });

  it('one real probe can stand for all data centers', () => {
    const world = new World();
    const { board } = world.drive({ dataCenters: 'together', shareUs: US_PER_SECOND });
    world.run(2);
    expect(world.sent).toHaveLength(1);
    expect(board.pool(0, at('LHR'))).toBe('healthy');
    world.answer = () => SILENCE;
    world.run(121);
    expect(board.pool(0, at('LHR'))).toBe('critical');
    // Two rounds, each a probe and two retries.
    expect(world.sent).toHaveLength(1 + 2 * 3);
  });
});

describe('stopping', () => {
  it('calls off what is on the wire, and nothing happens any more', () => {
    const world = new World();
    world.delayMs = 60_000;
    const { board, driver } = world.drive();
    world.run(1.5);
    expect(driver.underWay).toBe(3);
    driver.stop();
    expect([world.cancelled, world.underWay, driver.underWay]).toEqual([3, 0, 0]);
    const sent = world.sent.length;
    world.run(600);
    expect(world.sent).toHaveLength(sent);
    expect(board.pool(0, at('LHR'))).toBe('unprobed');
    expect(world.clock.step()).toBe(false);
  });

  it('may be asked for by whoever is told of a change', () => {
    const world = new World();
    const stop: { driver?: ProbeDriver } = {};
    const board = new HealthBoard(layOut(model([pool('eu', ['a'])]), PLACES), { onEvent: () => stop.driver?.stop() });
    stop.driver = new ProbeDriver(board, world.clock, world, {
      seed: 1,
      dataCenters: 'together',
      shareUs: US_PER_SECOND,
    });
    world.run(600);
    expect(world.sent).toHaveLength(1);
    expect(world.clock.step()).toBe(false);
  });
});

describe('reloading', () => {
  it('carries verdicts over, probes what is new, and calls off what belonged to the old configuration', () => {
    const world = new World();
    const { board, driver } = world.drive();
    world.run(2);
    const next = boardOf([pool('us', ['b']), pool('eu', ['a'])]);
    adopt(next, board, world.clock.now());
    driver.reload(next);
    expect(next.pool(1, at('LHR'))).toBe('healthy');
    expect(next.pool(0, at('LHR'))).toBe('unprobed');
    world.run(2);
    expect(next.pool(0, at('LHR'))).toBe('healthy');
    world.answer = () => ({ ...OK, status: 500 });
    world.run(61);
    expect([next.pool(1, at('LHR')), board.pool(0, at('LHR'))]).toEqual(['critical', 'healthy']);
  });

  it('drops answers of before, and asks again', () => {
    const world = new World();
    world.delayMs = 3_000;
    const { driver } = world.drive();
    world.run(1.5);
    const next = boardOf();
    driver.reload(next);
    world.run(1.6);
    expect(next.pool(0, at('LHR'))).toBe('unprobed');
    expect(world.cancelled).toBe(3);
    // They are not lost for a whole interval: what was under way is asked again.
    world.run(3);
    expect(next.pool(0, at('LHR'))).toBe('healthy');
  });
});
