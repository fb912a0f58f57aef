/** What the links tell, as events for people: lanes that come and go, and when the edge falls back to the origins and when it returns. */
import type { TransportNews } from '../../live/railgun/link-transport.ts';
import type { EventHub } from './events.ts';

export type LinkFacts =
  | {
      readonly of: 'lane';
      readonly railgun: string;
      readonly state: 'open' | 'lost';
      readonly reason: string;
    }
  | {
      readonly of: 'railgun';
      readonly railgun: string;
      readonly state: 'unreachable' | 'fallback' | 'back';
      readonly text: string;
    };

/** `undefined`: not worth an event. */
export function linkFacts(railgun: string, news: TransportNews): LinkFacts | undefined {
  switch (news.kind) {
    case 'lane_opening':
      return undefined;
    case 'lane_ready':
      return { of: 'lane', railgun, state: 'open', reason: '' };
    case 'lane_failed':
      return { of: 'railgun', railgun, state: 'unreachable', text: `no lane to railgun ${railgun}: ${news.why}` };
    case 'lane_closed':
      return { of: 'lane', railgun, state: 'lost', reason: news.why };
    case 'fallback_started': {
      const text = `railgun ${railgun} has no lane, requests go direct: ${news.reason}`;
      return { of: 'railgun', railgun, state: 'fallback', text };
    }
    default: {
      const requests = `${news.requests} ${news.requests === 1 ? 'request' : 'requests'}`;
      const text = `railgun ${railgun} is back; ${requests} went direct meanwhile`;
      return { of: 'railgun', railgun, state: 'back', text };
    }
  }
}

/** Thousands of lanes may break in one moment: the same words are told once a second, with their number. */
export function tellLink(events: EventHub, facts: LinkFacts | undefined): void {
  if (facts === undefined) return;
  const { of, ...rest } = facts;
  if (facts.state === 'fallback' || facts.state === 'back') events.tell(of, rest);
  else events.counted(of, rest, 'lanes');
}
