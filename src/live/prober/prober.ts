/**
 * Real probes: the `ProbeTransport` of the live world. What to send is settled in `health/probe-request.ts`, when in
 * `health/probe-plan.ts`, what an answer means in `health/judge.ts`; `health/drive.ts` joins them:
 *
 *   const driver = new ProbeDriver(board, clock, new LiveProbes(), { seed, dataCenters: 'together', shareUs: US_PER_SECOND });
 *   …
 *   driver.stop();
 *
 * This room knows sockets and their errors, and nothing of pools, streaks or votes.
 */
import type { SecureContextOptions } from 'node:tls';
import { unreachable } from '../../core/assert.ts';
import type { ProbeAnswer, ProbeRequest, ProbeTransport } from '../../core/probe.ts';
import { Attempt } from './attempt.ts';
import { type Lookup, resolveBySystem } from './connect.ts';
import { probeHttp } from './http-probe.ts';
import { probePing, probeUdp, whyNoPing } from './ping-probe.ts';
import { probeSmtp } from './smtp-probe.ts';
import { probeTcp } from './tcp-probe.ts';

export interface LiveProbesOptions {
  /** Authorities that https probes trust; default: those of Node. */
  readonly ca?: SecureContextOptions['ca'];
  readonly lookup?: Lookup;
  /** The program for ICMP; default `ping`. */
  readonly pingCommand?: string;
}

export class LiveProbes implements ProbeTransport {
  readonly #ca: SecureContextOptions['ca'];
  readonly #lookup: Lookup;
  readonly #pingCommand: string;
  readonly #underWay = new Set<Attempt>();

  constructor(options: LiveProbesOptions = {}) {
    this.#ca = options.ca;
    this.#lookup = options.lookup ?? resolveBySystem;
    this.#pingCommand = options.pingCommand ?? 'ping';
  }

  /** Probes on the wire. */
  get underWay(): number {
    return this.#underWay.size;
  }

  send(request: ProbeRequest, done: (answer: ProbeAnswer) => void): () => void {
    const attempt = new Attempt(request, (answer) => {
      this.#underWay.delete(attempt);
      done(answer);
    });
    this.#underWay.add(attempt);
    // Not before `send` has returned: a kind that fails at once would answer too soon.
    setImmediate(() => {
      if (!attempt.ended) this.#start(attempt);
    });
    return () => {
      this.#underWay.delete(attempt);
      attempt.cancel();
    };
  }

  /** Why probes of the ICMP kinds would be refused here; `undefined` = they work. For a warning at the start. */
  whyNoPing(): Promise<string | undefined> {
    return whyNoPing(this.#pingCommand);
  }

  #start(attempt: Attempt): void {
    const lookup = this.#lookup;
    const { type } = attempt.request;
    switch (type) {
      case 'http':
      case 'https':
        return probeHttp(attempt, { lookup, ca: this.#ca });
      case 'tcp':
        return probeTcp(attempt, lookup);
      case 'smtp':
        return probeSmtp(attempt, lookup);
      case 'icmp_ping':
        return probePing(attempt, { lookup, command: this.#pingCommand });
      case 'udp_icmp':
        return probeUdp(attempt, { lookup, command: this.#pingCommand });
      default:
        return unreachable(type);
    }
  }
}
