/**
 * The listener's counters and their JSON (spec 6.3, RG-072): names of the 2013 and 2014 samples that mean something here. Memory
 * figures of another language's allocator are left out; `live` may add its own under `memstats.`.
 */
import type { Micros } from '../core/time.ts';
import type { Mode } from './messages.ts';

export interface StatsJson {
  readonly [name: string]: number;
}

export class Stats {
  #requestsStarted = 0;
  #requestsCompleted = 0;
  #bytesRetrieved = 0;
  #noOriginResponse = 0;
  #originRetries = 0;
  #uncompressedChunks = 0;
  #wanBytesSent = 0;
  #wanStarts = 0;
  #wanStops = 0;
  #coded = { wan: 0, body: 0 };

  laneStarted(): void {
    this.#wanStarts += 1;
  }

  laneStopped(): void {
    this.#wanStops += 1;
  }

  /** Everything written to lanes, framing included. */
  sent(bytes: number): void {
    this.#wanBytesSent += bytes;
  }

  started(): void {
    this.#requestsStarted += 1;
  }

  retried(): void {
    this.#originRetries += 1;
  }

  noOriginResponse(): void {
    this.#noOriginResponse += 1;
  }

  completed(mode: Mode, bodyBytes: number, wanBytes: number): void {
    this.#requestsCompleted += 1;
    this.#bytesRetrieved += bodyBytes;
    if (mode === 'raw') {
      this.#uncompressedChunks += 1;
      return;
    }
    this.#coded = { wan: this.#coded.wan + wanBytes, body: this.#coded.body + bodyBytes };
  }

  /** `delta_compression_ratio` is in hundredths of a percent of the compressed answers' bodies (section 6.3, inferred). */
  json(now: Micros): StatsJson {
    const { wan, body } = this.#coded;
    return {
      bytes_retrieved: this.#bytesRetrieved,
      delta_compression_ratio: body === 0 ? 0 : Math.round((wan / body) * 10_000),
      no_origin_response: this.#noOriginResponse,
      origin_retries: this.#originRetries,
      requests_completed: this.#requestsCompleted,
      requests_started: this.#requestsStarted,
      time: Math.floor(now / 1_000_000),
      uncompressed_chunks: this.#uncompressedChunks,
      wan_bytes_sent: this.#wanBytesSent,
      wan_starts: this.#wanStarts,
      wan_stops: this.#wanStops,
    };
  }
}
