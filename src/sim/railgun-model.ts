/**
 * The Railgun link at flow fidelity: lanes, dictionaries and ratios as arithmetic, no bytes. Lanes are opened, chosen and given up by the
 * real `LanePool` over the same estate and the same dialling as at wire fidelity, so both decide alike; what a lane's machine would have
 * noticed is worked out when the next request asks. One group of lanes per PoP, as each place has its own lanes and dictionaries (RG-018).
 *
 * Requests never wait for a lane: without one they go direct over HTTP/1.1 without compression, with the published reason (RG-001 to
 * RG-004, RG-008). A lane that breaks after a request was handed over costs that request (527, RG-012).
 *
 * Pages: `page-clock.ts` says which version a page has; one held at both ends costs nothing while it is the same, else a delta whose share
 * grows with the versions between; one not held costs a packed body. The shares are in `page-shares.ts`.
 */
import type { Random } from '../core/random.ts';
import { finalise } from '../core/hash.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import { DirectReason } from '../railgun/cf-railgun.ts';
import { ErrorCode } from '../railgun/faults.ts';
import { DEFAULT_LANE_POOL, LanePool } from '../railgun/lanes.ts';
import { RGX_LIMITS, SMALL_BODY_BYTES } from '../railgun/limits.ts';
import type { Scheduler } from '../core/ports.ts';
import { dial } from './lane-dial.ts';
import type { LinkState } from './link.ts';
import { PAGE_EVERY_US, versionAt } from './page-clock.ts';
import { IDLE_WINDOW_US, INITIAL_WINDOW_BYTES, MAX_WINDOW_BYTES } from './wire/pipe.ts';
import { type PageShare, PAGE_SHARES } from './page-shares.ts';
import { type EstateWatcher, type ListenerState, type RailgunEstate, isDying } from './railgun-estate.ts';

/** Bytes of SETTINGS each way: the third round trip of a new lane carries them (wire: measured by the calibration test). */
const SETTINGS_THERE = 118;
const SETTINGS_BACK = 112;
/** REQUEST with a browser's head, and RESPONSE with a head delta: they cost time on a narrow line and are not counted as WAN bytes. */
const REQUEST_BYTES = 470;
const HEAD_BYTES = 70;
const { maxStreams, pingIdleUs, pingTimeoutUs, probeUs, suspectUs } = RGX_LIMITS;
/** Page versions remembered, by hash: a table of fixed size, so memory is flat; a collision costs one full transfer. */
const PAGES = 1 << 17;

export interface FlowPath {
  readonly estate: RailgunEstate;
  readonly link: LinkState;
  readonly scheduler: Scheduler;
  /** What the lanes of a PoP draw from. */
  readonly placeRandom: (pop: number) => Random;
  readonly startUs: number;
  /** How pages change and what that costs; without it, news from the generator. */
  readonly pages?: { readonly shareOf: (page: number) => PageShare; readonly everyUs: (page: number) => number };
}

interface Lane {
  readonly number: number;
  readonly listener: number;
  readonly generation: number;
  readonly backUs: number;
  readonly openedAt: number;
  busy: number;
  lastHeard: number;
  /** When the sender asks a lane that says nothing whether it lives; 0 = it is not silent. */
  pingAt: number;
  /** TCP's window towards the edge, bytes, and when it was last used. */
  window: number;
  usedAt: number;
  retiring: boolean;
}

interface Place {
  readonly pop: number;
  readonly pool: LanePool;
  readonly lanes: Lane[];
  roundTripUs: number;
  readonly giveUp: Map<number, () => void>;
}

/** What `fateOf` says of a request at the end of its arithmetic. */
export const PASSES = 0;
export const LOST = -1;

