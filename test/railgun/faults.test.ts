import { describe, expect, it } from 'vitest';
import {
  ErrorCode,
  type Fault,
  faultCode,
  faultOfReset,
  mayRetry,
  originMayHaveSeen,
  placeOf,
  statusOf,
} from '../../src/railgun/faults.ts';

const off = { retryIdempotentDirect: false };
const on = { retryIdempotentDirect: true };
const sent: Fault = { kind: 'link_lost', sent: true, answered: false, why: '' };

describe('faults', () => {
  it.each<{ fault: Fault; place: string; seen: string; standard: number; classic: number; strict: number }>([
    {
      fault: { kind: 'link_lost', sent: false, answered: false, why: '' },
      place: 'link',
      seen: 'nothing',
      standard: 527,
      classic: 527,
      strict: 527,
    },
    { fault: sent, place: 'link', seen: 'request', standard: 527, classic: 527, strict: 527 },
    {
      fault: { kind: 'link_lost', sent: true, answered: true, why: '' },
      place: 'link',
      seen: 'answered',
      standard: 527,
      classic: 527,
      strict: 527,
    },
    {
      fault: { kind: 'link_protocol', code: 1, side: 'remote', why: '' },
      place: 'link',
      seen: 'request',
      standard: 527,
      classic: 527,
      strict: 527,
    },
    {
      fault: { kind: 'listener_refused', code: 4 },
      place: 'listener',
      seen: 'nothing',
      standard: 527,
      classic: 527,
      strict: 527,
    },
    {
      fault: { kind: 'listener_internal' },
      place: 'listener',
      seen: 'request',
      standard: 527,
      classic: 527,
      strict: 527,
    },
    {
      fault: { kind: 'limit', acted: true },
      place: 'listener',
      seen: 'request',
      standard: 502,
      classic: 502,
      strict: 502,
    },
    { fault: { kind: 'integrity' }, place: 'listener', seen: 'answered', standard: 502, classic: 502, strict: 502 },
    { fault: { kind: 'gone' }, place: 'listener', seen: 'answered', standard: 502, classic: 502, strict: 502 },
    {
      fault: { kind: 'origin_connect_timeout' },
      place: 'origin',
      seen: 'nothing',
      standard: 522,
      classic: 502,
      strict: 522,
    },
    { fault: { kind: 'origin_refused' }, place: 'origin', seen: 'nothing', standard: 521, classic: 502, strict: 521 },
    { fault: { kind: 'origin_tls' }, place: 'origin', seen: 'nothing', standard: 520, classic: 520, strict: 525 },
    {
      fault: { kind: 'origin_read_timeout' },
      place: 'origin',
      seen: 'request',
      standard: 524,
      classic: 524,
      strict: 524,
    },
    { fault: { kind: 'origin_reset' }, place: 'origin', seen: 'request', standard: 520, classic: 520, strict: 520 },
    {
      fault: { kind: 'bad_request_body' },
      place: 'request',
      seen: 'nothing',
      standard: 411,
      classic: 411,
      strict: 411,
    },
    { fault: { kind: 'deadline' }, place: 'link', seen: 'request', standard: 524, classic: 524, strict: 524 },
  ])('$fault.kind arises at the $place, the origin saw $seen', ({ fault, place, seen, standard, classic, strict }) => {
    expect(placeOf(fault)).toBe(place);
    expect(originMayHaveSeen(fault)).toBe(seen);
    expect([statusOf(fault, 'standard'), statusOf(fault, 'classic'), statusOf(fault, 'strict')]).toEqual([
      standard,
      classic,
      strict,
    ]);
    expect(faultCode(fault)).toMatch(/^RG_[A-Z_]+$/);
  });

  it.each<{ name: string; fault: Fault; method: string; options: typeof off; retry: boolean }>([
    { name: 'RG-012 handed over: not re-sent', fault: sent, method: 'GET', options: off, retry: false },
    { name: 'RG-013 handed over, the option on: a GET may', fault: sent, method: 'GET', options: on, retry: true },
    { name: 'RG-013 … a POST may not', fault: sent, method: 'POST', options: on, retry: false },
    {
      name: 'RG-013 … nor a GET that was answered in part',
      fault: { ...sent, answered: true },
      method: 'GET',
      options: on,
      retry: false,
    },
    {
      name: 'never left this machine: even a POST may',
      fault: { ...sent, sent: false },
      method: 'POST',
      options: off,
      retry: true,
    },
    {
      name: 'not acted on: even a POST may',
      fault: { kind: 'listener_refused', code: 22 },
      method: 'POST',
      options: off,
      retry: true,
    },
    {
      name: 'the origin refused the connection: safe elsewhere',
      fault: { kind: 'origin_refused' },
      method: 'POST',
      options: off,
      retry: true,
    },
    { name: 'the origin broke off: no', fault: { kind: 'origin_reset' }, method: 'GET', options: on, retry: false },
    {
      name: 'the answer is gone: a GET is repeated',
      fault: { kind: 'gone' },
      method: 'GET',
      options: off,
      retry: true,
    },
    { name: 'the answer is gone: a POST is not', fault: { kind: 'gone' }, method: 'POST', options: on, retry: false },
    {
      name: 'a wrong request stays wrong',
      fault: { kind: 'bad_request_body' },
      method: 'GET',
      options: on,
      retry: false,
    },
  ])('$name', ({ fault, method, options, retry }) => {
    expect(mayRetry(fault, method, options)).toBe(retry);
  });

  it('every code of RESET has a meaning, known or not', () => {
    for (const code of [...Object.values(ErrorCode), 11, 255, 2 ** 30]) {
      for (const acted of [true, false]) expect(faultCode(faultOfReset(code, acted))).toMatch(/^RG_/);
    }
    expect(faultOfReset(ErrorCode.draining, false)).toEqual({ kind: 'listener_refused', code: ErrorCode.draining });
    expect(originMayHaveSeen(faultOfReset(ErrorCode.draining, true))).toBe('answered');
  });
});
