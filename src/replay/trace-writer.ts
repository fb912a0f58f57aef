/**
 * events.ndjson as it is made: lines gathered into blocks and handed to a sink. The order of lines is the order in which things
 * happened; a request's line stands where it ended, its `at` is when it arrived. Numbers are whole, keys always in the order of
 * `core/trace.ts`, so two runs of one seed write the same bytes.
 */
import type { RequestEvent, TraceEvent } from '../core/trace.ts';

/** Handed to the sink when this much has gathered. */
const BLOCK_CHARS = 1 << 16;

export class TraceWriter {
  /** Requests have lines at all. */
  readonly active: boolean;
  /** Every request has one. */
  readonly everything: boolean;
  /** Steering must tell its candidates. */
  readonly wantsCandidates: boolean;
  lines = 0;
  readonly #sink: ((block: string) => void) | undefined;
  #block = '';

  constructor(level: 'all' | 'notable' | 'none', sink: ((block: string) => void) | undefined) {
    this.active = level !== 'none' && sink !== undefined;
    this.everything = level === 'all';
    this.wantsCandidates = this.active;
    this.#sink = sink;
  }

  request(event: RequestEvent): void {
    // Written out by hand: a tenth of the cost of JSON.stringify, and this is most of a trace.
    this.#line(
      `{"at":${event.at},"event":"request","n":${event.n},"lb":${text(event.lb)},"pop":"${event.pop}","region":"${event.region}",` +
        `"country":"${event.country}","client":${text(event.client)},"policy":"${event.policy}","candidates":${text(event.candidates)},` +
        `"pool":${text(event.pool)},"origin":${text(event.origin)},"because":"${event.because}","affinity":"${event.affinity}",` +
        `"fallback":${event.fallback},"attempts":${event.attempts},"path":"${event.path}","status":${event.status},` +
        `"cause":"${event.cause}","latency_us":${event.latency_us}${link(event)}${event.wire === undefined ? '' : `,"wire":${JSON.stringify(event.wire)}`}}`,
    );
  }

  event(event: TraceEvent): void {
    if (this.#sink === undefined) return;
    this.#line(JSON.stringify(event));
  }

  flush(): void {
    if (this.#block === '') return;
    this.#sink?.(this.#block);
    this.#block = '';
  }

  #line(line: string): void {
    this.lines += 1;
    this.#block += line;
    this.#block += '\n';
    if (this.#block.length >= BLOCK_CHARS) this.flush();
  }
}

function link({ link: over }: RequestEvent): string {
  if (over === undefined) return '';
  const { mode, wan_bytes, body_bytes, cf_railgun } = over;
  return `,"link":{"mode":"${mode}","wan_bytes":${wan_bytes},"body_bytes":${body_bytes},"cf_railgun":"${cf_railgun}"}`;
}

/** Plain names need no escaping; anything else goes through JSON. */
function text(value: string): string {
  return /^[\w.:/,*-]*$/.test(value) ? `"${value}"` : JSON.stringify(value);
}
