/**
 * Did a probe pass? What came back against what the monitor expects (spec 3.1): status code, then the first 10 KiB of the body.
 * What never became an answer (refused, reset, no name, bad certificate) arrives here already named by the transport.
 */
import type { Monitor } from '../core/model.ts';
import type { ProbeAnswer, ProbeOutcome, ProbeReason } from '../core/probe.ts';

/** How much of the body is searched (C12, LB-133). */
export const BODY_SEARCH_BYTES = 10 * 1024;

export function judge(monitor: Monitor, answer: ProbeAnswer): ProbeOutcome {
  switch (answer.kind) {
    case 'passed':
      return { reason: 'no_failures', rttUs: answer.rttUs };
    case 'failed':
      return { reason: answer.reason, rttUs: answer.rttUs };
    case 'http':
      return { reason: judgeHttp(monitor, answer.status, answer.body), rttUs: answer.rttUs };
  }
}

/** `body`: as much as there is; what lies beyond the first 10 KiB does not count. */
export function judgeHttp(monitor: Monitor, status: number, body: Uint8Array): ProbeReason {
  if (!codeExpected(monitor, status)) return 'response_code_mismatch';
  return bodyExpected(monitor, body) ? 'no_failures' : 'response_body_mismatch';
}

/** No codes given = any will do [inferred]. LB-130. */
export function codeExpected(monitor: Monitor, status: number): boolean {
  return (
    monitor.expectedCodes.length === 0 || monitor.expectedCodes.some(([from, to]) => from <= status && status <= to)
  );
}

/** Upper and lower case are the same (LB-132). The body is read as UTF-8; a character cut at the limit matches nothing. */
function bodyExpected(monitor: Monitor, body: Uint8Array): boolean {
  if (monitor.expectedBody === '') return true;
  const text = new TextDecoder().decode(body.subarray(0, BODY_SEARCH_BYTES));
  return text.toLowerCase().includes(monitor.expectedBody);
}
