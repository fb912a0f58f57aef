/**
 * How long a new lane takes to come about, and how it fails, the same at both fidelities: TCP, then TLS 1.3, in round trips.
 *
 *     SYN ──► listener?          gone, draining, nobody in service: refused after 1 round trip
 *         ◄── SYN ACK            silent, link cut: nothing; the SYN is sent again after 1 s and 3 s (RFC 6298), the pool gives up at 5 s
 *     hello ──►  ◄── finished    2 round trips: TLS stands, or the certificate was bad
 *     SETTINGS ──► ◄── SETTINGS  3 round trips: the lane serves, or the token was wrong (flow by arithmetic, wire by the machines)
 *
 * Bytes of the TLS handshake cost no time here: they count for nothing on the live edge either.
 */
import type { Scheduler } from '../core/ports.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import type { LinkState } from './link.ts';
import { type RailgunEstate, isDying } from './railgun-estate.ts';

const SYN_AGAIN_US = [US_PER_SECOND, 2 * US_PER_SECOND] as const;

export interface DialPath {
  readonly estate: RailgunEstate;
  readonly link: LinkState;
  readonly scheduler: Scheduler;
  /** One way there and back; asked for each flight, since faults change them. */
  readonly forwardUs: () => number;
  readonly backUs: () => number;
}

export interface DialResult {
  /** TLS stands with this listener, whose process is this generation. */
  connected(listener: number, generation: number): void;
  /** `listener` -1: the balancer refused. */
  failed(listener: number, why: 'refused' | 'certificate'): void;
}

/** Nothing happens any more once the returned function was called. */
export function dial(path: DialPath, result: DialResult): () => void {
  const { estate, link, scheduler } = path;
  let over = false;
  const later = (spanUs: number, run: () => void): void => {
    scheduler.at((scheduler.now() + spanUs) as Micros, () => {
      if (!over) run();
    });
  };
  const fail = (listener: number, why: 'refused' | 'certificate', spanUs: number): void =>
    later(spanUs, () => {
      over = true;
      result.failed(listener, why);
    });
  const arrive = (): void => {
    if (link.cut) return;
    const index = estate.accept();
    const listener = estate.listeners[index];
    if (listener === undefined || listener.state === 'gone' || listener.state === 'draining' || isDying(listener))
      return fail(index, 'refused', path.backUs());
    if (listener.state === 'silent') return;
    // An answer: the SYN is not sent again.
    answered = true;
    const { generation } = listener;
    const roundTrip = path.forwardUs() + path.backUs();
    if (listener.state === 'refusing') return fail(index, 'certificate', path.backUs() + roundTrip);
    later(path.backUs() + roundTrip, () => {
      if (listener.generation !== generation || isDying(listener)) return fail(index, 'refused', 0);
      if (listener.state === 'silent' || link.cut) return;
      over = true;
      result.connected(index, generation);
    });
  };
  let answered = false;
  const send = (tries: number): void => {
    later(path.forwardUs(), arrive);
    const again = SYN_AGAIN_US[tries];
    if (again !== undefined)
      later(again, () => {
        if (!answered) send(tries + 1);
      });
  };
  send(0);
  return () => {
    over = true;
  };
}
