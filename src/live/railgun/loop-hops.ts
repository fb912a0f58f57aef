/**
 * A listener behind a balancer that has no map sends its requests to the balancer's own address: they leave the site and come in again
 * from outside (RG-098). It works, and costs a hop that nobody meant, so it is counted and said. Our public address is looked up once,
 * when the listener starts; requests are compared, never looked up (RG-021).
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export class LoopHops {
  readonly #own = new Set<string>();
  count = 0;

  /** `activation.railgun_host`: the listener's public name, or that of the balancer in front of it. */
  async learn(publicHost: string): Promise<void> {
    if (publicHost === '') return;
    if (isIP(publicHost) !== 0) {
      this.#own.add(publicHost);
      return;
    }
    try {
      for (const { address } of await lookup(publicHost, { all: true })) this.#own.add(address);
    } catch {
      // A name that only the edge can resolve: then nothing here can point at it by address either.
    }
  }

  /** True when this request goes out to where lanes come in. */
  saw(address: string): boolean {
    if (!this.#own.has(address)) return false;
    this.count += 1;
    return true;
  }
}
