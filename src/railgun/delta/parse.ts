/**
 * Cuts a page into literals and copies for the hybrid codec. Long stretches that just go on in the old page are taken
 * at memory speed; only around edits is every way to write the bytes weighed against the others: a shortest path over
 * the positions up to the next long copy, with prices (1/256 bit) that are averages of what `model.ts` charges.
 *
 * Candidates at a position: straight on and the end of the old token (`model.ts` names these places), old text near
 * the place where we are with the same next six bytes, old text anywhere with (about) the same seven, and this page's
 * own history. Indexes are chains through flat tables, allocated once and reused; the old page is indexed in regions,
 * and only where something changed.
 *
 * Knows nothing of bits. One Parser serves one call at a time; its memory follows the largest page it has seen.
 */
import { HISTORY, LONG, MAIN, REMEMBERED, stopContext } from './model.ts';
import { CLASS, tokenEnd } from './text-class.ts';
import { GO_PRICE, LITERAL_PRICE, PRICE, STOP_PRICE, numberPrice } from './prices.ts';

export interface ParseEffort {
  /** Places looked at per position: old text of the region we are in (half as many in its neighbours), own history. */
  readonly old: number;
  readonly own: number;
  /** A copy of this length (at most TAKE) is taken at once, without weighing. */
  readonly take: number;
}

export interface ParseLimits {
  readonly tokens: number;
  /** Positions weighed with the wanted effort; the rest is done hastily, so that a redesigned page takes no age. */
  readonly weighed: number;
}

/** Little more than the obvious. */
const HASTY: ParseEffort = { old: 2, own: 2, take: 16 };

/** Kinds of token in `Tokens`. */
export const LITERAL = 0;
export const OLD = 1;
export const OWN = 2;

/** The longest copy that is ever weighed. */
const TAKE = 64;
/** Positions weighed together at most; then the best way so far is fixed, and history catches up. */
const SEGMENT = 400;
/** The index over the whole old page has every fourth place, by (a hash of) its next seven bytes. */
const SPARSE = 4;
const KEY = 7;

/** Once a copy of this length is on offer, only obvious places are looked at until seven eighths of it are passed. */
const CALM = 12;

/** How many literals ahead, and how many bytes short, the old page may resume and still be the better copy. */
const RESUME = 8;
const RESUME_SLACK = 8;

/** Bytes compared at once in a long copy. */
const STRIDE = 2_048;
/** Places of history that are cleared one by one. */
const FEW = 4_096;

const HASH_BITS = 16;
const REGION_BITS = 15;
const OWN_BITS = 14;
const SPARSE_BITS = 16;
const FAR_AWAY = 0x3fffffff;

/** The result, in order: `kind`, where it begins in the page, where it comes from (old page or history), how long. */
export class Tokens {
  count = 0;
  kind: Uint8Array = new Uint8Array(1024);
  at: Int32Array = new Int32Array(1024);
  from: Int32Array = new Int32Array(1024);
  length: Int32Array = new Int32Array(1024);

  push(kind: number, at: number, from: number, length: number): void {
    if (this.count === this.kind.length) this.#widen();
    const n = this.count++;
    this.kind[n] = kind;
    this.at[n] = at;
    this.from[n] = from;
    this.length[n] = length;
  }

  #widen(): void {
    const size = this.kind.length * 2;
    const wider = (old: Int32Array): Int32Array => {
      const next = new Int32Array(size);
      next.set(old);
      return next;
    };
    const kind = new Uint8Array(size);
    kind.set(this.kind);
    this.kind = kind;
    this.at = wider(this.at);
    this.from = wider(this.from);
    this.length = wider(this.length);
  }
}

const NOTHING = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(NOTHING.buffer);
const NO_BUFFER = bufferOf(NOTHING);

export class Parser {
  readonly tokens = new Tokens();

