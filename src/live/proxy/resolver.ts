/**
 * Host names of origins to addresses, kept for five seconds (spec 2.1: a resolved endpoint address is cached for up
 * to five seconds). Addresses never come here. Lookups of one name at a time share one question.
 */
import { lookup } from 'node:dns';

export type Resolved =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'fault'; readonly detail: string };

/** The system's resolver, or a test's. */
export type Lookup = (name: string, done: (result: Resolved) => void) => void;

const KEEP_MS = 5_000;
/** Names kept at once; a configuration with more origins than this resolves some of them more often. */
const NAMES_MAX = 4_096;

export const systemLookup: Lookup = (name, done) => {
  lookup(name, { all: true }, (error, found) => {
    if (error !== null) done({ kind: 'fault', detail: error.code ?? error.message });
    else done({ kind: 'addresses', addresses: found.map((each) => each.address) });
  });
};

interface Entry {
  result: Resolved | undefined;
  until: number;
  readonly waiting: ((result: Resolved) => void)[];
}

export class Resolver {
  readonly #lookup: Lookup;
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();

  constructor(lookupName: Lookup, nowMs: () => number) {
    this.#lookup = lookupName;
    this.#nowMs = nowMs;
  }

  /** `done` is called at once when the answer is known. A name that does not resolve is asked again each time. */
  resolve(name: string, done: (result: Resolved) => void): void {
    const known = this.#entries.get(name);
    if (known?.result !== undefined && known.until > this.#nowMs()) return done(known.result);
    if (known !== undefined && known.result === undefined) {
      known.waiting.push(done);
      return;
    }
    const entry: Entry = { result: undefined, until: 0, waiting: [done] };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size > NAMES_MAX) {
      for (const [oldest, { result }] of this.#entries) {
        if (result === undefined) continue;
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#lookup(name, (result) => {
      const empty = result.kind === 'addresses' && result.addresses.length === 0;
      const final: Resolved = empty ? { kind: 'fault', detail: 'ENODATA' } : result;
      if (final.kind === 'fault') this.#entries.delete(name);
      entry.result = final;
      entry.until = this.#nowMs() + KEEP_MS;
      for (const each of entry.waiting.splice(0)) each(final);
    });
  }
}
