import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Micros, micros } from '../../src/core/time.ts';
import { seededRandom } from '../../src/core/random.ts';
import { FAULTS } from '../../src/sim/faults/catalogue.ts';
import { type Fault, type FaultWorld, type Target, startUpOf } from '../../src/sim/faults/fault.ts';
import { LinkState } from '../../src/sim/link.ts';
import { SimOrigin } from '../../src/sim/origin.ts';
import { RailgunEstate } from '../../src/sim/railgun-estate.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const S = 1_000_000;

/** Two pools of two origins, two listeners, two stores, one link; resolvers and PoPs only remember what was asked of them. */
class World implements FaultWorld {
  readonly scheduler = new VirtualClock(micros(1_772_366_400 * S));
  readonly random = seededRandom('faults');
  readonly link = new LinkState(10_000, 5_000_000);
  readonly model = new RailgunEstate(
    {
      topology: 'in-front',
      listeners: 2,
      storeNodes: 2,
      sharedStore: true,
      expirationUs: 600 * S,
      streamSize: 1 << 20,
      replaceAfterUs: 0,
    },
    this.scheduler,
  );
  readonly origins = ['eu/eu-1', 'eu/eu-2', 'us/us-1', 'us/us-2'].map((name) => ({
    name,
    origin: new SimOrigin({ capacity: 100, queueLimit: 10, latencyUs: 20_000, jitterUs: 0 }, seededRandom(name)),
  }));
  withdrawn: string[] = [];
  crashed: string[] = [];
  ignoring = 0;

  originsAt({ name }: Target): readonly SimOrigin[] {
    return this.origins.filter((one) => name === 'all' || one.name.startsWith(name)).map(({ origin }) => origin);
  }
  railgun(): RailgunEstate {
    return this.model;
  }
  setWithdrawn(target: Target, withdrawn: boolean): void {
    if (withdrawn) this.withdrawn.push(target.name);
    else this.withdrawn.splice(this.withdrawn.indexOf(target.name), 1);
  }
  setCrashed(target: Target, crashed: boolean): void {
    if (crashed) this.crashed.push(target.name);
    else this.crashed.splice(this.crashed.indexOf(target.name), 1);
  }
  setIgnoreTtl(ignore: boolean): void {
    this.ignoring += ignore ? 1 : -1;
  }

  /** Everything that a fault can have touched and that an undo must give back. Generations only grow: what was lost stays lost. */
  state(): unknown {
    const { addDelayUs, rate, loss, cut } = this.link;
    return {
      link: { addDelayUs, rate, loss: Number(loss.toFixed(9)), cut },
      listeners: this.model.listeners.map(({ state }) => state),
      stores: this.model.stores.map(({ state }) => state),
      origins: this.origins.map(({ origin }) => {
        const { mode } = origin;
        origin.admit(this.scheduler.now() + 1_000 * S, 30_000, 0);
        return { mode, ending: origin.ending, afterUs: origin.afterUs };
      }),
      withdrawn: [...this.withdrawn].sort(),
      crashed: [...this.crashed].sort(),
      ignoring: this.ignoring,
    };
  }
}

const NAMES: Readonly<Record<Target['kind'], readonly string[]>> = {
  pool: ['eu', 'us', 'all'],
  origin: ['eu/eu-1', 'us/us-2'],
  link: ['edge-origin'],
  listener: ['1', '2', 'all'],
  store: ['1', '2', 'all'],
  pop: ['LHR', 'FRA'],
  region: ['WEU'],
  resolver: ['all'],
};

const defaults = (fault: Fault): Record<string, number> =>
  Object.fromEntries(Object.entries(fault.parameters).map(([name, parameter]) => [name, parameter.default]));

const anyFault = fc
  .constantFrom(...FAULTS.values())
  .chain((fault) =>
    fc
      .constantFrom(...fault.targets)
      .chain((kind) =>
        fc.constantFrom(...NAMES[kind]).map((name) => ({ fault, target: { kind, name } satisfies Target })),
      ),
  );

