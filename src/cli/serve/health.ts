/**
 * Health of the live edge: one board, fed by real probes, kept over reloads. In a fleet the primary has it, and every result that it
 * records is told to the workers, whose boards follow (`fleet.ts`): one truth, a message per probe.
 *
 * One machine probes from one place. Data centers that a pool's check_regions ask for are simulated: one real probe stands for all of
 * them (`health/drive.ts`, shareUs), so quorum and regional sources work, and never disagree. `--probe each`: every one sends its own, at its
 * own moments, so they may disagree for a while, as real ones do.
 */
import type { Model } from '../../core/model.ts';
import type { ProbeOutcome } from '../../core/probe.ts';
import { type Micros, US_PER_SECOND } from '../../core/time.ts';
import type { HealthEvent } from '../../core/trace.ts';
import { findPop, POPS, REGIONS } from '../../geo/tables.ts';
import type { Sites } from '../../health/data-centers.ts';
import { ProbeDriver } from '../../health/drive.ts';
import { type HealthLayout, isProbed, layOut } from '../../health/layout.ts';
import { adopt, type HealthSnapshot, restore } from '../../health/snapshot.ts';
import { type BoardOptions, HealthBoard } from '../../health/view.ts';
import type { RealClock } from '../../live/clock.ts';
import { LiveProbes } from '../../live/prober/prober.ts';

/** Arguments of one `HealthBoard.record`, as they travel to workers. */
export type RecordedProbe = readonly [
  pool: number,
  origin: number,
  dataCenter: number,
  outcome: ProbeOutcome,
  now: Micros,
  member: number,
];

export function layoutOf(model: Model, pop: string): HealthLayout {
  const sites: Sites = {
    pops: POPS,
    regions: REGIONS.map((region) => region.code),
    inUse: [findPop(pop)!.index],
  };
  return layOut(model, sites);
}

/** A board that tells what it records. */
class ToldBoard extends HealthBoard {
  readonly #onRecord: (probe: RecordedProbe) => void;

  constructor(layout: HealthLayout, options: BoardOptions, onRecord: (probe: RecordedProbe) => void) {
    super(layout, options);
    this.#onRecord = onRecord;
  }

  override record(
    pool: number,
    origin: number,
    dataCenter: number,
    outcome: ProbeOutcome,
    now: Micros,
    member = 0,
  ): void {
    super.record(pool, origin, dataCenter, outcome, now, member);
    this.#onRecord([pool, origin, dataCenter, outcome, now, member]);
  }
}

export interface HealthOptions {
  readonly clock: RealClock;
  readonly pop: string;
  readonly seed: string;
  readonly ca: readonly string[];
  readonly probe: 'together' | 'each';
  readonly onEvent: (event: HealthEvent) => void;
  readonly onRecord: (probe: RecordedProbe) => void;
}

export class HealthKeeper {
  board: HealthBoard;
  readonly #options: HealthOptions;
  readonly #driver: ProbeDriver;

  constructor(model: Model, options: HealthOptions) {
    this.#options = options;
    this.board = this.#boardOf(model);
    const probes = new LiveProbes(options.ca.length === 0 ? {} : { ca: [...options.ca] });
    this.#driver = new ProbeDriver(this.board, options.clock, probes, {
      seed: options.seed,
      dataCenters: options.probe,
      // Of one moment, never of the round before: intervals may be as short as a second.
      shareUs: options.probe === 'each' ? 0 : US_PER_SECOND / 2,
    });
  }

  /** A new configuration: what is probed as before keeps its verdict. */
  reload(model: Model): void {
    const board = this.#boardOf(model);
    adopt(board, this.board, this.#options.clock.now());
    this.board = board;
    this.#driver.reload(board);
  }

  /** Every origin that is probed has a result. */
  get known(): boolean {
    const { board } = this;
    return board.layout.pools.every((layout, pool) =>
      layout.pool.origins.every((origin, o) => !isProbed(layout, origin) || board.worldOrigin(pool, o) !== 'unprobed'),
    );
  }

  stop(): void {
    this.#driver.stop();
  }

  #boardOf(model: Model): HealthBoard {
    const { pop, onEvent, onRecord } = this.#options;
    return new ToldBoard(layoutOf(model, pop), { onEvent, placeEvents: false }, (probe) => onRecord(probe));
  }
}

/** A worker's board: follows the primary's. */
export function followingBoard(model: Model, pop: string, snapshot: HealthSnapshot, now: Micros): HealthBoard {
  const board = new HealthBoard(layoutOf(model, pop));
  restore(board, snapshot, now);
  return board;
}