  // chains over the old page
  readonly #head6 = new Int32Array(1 << HASH_BITS);
  readonly #headSparse = new Int32Array(1 << SPARSE_BITS);
  #next6 = new Int32Array(1 << 16);
  readonly #regionReady = new Uint8Array(1024);

  // history of this page, as the model will have it
  readonly #history = new Uint8Array(HISTORY + REMEMBERED);
  readonly #historyNext = new Int32Array(HISTORY);
  readonly #headOwn = new Int32Array(1 << OWN_BITS);
  #historyLength = 0;
  #historyIndexed = 0;

  // the segment: cheapest way to each position, and the places as they are after it
  readonly #cost = new Int32Array(SEGMENT + TAKE + 1);
  readonly #came = new Int32Array(SEGMENT + TAKE + 1);
  readonly #kind = new Uint8Array(SEGMENT + TAKE + 1);
  readonly #from = new Int32Array(SEGMENT + TAKE + 1);
  readonly #counts = new Uint8Array(SEGMENT + TAKE + 1);
  readonly #main = new Int32Array(SEGMENT + TAKE + 1);
  readonly #mainAt = new Int32Array(SEGMENT + TAKE + 1);
  readonly #stray = new Int32Array(SEGMENT + TAKE + 1);
  readonly #strayAt = new Int32Array(SEGMENT + TAKE + 1);
  readonly #path = new Int32Array(SEGMENT + TAKE + 1);

  // best offer for each length at the position being looked at
  readonly #offer = new Int32Array(TAKE + 1);
  readonly #offerFrom = new Int32Array(TAKE + 1);
  readonly #offerKind = new Uint8Array(TAKE + 1);
  readonly #offerBank = new Uint16Array(TAKE + 1);
  #longest = 0;
  #calm = 0;
  #take = TAKE;
  #takeScore = 0;
  #takeFrom = 0;
  #takeKind = 0;
  #takeLength = 0;

  #old: Uint8Array = NOTHING;
  #page: Uint8Array = NOTHING;
  #oldView: DataView = NO_VIEW;
  #pageView: DataView = NO_VIEW;
  #oldBuffer = NO_BUFFER;
  #pageBuffer = NO_BUFFER;
  /** `#old` was given ahead of its page, and all of it is indexed. */
  #prepared = false;

  /** The page is done: keep no hold on it. */
  end(): void {
    this.#old = this.#page = NOTHING;
    this.#oldView = this.#pageView = NO_VIEW;
    this.#oldBuffer = this.#pageBuffer = NO_BUFFER;
    this.#prepared = false;
  }

  /** Index all of an old page whose new one is awaited: `parse` then finds it done, if that is the next. Holds the page until then. */
  prepare(old: Uint8Array): void {
    this.#open(old);
    this.#prepared = true;
    const last = (old.length - 1) >> REGION_BITS;
    for (let region = 0; region <= last; region++) this.#index(region);
    this.#indexSparse();
  }

  /** Fill `tokens`. False: more than `limits.tokens`, the pages have too little in common for this codec. */
  parse(old: Uint8Array, page: Uint8Array, wanted: ParseEffort, limits: ParseLimits): boolean {
    this.#begin(old, page);
    let effort = wanted;
    let weighed = 0;
    this.#take = effort.take;
    const { tokens } = this;
    let main = 0;
    let mainAt = 0;
    let stray = 0;
    let strayAt = 0;
    let at = 0;
    while (at < page.length) {
      if (tokens.count > limits.tokens) return false;
      // Mostly the old page just goes on.
      const straight = main + at - mainAt;
      if (straight < old.length) {
        const length = this.#same(straight, at);
        if (length >= effort.take) {
          this.#emit(OLD, at, straight, length);
          at += length;
          main = stray = straight + length;
          mainAt = strayAt = at;
          continue;
        }
      }
      const reached = this.#weigh(at, main, mainAt, stray, strayAt, effort);
      weighed += reached;
      if (weighed > limits.weighed && effort !== HASTY) {
        effort = HASTY;
        this.#take = effort.take;
      }
      this.#emitPath(at, reached);
      main = this.#main[reached]!;
      mainAt = this.#mainAt[reached]!;
      stray = this.#stray[reached]!;
      strayAt = this.#strayAt[reached]!;
      at += reached;
      if (this.#takeLength > 0) {
        this.#emit(this.#takeKind, at, this.#takeFrom, this.#takeLength);
        at += this.#takeLength;
        if (this.#takeKind === OLD) {
          main = stray = this.#takeFrom + this.#takeLength;
          mainAt = strayAt = at;
        }
      }
    }
    return true;
  }