export class RailgunModel implements EstateWatcher {
  lanesOpened = 0;
  lanesLost = 0;
  /** Written by `place`: why the request goes direct; empty = over the lane. */
  reason = '';
  /** Written by `place` when over a silent lane: the request fails at this time; 0 = it does not. */
  hangsUntil = 0;
  /** Written by `place`: the lane and where it leads. */
  lane = 0;
  listener = 0;
  /** Written by `transfer`: body bytes on the lane, as `Cf-Railgun` counts them, and all bytes of this exchange that take time on the line. */
  wanBytes = 0;
  lineBytes = 0;
  /** Written by `transfer`: round trips that a small window adds (slow start, anew after a pause, as in wire/pipe.ts). */
  moreRoundTrips = 0;
  onLane: ((pop: number, listener: number, state: string, reason: string) => void) | undefined;
  readonly #path: FlowPath;
  readonly #places: (Place | undefined)[] = [];
  /** Of each remembered page: version, when it was stored, and where (`#holderAt`). */
  readonly #versions = new Float64Array(PAGES).fill(-1);
  readonly #storedAt = new Float64Array(PAGES);
  readonly #holders = new Int32Array(PAGES);
  /** Hash of the stored version's key, which says on which node it lives. */
  readonly #homes = new Int32Array(PAGES);
  /** When the answer that brings it is there, and what that answer costs: until then others for the page cost the same. */
  readonly #heldFrom = new Float64Array(PAGES);
  readonly #costs = new Int32Array(PAGES);

  constructor(path: FlowPath) {
    this.#path = path;
    path.estate.watch(this);
  }

  /**
   * Decides the path of one request at `pop`. True = handed to a lane; see `lane`, `listener` and `hangsUntil`. False: see `reason`.
   */
  place(pop: number, now: number, roundTripUs: number): boolean {
    const place = this.#places[pop] ?? this.#open(pop);
    place.roundTripUs = roundTripUs;
    this.hangsUntil = 0;
    for (let index = place.lanes.length - 1; index >= 0; index -= 1) this.#look(place, place.lanes[index]!, now);
    if (place.lanes.length > 1) place.pool.wake(now as Micros);
    const where = place.pool.place(now as Micros);
    this.#take(place);
    if (where.kind === 'direct') {
      this.reason = where.reason;
      return false;
    }
    const lane = place.lanes.find(({ number }) => number === where.lane);
    if (lane === undefined) {
      this.reason = DirectReason.internal;
      return false;
    }
    lane.busy += 1;
    place.pool.update(lane.number, maxStreams - lane.busy, lane.busy, now as Micros);
    if (this.#silentSince(lane) <= now) {
      if (lane.pingAt === 0 || lane.pingAt > now + probeUs) lane.pingAt = now + probeUs;
      this.hangsUntil = lane.pingAt + pingTimeoutUs;
    }
    this.reason = '';
    this.lane = lane.number;
    this.listener = lane.listener;
    return true;
  }

  /**
   * What became of a request that would end at `now`: PASSES, LOST, or the later moment at which it is known. A request that hung and is
   * asked about again passes when its lane was heard of meanwhile.
   */
  fateOf(pop: number, laneNumber: number, now: number): number {
    const place = this.#places[pop];
    const lane = place?.lanes.find(({ number }) => number === laneNumber);
    if (lane === undefined) return LOST;
    const { link, estate } = this.#path;
    const listener = estate.listeners[lane.listener]!;
    // Its answer was never written, whether the lane's end has been heard of yet or not.
    if (lane.openedAt <= listener.killedAt && listener.killedAt < now - lane.backUs) return LOST;
    const frozen =
      listener.generation === lane.generation && listener.state === 'silent' && listener.since < now - lane.backUs;
    const cut = (link.cut && link.cutSince < now) || (lane.openedAt < link.forgottenAt && link.forgottenAt < now);
    if (!frozen && !cut) return PASSES;
    if (lane.pingAt === 0) lane.pingAt = lane.lastHeard + (lane.busy > 0 ? probeUs : pingIdleUs);
    const deadAt = lane.pingAt + pingTimeoutUs;
    return deadAt > now ? deadAt : LOST;
  }

