/** One origin of the lab's own, as the drill holds it: its process, and the effects that a new process has to be told of again. */
import type { OriginEffect } from '../../sim/origin.ts';
import type { Endpoint } from '../lab.ts';
import type { Child } from './child.ts';
import type { OriginOrder } from './origin-process.ts';

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface OwnOriginOptions {
  readonly order: OriginOrder;
  readonly expired: Certificate | undefined;
  readonly start: () => Promise<Child>;
}

export class OwnOrigin {
  readonly #options: OwnOriginOptions;
  #child: Child | undefined;
  #startUs: number | undefined;
  /** Of processes that are no more. */
  #rejectedBefore = 0;
  readonly #effects = new Map<OriginEffect, number>();
  #expired = 0;

  constructor(options: OwnOriginOptions) {
    this.#options = options;
  }

  get at(): Endpoint {
    return this.#options.order.listen;
  }

  /** At first, and again after it was killed: the same port, the same effects, an empty queue. */
  async up(): Promise<void> {
    const { order, start } = this.#options;
    const child = await start();
    this.#child = child;
    await child.calls.call('begin', order);
    if (this.#startUs !== undefined) await child.calls.call('startAt', this.#startUs);
    for (const effect of this.#effects.keys()) await this.#lay(effect);
    if (this.#expired > 0) await this.#certificate();
  }

  async kill(): Promise<void> {
    this.#rejectedBefore = await this.rejected();
    await this.#child?.kill();
  }

  async startAt(startUs: number): Promise<void> {
    this.#startUs = startUs;
    await this.#child?.calls.call('startAt', startUs);
  }

  /** The effect counts by identity: the same figures twice are two effects. */
  async apply(figures: OriginEffect): Promise<() => Promise<void>> {
    const effect = { ...figures };
    await this.#lay(effect);
    return async () => {
      const number = this.#effects.get(effect);
      if (!this.#effects.delete(effect) || this.#child?.alive !== true) return;
      await this.#child.calls.call('remove', number);
    };
  }

  async expireCertificate(): Promise<() => Promise<void>> {
    this.#expired += 1;
    await this.#certificate();
    return async () => {
      this.#expired -= 1;
      await this.#certificate();
    };
  }

  async rejected(): Promise<number> {
    if (this.#child?.alive !== true) return this.#rejectedBefore;
    return this.#rejectedBefore + Number(await this.#child.calls.call('rejected'));
  }

  async #lay(effect: OriginEffect): Promise<void> {
    const alive = this.#child?.alive === true;
    this.#effects.set(effect, alive ? Number(await this.#child?.calls.call('apply', effect)) : 0);
  }

  async #certificate(): Promise<void> {
    const { order, expired } = this.#options;
    const shown = this.#expired > 0 ? expired : order.tls;
    if (shown !== undefined && this.#child?.alive === true) await this.#child.calls.call('certificate', shown);
  }
}