  #begin(old: Uint8Array, page: Uint8Array): void {
    if (!this.#prepared || this.#old !== old) this.#open(old);
    this.#page = page;
    this.#pageView = new DataView(page.buffer, page.byteOffset, page.length);
    this.#pageBuffer = bufferOf(page);
    this.tokens.count = 0;
    this.#forgetHistory();
  }

  /** Nothing of the old page is indexed yet. */
  #open(old: Uint8Array): void {
    this.#old = old;
    this.#oldView = new DataView(old.buffer, old.byteOffset, old.length);
    this.#oldBuffer = bufferOf(old);
    this.#prepared = false;
    if (this.#next6.length < old.length) {
      this.#next6 = new Int32Array(old.length + (old.length >> 2));
    }
    this.#regionReady.fill(0);
    this.#anyReady = false;
    this.#sparseReady = false;
  }

  /** Most pages leave little history: its places are cleared one by one rather than with the whole table. */
  #forgetHistory(): void {
    if (this.#historyIndexed > FEW) this.#headOwn.fill(-1);
    else for (let p = 0; p < this.#historyIndexed; p++) this.#headOwn[this.#ownHash(p)] = -1;
    this.#historyLength = 0;
    this.#historyIndexed = 0;
  }

  #anyReady = false;
  #sparseReady = false;

  /** How many bytes agree between the old page from `a` and this page from `b`. */
  #same(a: number, b: number): number {
    const oldView = this.#oldView;
    const pageView = this.#pageView;
    const most = Math.min(oldView.byteLength - a, pageView.byteLength - b);
    let n = 0;
    const near = Math.min(most, STRIDE);
    while (n + 4 <= near && oldView.getInt32(a + n, true) === pageView.getInt32(b + n, true)) n += 4;
    if (n === STRIDE) {
      n = this.#sameFar(a, b, most);
      while (n + 4 <= most && oldView.getInt32(a + n, true) === pageView.getInt32(b + n, true)) n += 4;
    }
    const old = this.#old;
    const page = this.#page;
    while (n < most && old[a + n] === page[b + n]) n++;
    return n;
  }

  /** In whole strides, by the machine's own comparison: most of a page is one long copy. */
  #sameFar(a: number, b: number, most: number): number {
    let n = STRIDE;
    while (
      n + STRIDE <= most &&
      this.#oldBuffer.compare(this.#pageBuffer, b + n, b + n + STRIDE, a + n, a + n + STRIDE) === 0
    )
      n += STRIDE;
    return n;
  }

  #sameOwn(a: number, b: number): number {
    const history = this.#history;
    const page = this.#page;
    const most = Math.min(this.#historyLength - a, page.length - b);
    let n = 0;
    while (n < most && history[a + n] === page[b + n]) n++;
    return n;
  }

  /** Index a region of the old page, unless that was done: each place by its next six bytes. */
  #index(region: number): void {
    if (this.#regionReady[region] === 1) return;
    this.#regionReady[region] = 1;
    if (!this.#anyReady) this.#head6.fill(-1);
    this.#anyReady = true;
    const view = this.#oldView;
    const begin = region << REGION_BITS;
    const stop = Math.min((region + 1) << REGION_BITS, view.byteLength - 5);
    const salt = regionSalt(region);
    const head6 = this.#head6;
    const next6 = this.#next6;
    for (let p = begin; p < stop; p++) {
      const hash = hash6(view.getInt32(p, true), view.getUint16(p + 4, true), salt);
      next6[p] = head6[hash]!;
      head6[hash] = p;
    }
  }

  #indexSparse(): void {
    this.#sparseReady = true;
    const head = this.#headSparse;
    head.fill(-1);
    const view = this.#oldView;
    for (let p = (view.byteLength - KEY) & ~(SPARSE - 1); p >= 0; p -= SPARSE) head[sparseHash(view, p)] = p;
  }

  /** Offer a copy at the position `pos` of the segment; `price` is that of naming its place. */
  #propose(kind: number, from: number, n: number, price: number, least: number, bank: number): void {
    if (n >= this.#take) {
      const score = n * 512 - price;
      if (score > this.#takeScore) {
        this.#takeScore = score;
        this.#takeFrom = from;
        this.#takeKind = kind;
        this.#takeLength = n;
      }
      return;
    }
    if (n < least) return;
    const offer = this.#offer;
    while (this.#longest < n) offer[++this.#longest] = FAR_AWAY;
    for (let l = n; l >= least && offer[l]! > price; l--) {
      offer[l] = price;
      this.#offerFrom[l] = from;
      this.#offerKind[l] = kind;
      this.#offerBank[l] = bank;
    }
  }

  /**
   * Weigh all ways from `start` on until a long copy turns up (left in `#take…`), the page ends or the segment is full.
   * Returns how many positions were passed; the way there is in `#came`.
   */
  #weigh(start: number, main: number, mainAt: number, stray: number, strayAt: number, effort: ParseEffort): number {
    const page = this.#page;
    const old = this.#old;
    const cost = this.#cost;
    const came = this.#came;
    const offer = this.#offer;
    this.#takeScore = -FAR_AWAY;
    this.#takeLength = 0;
    this.#main[0] = main;
    this.#mainAt[0] = mainAt;
    this.#stray[0] = stray;
    this.#strayAt[0] = strayAt;
    cost[0] = 0;
    this.#calm = 0;
    let known = 0;
    const last = Math.min(page.length - start, SEGMENT);
    let pos = 0;
    for (; ; pos++) {
      const at = start + pos;
      if (pos > 0) this.#arrive(pos, at);
      if (pos === last) break;
      const here = cost[pos]!;
      this.#longest = 0;
      this.#collect(pos, at, effort);
      if (this.#takeLength > 0) {
        if (!this.#resumesSoon(pos, at)) break;
        this.#takeLength = 0;
        this.#takeScore = -FAR_AWAY;
      }
      if (this.#longest >= CALM && pos >= this.#calm) this.#calm = pos + ((this.#longest * 7) >> 3);
      const first = pos + 1;
      const reach = pos + Math.max(1, this.#longest);
      while (known < reach) cost[++known] = FAR_AWAY;
      // a literal
      const byte = here + PRICE.literal + LITERAL_PRICE[CLASS[page[at]!]!]!;
      if (byte < cost[first]!) {
        cost[first] = byte;
        came[first] = pos;
        this.#kind[first] = LITERAL;
      }
      // copies of every length on offer
      let going = here + PRICE.copy;
      for (let l = 1; l <= this.#longest; l++) {
        if (offer[l]! < FAR_AWAY) {
          const kind = this.#offerKind[l]!;
          const from = this.#offerFrom[l]!;
          const source = kind === OWN ? this.#history : old;
          // What lies behind the history is of another page: a copy ends there by itself.
          const limit = kind === OWN ? this.#historyLength : old.length;
          let price = going + offer[l]!;
          if (l >= LONG) price = here + PRICE.copy + PRICE.long + offer[l]! + numberPrice(l - LONG);
          else if (from + l < limit) price += STOP_PRICE[stopContext(source, from, l) >> 3]!;
          const to = pos + l;
          if (price < cost[to]!) {
            cost[to] = price;
            came[to] = pos;
            this.#kind[to] = kind;
            this.#from[to] = from;
            this.#counts[to] = this.#offerBank[l]! !== 0 || l >= MAIN ? 1 : 0;
          }
        }
        if (at + l < page.length) going += GO_PRICE[(CLASS[page[at + l]!]! << 3) + CLASS[page[at + l - 1]!]!]!;
      }
    }
    return pos;
  }

  /**
   * Does the old page go on where it broke off, after a few literals, for as long as the copy that is to be taken? Then
   * that copy is a trap: the text is common, and coming back from there costs as much as going.
   */
  #resumesSoon(pos: number, at: number): boolean {
    const old = this.#old;
    const straight = this.#main[pos]! + at - this.#mainAt[pos]!;
    if (this.#takeKind === OLD && this.#takeFrom === straight) return false;
    const token = tokenEnd(old, this.#main[pos]!);
    if (this.#takeKind === OLD && this.#takeFrom === token) return false;
    const reach = at + this.#takeLength - RESUME_SLACK;
    for (let k = 1; k <= RESUME; k++) {
      if (straight + k < old.length && at + k + this.#same(straight + k, at + k) >= reach) return true;
      if (token < old.length && at + k + this.#same(token, at + k) >= reach) return true;
    }
    return false;
  }

  /** What the places are once the best way has led to `pos`. */
  #arrive(pos: number, at: number): void {
    const before = this.#came[pos]!;
    const kind = this.#kind[pos]!;
    let main = this.#main[before]!;
    let mainAt = this.#mainAt[before]!;
    let stray = this.#stray[before]!;
    let strayAt = this.#strayAt[before]!;
    if (kind === OLD) {
      stray = this.#from[pos]! + pos - before;
      strayAt = at;
      if (this.#counts[pos] === 1) {
        main = stray;
        mainAt = strayAt;
      }
    }
    this.#main[pos] = main;
    this.#mainAt[pos] = mainAt;
    this.#stray[pos] = stray;
    this.#strayAt[pos] = strayAt;
  }

  #collect(pos: number, at: number, effort: ParseEffort): void {
    const old = this.#old;
    const page = this.#page;
    const main = this.#main[pos]!;
    const stray = this.#stray[pos]!;
    const straight = main + at - this.#mainAt[pos]!;
    if (straight < old.length) this.#propose(OLD, straight, this.#same(straight, at), PRICE.straight, 2, 1);
    const token = tokenEnd(old, main);
    if (token !== straight && token < old.length) this.#propose(OLD, token, this.#same(token, at), PRICE.token, 2, 1);
    if (stray !== main) {
      const on = stray + at - this.#strayAt[pos]!;
      if (on < old.length) this.#propose(OLD, on, this.#same(on, at), PRICE.stray, 2, 0);
    }
    if (this.#takeLength > 0 || at + KEY > page.length || pos < this.#calm) return;
    const view = this.#pageView;
    const key = view.getInt32(at, true);
    const tail = view.getUint16(at + 4, true);
    const home = main >> REGION_BITS;
    const last = (old.length - 1) >> REGION_BITS;
    // the region we are in, the one after, the one before
    for (let n = 0; n < 3; n++) {
      const region = n === 0 ? home : n === 1 ? home + 1 : home - 1;
      if (region < 0 || region > last) continue;
      this.#index(region);
      const six = hash6(key, tail, regionSalt(region));
      this.#walk(this.#head6[six]!, this.#next6, n === 0 ? effort.old : effort.old >> 1, at, main, stray);
    }
    const history = this.#historyLength;
    let own = this.#headOwn[Math.imul(key, 0x9e3779b1) >>> (32 - OWN_BITS)]!;
    for (let left = effort.own; own >= 0 && left > 0; left--, own = this.#historyNext[own]!) {
      const price = PRICE.own + numberPrice(history + pos - own);
      const longest = this.#longest;
      if (longest > 0 && price >= this.#offer[longest]! && this.#history[own + longest] !== page[at + longest])
        continue;
      this.#propose(OWN, own, this.#sameOwn(own, at), price, 3, 0);
    }
    if (at + KEY <= page.length) {
      if (!this.#sparseReady) this.#indexSparse();
      const far = this.#headSparse[sparseHash(view, at)]!;
      if (far >= 0) this.#propose(OLD, far, this.#same(far, at), PRICE.near + placePrice(far - main), 3, 0);
    }
  }

  #walk(head: number, next: Int32Array, most: number, at: number, main: number, stray: number): void {
    const old = this.#old;
    const page = this.#page;
    const offer = this.#offer;
    for (let from = head, left = most; from >= 0 && left > 0; left--, from = next[from]!) {
      const nearMain = placePrice(from - main);
      const nearStray = placePrice(from - stray) + 256;
      const price = PRICE.near + (nearMain < nearStray ? nearMain : nearStray);
      // No cheaper than the longest on offer: only a longer one would be news.
      const longest = this.#longest;
      if (longest > 0 && price >= offer[longest]! && old[from + longest] !== page[at + longest]) continue;
      this.#propose(OLD, from, this.#same(from, at), price, 3, 0);
    }
  }

  #emitPath(start: number, end: number): void {
    const path = this.#path;
    const came = this.#came;
    let steps = 0;
    for (let pos = end; pos > 0; pos = came[pos]!) path[steps++] = pos;
    for (let step = steps - 1; step >= 0; step--) {
      const to = path[step]!;
      const from = came[to]!;
      this.#emit(this.#kind[to]!, start + from, this.#from[to]!, to - from);
    }
  }

  /** One token for good: into the list, and into history just as `Model.copied` will do it. */
  #emit(kind: number, at: number, from: number, length: number): void {
    this.tokens.push(kind, at, from, length);
    if (length <= REMEMBERED) this.#remember(at, at + length);
    else {
      this.#remember(at, at + REMEMBERED / 2);
      this.#remember(at + length - REMEMBERED / 2, at + length);
    }
  }

  #ownHash(p: number): number {
    const history = this.#history;
    const key = history[p]! | (history[p + 1]! << 8) | (history[p + 2]! << 16) | (history[p + 3]! << 24);
    return Math.imul(key, 0x9e3779b1) >>> (32 - OWN_BITS);
  }

  #remember(from: number, to: number): void {
    const history = this.#history;
    const page = this.#page;
    let length = this.#historyLength;
    const end = Math.min(to, from + HISTORY - length);
    for (let at = from; at < end; at++) history[length++] = page[at]!;
    this.#historyLength = length;
    for (; this.#historyIndexed + 4 <= length; this.#historyIndexed++) {
      const p = this.#historyIndexed;
      const hash = this.#ownHash(p);
      this.#historyNext[p] = this.#headOwn[hash]!;
      this.#headOwn[hash] = p;
    }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function placePrice(away: number): number {
  return numberPrice(away < 0 ? -2 * away : 2 * away);
}

/** Each region has its own chains: what is near is found first, however often the page repeats itself elsewhere. */
function regionSalt(region: number): number {
  return Math.imul(region + 1, 0x27d4eb2f);
}

function hash6(four: number, two: number, salt: number): number {
  return (Math.imul(four ^ salt, 0x9e3779b1) + Math.imul(two, 0x85ebca6b)) >>> (32 - HASH_BITS);
}

function sparseHash(view: DataView, at: number): number {
  const a = Math.imul(view.getInt32(at, true), 0x9e3779b1);
  const b = Math.imul(view.getInt32(at + KEY - 4, true), 0x85ebca6b);
  return Math.imul(a ^ b ^ (a >>> 15), 0x2545f491) >>> (32 - SPARSE_BITS);
}