  /** The request that `place` put on this lane has ended, however. */
  left(pop: number, laneNumber: number, now: number): void {
    const place = this.#places[pop];
    const lane = place?.lanes.find(({ number }) => number === laneNumber);
    if (place === undefined || lane === undefined) return;
    lane.busy -= 1;
    if (this.#silentSince(lane) > now) lane.lastHeard = now;
    if (lane.retiring && lane.busy === 0) return this.#close(place, lane, now);
    place.pool.update(lane.number, maxStreams - lane.busy, lane.busy, now as Micros);
    return undefined;
  }

  /**
   * Bytes that one answer costs on the lane. `page` is a hash of zone and URL; `text` whether its type may be delta-coded; `answeredAt`:
   * when the edge will have it.
   */
  transfer(pop: number, page: number, bodyBytes: number, text: boolean, now: number, answeredAt = now): void {
    this.wanBytes = this.#bodyOnLane(pop, page, bodyBytes, text, now, answeredAt);
    this.lineBytes = this.wanBytes + REQUEST_BYTES + HEAD_BYTES;
    const place = this.#places[pop];
    const lane = place?.lanes.find(({ number }) => number === this.lane);
    this.moreRoundTrips = place === undefined || lane === undefined ? 0 : this.#windows(lane, place.roundTripUs, now);
  }

  #windows(lane: Lane, roundTripUs: number, now: number): number {
    const { rate } = this.#path.link;
    const bytes = this.wanBytes + HEAD_BYTES;
    if (now - lane.usedAt > Math.max(IDLE_WINDOW_US, 2 * roundTripUs))
      lane.window = Math.min(lane.window, INITIAL_WINDOW_BYTES);
    lane.usedAt = now;
    let window = lane.window;
    // A window that fills the line until the first acknowledgement costs nothing.
    const enough = rate > 0 ? (rate * roundTripUs) / US_PER_SECOND : Number.POSITIVE_INFINITY;
    let rounds = 0;
    for (let left = bytes; left > window && window < enough; rounds += 1) {
      left -= window;
      window *= 2;
    }
    lane.window = Math.min(lane.window + bytes, MAX_WINDOW_BYTES);
    return rounds;
  }

  #bodyOnLane(pop: number, page: number, bodyBytes: number, text: boolean, now: number, answeredAt: number): number {
    const { estate, pages, startUs } = this.#path;
    const { streamSize, expirationUs } = estate.traits;
    if (!text || bodyBytes < SMALL_BODY_BYTES || bodyBytes > streamSize) return bodyBytes;
    const mixed = Math.imul(page ^ Math.imul(pop + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;
    const everyUs = pages?.everyUs(page) ?? PAGE_EVERY_US;
    const share = pages?.shareOf(page) ?? PAGE_SHARES.news;
    const version = versionAt(page, now - startUs, everyUs);
    const slot = mixed % PAGES;
    const stored = this.#versions[slot]!;
    const age = now - this.#storedAt[slot]!;
    // The node is that of the version, so a page's versions live on any of them.
    const at = this.#nodeOf(this.#homes[slot]!);
    // No store at all: pages pass as they are (RG-053).
    if (at < 0) return bodyBytes;
    const held =
      stored >= 0 && this.#holders[slot] === this.#holderAt(at) && (expirationUs === 0 || age < expirationUs);
    const same = held && stored === version;
    if (same && now < this.#heldFrom[slot]!) return this.#costs[slot]!;
    // An unchanged page is stored anew at half its life.
    if (!same || (expirationUs > 0 && age >= expirationUs / 2)) {
      if (!same) this.#homes[slot] = finalise(mixed ^ version ^ Math.floor(now / US_PER_SECOND));
      this.#versions[slot] = version;
      this.#storedAt[slot] = now;
      this.#holders[slot] = this.#holderAt(this.#nodeOf(this.#homes[slot]!));
    }
    if (same) return 0;
    const apart = Math.abs(version - stored);
    const cost = Math.ceil(bodyBytes * (held ? Math.min(share.base + share.step * apart, share.most) : share.full));
    this.#heldFrom[slot] = answeredAt;
    this.#costs[slot] = cost;
    return cost;
  }

  /** A node that is away leaves its keys to the next (live/stores/spread.ts); -1 = none is there. */
  #nodeOf(home: number): number {
    const { stores } = this.#path.estate;
    const first = (home >>> 0) % stores.length;
    for (let tried = 0; tried < stores.length; tried += 1) {
      const node = (first + tried) % stores.length;
      if (stores[node]!.state === 'up') return node;
    }
    return -1;
  }

  /** Who holds what is stored on this node now: the node since it last forgot, of all listeners or of the lane's own. */
  #holderAt(node: number): number {
    const { stores, listeners, traits } = this.#path.estate;
    const own = traits.sharedStore ? 0 : (this.listener + 1) * 4_099 + listeners[this.listener]!.generation;
    return (own * 65_537 + node * 1_021 + stores[node]!.generation) | 0;
  }