describe('every fault of the catalogue', () => {
  it.each([...FAULTS.values()].flatMap((fault) => fault.targets.map((kind) => [fault.name, kind, fault] as const)))(
    '%s on a %s harms, and its undo gives everything back',
    (name, kind, fault) => {
      const world = new World();
      const before = JSON.stringify(world.state());
      const generations = (): string => JSON.stringify([world.model.stores.map((s) => s.generation)]);
      const forgot = generations();
      const undo = fault.start(world, { kind, name: NAMES[kind][0]! }, defaults(fault));
      world.scheduler.runUntil(micros(world.scheduler.now() + 5 * S));
      // A flush is over at once: what it did is that the store forgot.
      if (name === 'flush') expect(generations()).not.toBe(forgot);
      else if (name === 'half_open') expect(world.link.forgottenAt).toBe(world.scheduler.now() - 5 * S);
      else expect(JSON.stringify(world.state())).not.toBe(before);
      undo();
      undo();
      world.scheduler.runUntil(micros(world.scheduler.now() + 600 * S));
      expect(JSON.stringify(world.state())).toBe(before);
    },
  );

  it('whatever ends a process has it started again, and nothing else has', () => {
    const startUp = { edge: 1, listener: 2, store: 3, origin: 4 };
    const waits = [...FAULTS.values()].flatMap((fault) =>
      fault.targets.flatMap((kind) => {
        const us = startUpOf(fault, { kind, name: NAMES[kind][0]! }, startUp);
        return us === 0 ? [] : [[fault.name, kind, us]];
      }),
    );
    expect(waits).toEqual([
      ['power_loss', 'pool', 4],
      ['power_loss', 'origin', 4],
      ['kill', 'listener', 2],
      ['kill', 'store', 3],
      ['drain', 'listener', 2],
      ['lose_node', 'store', 3],
      ['crash', 'pop', 1],
    ]);
  });

  it('any number of them, overlapping in any order, leave the world as it was', () => {
    const story = fc.array(
      fc.record({ what: anyFault, after: fc.integer({ min: 0, max: 40 }), lasts: fc.integer({ min: 1, max: 90 }) }),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(story, (faults) => {
        const world = new World();
        const before = JSON.stringify(world.state());
        let at: Micros = world.scheduler.now();
        for (const { what, after, lasts } of faults) {
          at = micros(at + after * S);
          const end = micros(at + lasts * S);
          world.scheduler.at(at, () => {
            const undo = what.fault.start(world, what.target, defaults(what.fault));
            world.scheduler.at(end, undo);
          });
        }
        world.scheduler.runUntil(micros(at + 1_000 * S));
        expect(JSON.stringify(world.state())).toBe(before);
      }),
      { numRuns: 300 },
    );
  });

  it('while two act on one thing the worse one holds, whichever ends first', () => {
    const world = new World();
    const target: Target = { kind: 'listener', name: '1' };
    const undoStop = FAULTS.get('stop')!.start(world, target, {});
    const undoDrain = FAULTS.get('drain')!.start(world, target, {});
    expect(world.model.listeners[0]!.state).toBe('silent');
    undoStop();
    expect(world.model.listeners[0]!.state).toBe('draining');
    undoDrain();
    expect(world.model.listeners[0]!.state).toBe('up');
    const link: Target = { kind: 'link', name: 'edge-origin' };
    const undoNarrow = FAULTS.get('rate')!.start(world, link, { limit: 1_000 });
    const undoWider = FAULTS.get('rate')!.start(world, link, { limit: 9_000 });
    expect(world.link.rate).toBe(1_000);
    undoNarrow();
    expect(world.link.rate).toBe(9_000);
    undoWider();
    expect(world.link.rate).toBe(5_000_000);
  });

  it('has a name that says what file it is in, a summary, and sound defaults', () => {
    const files = readdirSync('src/sim/faults').map((file) => readFileSync(`src/sim/faults/${file}`, 'utf8'));
    for (const [name, fault] of FAULTS) {
      expect(fault.name).toBe(name);
      expect(name).toMatch(/^[a-z_]+$/);
      expect(fault.summary.length).toBeGreaterThan(10);
      expect(fault.targets.length).toBeGreaterThan(0);
      expect(files.filter((text) => text.includes(`name: '${name}'`))).toHaveLength(1);
      for (const parameter of Object.values(fault.parameters)) {
        expect(Number.isFinite(parameter.default)).toBe(true);
        if (parameter.kind === 'share') expect(parameter.default).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('brown-out', () => {
  it('begins at once, grows with time, and is at its worst when `over` has passed', () => {
    const world = new World();
    const undo = FAULTS.get('brownout')!.start(
      world,
      { kind: 'pool', name: 'eu' },
      { over: 100 * S, add: S, share: 0, capacity: 1 },
    );
    const latencies: number[] = [];
    const [origin] = world.originsAt({ kind: 'pool', name: 'eu' });
    for (let step = 0; step < 14; step += 1) {
      world.scheduler.runUntil(micros(1_772_366_400 * S + step * 10 * S + S));
      origin!.admit(world.scheduler.now(), 0, 0);
      latencies.push(origin!.afterUs - 20_000);
    }
    expect(latencies).toEqual([1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10].map((tenths) => tenths * 100_000));
    undo();
  });
});
