/**
 * An smtp probe (spec 3.1, LB-150): HELO is answered 250 and QUIT is answered 221, after the greeting that RFC 5321 3.1 puts first.
 *
 *   < 220 …      > HELO probe.invalid      < 250 …      > QUIT      < 221 …
 */
import type { Attempt } from './attempt.ts';
import { type Lookup, open, resolve } from './connect.ts';
import { reasonOf, wordsOf } from './socket-reasons.ts';

/** RFC 5321 4.5.3.1.5 has 512 bytes for a reply line; a reply of several lines gets eight times that. */
const MAX_REPLY_BYTES = 4096;
/** A name that can never be a real host (RFC 2606). */
const HELO_NAME = 'probe.invalid';

const STEPS = [
  { expects: 220, sends: `HELO ${HELO_NAME}\r\n`, after: 'the connection' },
  { expects: 250, sends: 'QUIT\r\n', after: 'HELO' },
  { expects: 221, sends: '', after: 'QUIT' },
] as const;

export function probeSmtp(attempt: Attempt, lookup: Lookup): void {
  const { address, port } = attempt.request;
  resolve(attempt, lookup, address, (resolved) => {
    attempt.begin();
    open(attempt, resolved, port, (socket) => {
      attempt.phase = 'waiting';
      let step = 0;
      let pending = '';
      socket.setEncoding('latin1');
      socket.on('error', (error) => attempt.failed(reasonOf(error), wordsOf(error)));
      socket.on('end', () => attempt.failed('connection_reset', `closed before ${STEPS[step]!.after} was answered`));
      socket.on('data', (text: string) => {
        pending += text;
        for (;;) {
          const end = pending.indexOf('\n');
          if (end < 0) {
            if (pending.length > MAX_REPLY_BYTES) attempt.failed('other_failure', 'a reply without an end');
            return;
          }
          const line = pending.slice(0, end).trimEnd();
          pending = pending.slice(end + 1);
          const { expects, sends, after } = STEPS[step]!;
          // `250-…` has more lines to come, `250 …` is the last one.
          if (/^\d{3}-/.test(line)) continue;
          const code = /^\d{3}(?: |$)/.test(line) ? Number(line.slice(0, 3)) : 0;
          if (code !== expects) {
            attempt.failed(
              'response_code_mismatch',
              `${after} was answered with "${line.slice(0, 80)}", not ${expects}`,
            );
            return;
          }
          if (sends === '') {
            attempt.passed();
            return;
          }
          socket.write(sends);
          step += 1;
        }
      });
    });
  });
}