  // EstateWatcher

  /** Its connections end behind what it had sent: the sender hears of it one way later. */
  listenerLost(index: number): void {
    const { generation } = this.#path.estate.listeners[index]!;
    this.#eachLaneTo(index, (place, lane) => {
      if (lane.generation === generation) return;
      this.#later(lane.backUs, () => {
        if (!place.lanes.includes(lane)) return;
        this.#close(place, lane, this.#path.scheduler.now(), 'closed by the peer');
      });
    });
  }

  listenerChanged(index: number, _before: ListenerState): void {
    const { state } = this.#path.estate.listeners[index]!;
    if (state !== 'draining') return;
    this.#eachLaneTo(index, (place, lane) => {
      this.#later(lane.backUs, () => {
        if (!place.lanes.includes(lane)) return;
        lane.retiring = true;
        const now = this.#path.scheduler.now();
        place.pool.draining(lane.number, now);
        this.#take(place);
        if (lane.busy === 0) this.#close(place, lane, now);
      });
    });
  }

  #eachLaneTo(listener: number, tell: (place: Place, lane: Lane) => void): void {
    for (const place of this.#places) {
      for (const lane of place?.lanes ?? []) if (lane.listener === listener && place !== undefined) tell(place, lane);
    }
  }

  /** Since when nothing comes from this lane, as far as the far side is concerned; Infinity = it lives. */
  #silentSince(lane: Lane): number {
    const { link, estate } = this.#path;
    const listener = estate.listeners[lane.listener]!;
    let since = Number.POSITIVE_INFINITY;
    if (listener.state === 'silent' && listener.generation === lane.generation && !isDying(listener))
      since = listener.since;
    if (link.cut) since = Math.min(since, link.cutSince);
    if (lane.openedAt < link.forgottenAt) since = Math.min(since, link.forgottenAt);
    return since;
  }

  /** What the lane's machine would have noticed by now. */
  #look(place: Place, lane: Lane, now: number): void {
    if (lane.retiring) return;
    if (this.#silentSince(lane) > now) {
      if (lane.pingAt === 0) return;
      lane.pingAt = 0;
      place.pool.update(lane.number, maxStreams - lane.busy, lane.busy, now as Micros);
      return;
    }
    if (lane.pingAt === 0) lane.pingAt = lane.lastHeard + (lane.busy > 0 ? probeUs : pingIdleUs);
    if (now >= lane.pingAt + pingTimeoutUs) this.#close(place, lane, now, 'no answer to PING');
    else if (lane.busy > 0 && now >= lane.pingAt + suspectUs)
      place.pool.update(lane.number, 0, lane.busy, now as Micros);
  }

  #close(place: Place, lane: Lane, now: number, why = 'drained'): void {
    place.lanes.splice(place.lanes.indexOf(lane), 1);
    place.pool.closed(lane.number, { code: ErrorCode.noError, side: 'network', why }, now as Micros);
    this.lanesLost += 1;
    this.onLane?.(place.pop, lane.listener, 'lost', why);
  }

  #open(pop: number): Place {
    const pool = new LanePool(DEFAULT_LANE_POOL, this.#path.placeRandom(pop).fork('lanes'));
    const place: Place = { pop, pool, lanes: [], roundTripUs: 0, giveUp: new Map() };
    this.#places[pop] = place;
    return place;
  }

  #take(place: Place): void {
    for (const event of place.pool.takeEvents()) {
      if (event.kind === 'open_lane') this.#dial(place, event.lane);
      else if (event.kind === 'abandon_lane') {
        place.giveUp.get(event.lane)?.();
        place.giveUp.delete(event.lane);
      } else {
        const lane = place.lanes.find(({ number }) => number === event.lane);
        if (lane === undefined) continue;
        lane.retiring = true;
        if (lane.busy === 0) this.#close(place, lane, this.#path.scheduler.now());
      }
    }
  }

  #dial(place: Place, number: number): void {
    const { estate, link, scheduler } = this.#path;
    const forwardUs = (): number => Math.floor(place.roundTripUs / 2);
    const backUs = (): number => place.roundTripUs - forwardUs();
    const failed = (listener: number, code: number, why: string): void => {
      place.giveUp.delete(number);
      place.pool.openFailed(number, code, scheduler.now());
      // Told once for a row of failures.
      if (place.pool.failures === 1) this.onLane?.(place.pop, Math.max(0, listener), 'unreachable', why);
    };
    const giveUp = dial(
      { estate, link, scheduler, forwardUs, backUs },
      {
        failed: (listener, why) => failed(listener, ErrorCode.noError, why),
        connected: (listener, generation) => {
          const there = forwardUs() + link.transferUs(SETTINGS_THERE);
          const back = backUs() + link.transferUs(SETTINGS_BACK);
          const wrong = estate.listeners[listener]!.state === 'wrong_token';
          this.#later(there + back, () => {
            if (place.pool.opening !== number) return;
            const now = scheduler.now();
            if (wrong) return failed(listener, ErrorCode.auth, 'Invalid or missing railgun token or tag');
            const there = estate.listeners[listener]!;
            const { state } = there;
            if (there.generation !== generation || isDying(there))
              return failed(listener, ErrorCode.noError, 'closed by the peer');
            if (state === 'silent' || link.cut) return undefined;
            place.giveUp.delete(number);
            const lane = {
              number,
              listener,
              generation,
              backUs: backUs(),
              openedAt: now,
              busy: 0,
              lastHeard: now,
              pingAt: 0,
            };
            const fresh = { window: INITIAL_WINDOW_BYTES, usedAt: now, retiring: false };
            place.lanes.push({ ...lane, ...fresh });
            place.pool.opened(number, maxStreams, now);
            this.#take(place);
            this.lanesOpened += 1;
            this.onLane?.(place.pop, listener, 'open', '');
            return undefined;
          });
        },
      },
    );
    place.giveUp.set(number, giveUp);
    // The pool gives an attempt up by itself, at its own time.
    this.#later(DEFAULT_LANE_POOL.openTimeoutUs, () => {
      if (place.pool.opening !== number) return;
      place.pool.wake(scheduler.now());
      this.#take(place);
      if (place.pool.failures === 1) this.onLane?.(place.pop, 0, 'unreachable', 'took too long');
    });
  }

  #later(spanUs: number, run: () => void): void {
    const { scheduler } = this.#path;
    scheduler.at((scheduler.now() + Math.ceil(spanUs)) as Micros, run);
  }
}
