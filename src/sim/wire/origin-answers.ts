/**
 * Simulated origins as a listener sees them: a request goes in, and when the origin model (`sim/origin.ts`) says so, a head and real page
 * bytes come back, or a failure. Origins stand beside the listener: the way between them takes no time.
 */
import type { Scheduler } from '../../core/ports.ts';
import { type Micros, toRfc3339 } from '../../core/time.ts';
import type { OriginAnswer, OriginFailure } from '../../railgun/listener-events.ts';
import type { BodySource, SimBody } from '../bodies.ts';
import type { SimOrigin } from '../origin.ts';
import { ORIGIN_ERROR, OVERLOADED, REFUSED, RESET, SERVED, TLS_INVALID, UNREACHABLE } from '../outcome.ts';

export interface OriginAnswerTo {
  connected(): void;
  answered(answer: OriginAnswer, pieces: readonly Uint8Array[]): void;
  failed(failure: OriginFailure, detail: string): void;
}

export interface PageAsked {
  /** Whom the draws are about. */
  readonly key: number;
  readonly method: string;
  readonly page: number;
  /** Length that the body is to have; 0 = the page's own. */
  readonly bodyBytes: number;
  readonly text: boolean;
}

const encoder = new TextEncoder();

/** Returns how to stop it. `released` is told what the body is, before the first byte of it can be seen. */
export function askOrigin(
  world: { readonly scheduler: Scheduler; readonly bodies: BodySource },
  origin: SimOrigin,
  asked: PageAsked,
  to: OriginAnswerTo,
  released: (body: SimBody) => void,
): () => void {
  const { scheduler, bodies } = world;
  const now = scheduler.now();
  origin.admit(now, 0, asked.key);
  const { ending, afterUs, generation } = origin;
  let over = false;
  const at = (spanUs: number, run: () => void): void => {
    scheduler.at((now + spanUs) as Micros, () => {
      if (!over) run();
    });
  };
  const cancel = (): void => {
    over = true;
  };
  switch (ending) {
    case REFUSED:
    // Node's EHOSTUNREACH is told as a refusal by live/railgun/lan-connection.ts.
    case UNREACHABLE:
      at(afterUs, () => to.failed('refused', 'connection refused'));
      return cancel;
    case TLS_INVALID:
      at(afterUs, () => to.failed('tls', 'x509: certificate has expired or is not yet valid'));
      return cancel;
    case RESET:
      at(0, () => to.connected());
      at(afterUs, () => to.failed('reset', 'connection reset by peer'));
      return cancel;
    case SERVED:
    case OVERLOADED:
    case ORIGIN_ERROR:
      at(0, () => to.connected());
      at(afterUs, () => {
        // Cut off with everything that was under way there.
        if (origin.generation !== generation) return to.failed('reset', 'connection reset by peer');
        const status = ending === SERVED ? 200 : ending === OVERLOADED ? 503 : 500;
        const moment = scheduler.now();
        const body =
          status === 200
            ? asked.text
              ? bodies.body(asked.page, moment, asked.bodyBytes)
              : bodies.noise(asked.bodyBytes)
            : errorPage(status);
        released(asked.method === 'HEAD' ? { ...body, length: 0, pieces: [] } : body);
        const lines = headLines(status, body, moment);
        if (asked.method === 'HEAD') return to.answered({ status, lines, bodyLength: 0 }, []);
        return to.answered({ status, lines, bodyLength: body.length }, body.pieces);
      });
      return cancel;
    default:
      // A black hole never connects; what is slower than the listener's patience connects and says nothing. It keeps the time itself.
      if (origin.mode !== 'blackhole') at(0, () => to.connected());
      return cancel;
  }
}

/** What a common server says: some 280 bytes, of which the date changes. */
function headLines(status: number, body: SimBody, now: Micros): OriginAnswer['lines'] {
  return [
    ['Date', httpDate(now)],
    ['Server', 'nginx/1.27.4'],
    ['Content-Type', status === 200 ? body.contentType : 'text/html; charset=utf-8'],
    ['Content-Length', String(body.length)],
    ['Cache-Control', 'private, max-age=0, must-revalidate'],
    ['Vary', 'Accept-Encoding'],
    ['Strict-Transport-Security', 'max-age=31536000'],
    ['X-Content-Type-Options', 'nosniff'],
  ];
}

function errorPage(status: number): SimBody {
  const bytes = encoder.encode(`<html><body><h1>${status}</h1></body></html>\n`);
  return { contentType: 'text/html; charset=utf-8', length: bytes.length, pieces: [bytes] };
}

/** RFC 9110 5.6.7, from the moment alone. */
function httpDate(now: Micros): string {
  const day = toRfc3339(now);
  const weekday = DAYS[Math.floor(now / 86_400_000_000) % 7]!;
  return `${weekday}, ${day.slice(8, 10)} ${MONTHS[Number(day.slice(5, 7)) - 1]!} ${day.slice(0, 4)} ${day.slice(11, 19)} GMT`;
}

/** 1 January 1970 was a Thursday. */
const DAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
