/**
 * Which host-name origins resolve, and to what (LB-124, spec 4.4): asked in the background, answered at once from memory. A name is
 * looked up again when it is asked for and its answer is older than five seconds (spec 2.1); while that runs the old answer stands.
 * A name of which nothing is known yet counts as resolving, so that a slow resolver takes no pool away.
 *
 * The proxy engine resolves by itself when it connects; this here is for decisions, and for DNS answers.
 */
import { lookup as systemLookup } from 'node:dns';

export type NamesLookup = (
  name: string,
  done: (addresses: readonly { readonly address: string; readonly family: number }[] | undefined) => void,
) => void;

const KEEP_MS = 5_000;
/** Names kept; a configuration has fewer, and nobody else adds any. */
const NAMES_MAX = 4_096;

interface Known {
  v4: readonly string[];
  v6: readonly string[];
  resolves: boolean;
  until: number;
  asking: Promise<void> | undefined;
}

export const lookupBySystem: NamesLookup = (name, done) => {
  systemLookup(name, { all: true }, (error, found) => done(error === null ? found : undefined));
};

export class LiveNameTable {
  readonly #lookup: NamesLookup;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();

  constructor(lookup: NamesLookup, nowMs: () => number) {
    this.#lookup = lookup;
    this.#nowMs = nowMs;
  }

  resolves(hostname: string): boolean {
    return this.#look(hostname).resolves;
  }

  addresses(hostname: string, family: 4 | 6): readonly string[] {
    const known = this.#look(hostname);
    return family === 4 ? known.v4 : known.v6;
  }

  /** A connection found that the name does not resolve: known from here on, until it is looked up again. */
  failed(hostname: string): void {
    const known = this.#look(hostname);
    known.v4 = known.v6 = [];
    known.resolves = false;
    known.until = this.#nowMs() + KEEP_MS;
  }

  /** Look these up now; resolves when all have answered. */
  async warm(hostnames: Iterable<string>): Promise<void> {
    await Promise.all([...new Set(hostnames)].map((name) => this.#look(name).asking));
  }

  #look(hostname: string): Known {
    let known = this.#known.get(hostname);
    if (known === undefined) {
      if (this.#known.size >= NAMES_MAX) this.#known.clear();
      known = { v4: [], v6: [], resolves: true, until: 0, asking: undefined };
      this.#known.set(hostname, known);
    }
    if (known.asking === undefined && this.#nowMs() >= known.until) this.#ask(hostname, known);
    return known;
  }

  #ask(hostname: string, known: Known): void {
    known.asking = new Promise((resolve) => {
      this.#lookup(hostname, (found) => {
        known.v4 = (found ?? []).filter((each) => each.family === 4).map((each) => each.address);
        known.v6 = (found ?? []).filter((each) => each.family === 6).map((each) => each.address);
        known.resolves = found !== undefined && found.length > 0;
        known.until = this.#nowMs() + KEEP_MS;
        known.asking = undefined;
        resolve();
      });
    });
  }
}
