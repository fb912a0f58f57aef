import { describe, expect, it } from 'vitest';
import { BODY_SEARCH_BYTES, judge, judgeHttp } from '../../src/health/judge.ts';
import { REASONS, reasonText } from '../../src/health/reasons.ts';
import { monitor } from './build.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const NOTHING = bytes('');

describe('a status code', () => {
  const success = monitor({ expectedCodes: [[200, 299]] });
  it.each([
    { name: 'LB-130 2xx expected, 204 came', expects: success, status: 204, reason: 'no_failures' },
    { name: 'LB-130 2xx expected, 301 came', expects: success, status: 301, reason: 'response_code_mismatch' },
    {
      name: 'a list',
      expects: monitor({
        expectedCodes: [
          [200, 200],
          [301, 301],
        ],
      }),
      status: 301,
      reason: 'no_failures',
    },
    {
      name: 'outside a list',
      expects: monitor({
        expectedCodes: [
          [200, 200],
          [301, 301],
        ],
      }),
      status: 302,
      reason: 'response_code_mismatch',
    },
    { name: 'none expected: any will do', expects: monitor({ expectedCodes: [] }), status: 503, reason: 'no_failures' },
  ])('$name', ({ expects, status, reason }) => {
    expect(judgeHttp(expects, status, NOTHING)).toBe(reason);
  });
});

describe('a body', () => {
  const alive = monitor({ expectedBody: 'alive' });
  const filler = (count: number): string => 'x'.repeat(count);
  it.each([
    { name: 'LB-132 the text in other case', body: 'It is ALIVE!', reason: 'no_failures' },
    { name: 'the text is missing', body: 'dead', reason: 'response_body_mismatch' },
    { name: 'no body at all', body: '', reason: 'response_body_mismatch' },
    { name: 'LB-133 it begins at byte 10241', body: `${filler(10_240)}alive`, reason: 'response_body_mismatch' },
    { name: 'LB-133 its last letter is byte 10241', body: `${filler(10_236)}alive`, reason: 'response_body_mismatch' },
    { name: 'LB-133 its last letter is byte 10240', body: `${filler(10_235)}alive`, reason: 'no_failures' },
  ])('$name', ({ body, reason }) => {
    expect(judgeHttp(alive, 200, bytes(body))).toBe(reason);
  });

  it('the code is looked at first', () => {
    expect(judgeHttp(alive, 500, bytes('dead'))).toBe('response_code_mismatch');
  });

  it('bytes that are no text match nothing and break nothing', () => {
    expect(judgeHttp(alive, 200, new Uint8Array(BODY_SEARCH_BYTES).fill(0xff))).toBe('response_body_mismatch');
  });

  it('letters beyond ASCII match in any case', () => {
    expect(judgeHttp(monitor({ expectedBody: 'größe' }), 200, bytes('GRÖSSE Größe'))).toBe('no_failures');
  });
});

describe('an answer', () => {
  it('that passed keeps its round-trip time; one that failed keeps its reason', () => {
    expect(judge(monitor(), { kind: 'passed', rttUs: 7 })).toEqual({ reason: 'no_failures', rttUs: 7 });
    expect(judge(monitor(), { kind: 'failed', reason: 'tcp_timeout', detail: '', rttUs: undefined })).toEqual({
      reason: 'tcp_timeout',
      rttUs: undefined,
    });
  });
});

it('every reason has a text of its own', () => {
  expect(new Set(REASONS.map((reason) => reasonText(reason))).size).toBe(REASONS.length);
});
