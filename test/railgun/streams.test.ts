import { describe, expect, it } from 'vitest';
import {
  LISTENER_STREAM,
  type ListenerInput,
  type ListenerState,
  SENDER_STREAM,
  type SenderInput,
  type SenderState,
  stepListener,
  stepSender,
  visibleId,
} from '../../src/railgun/streams.ts';

const SENDER_INPUTS: readonly SenderInput[] = [
  'our_end',
  'response',
  'response_end_raw',
  'response_end_coded',
  'data',
  'credit',
  'reset',
  'verified',
  'wrong',
  'cancel',
];
const LISTENER_INPUTS: readonly ListenerInput[] = [
  'their_data',
  'their_end',
  'our_response',
  'our_end_raw',
  'our_end_coded',
  'credit',
  'commit',
  'resync',
  'reset',
  'fail',
  'hold_over',
];

describe('the life of a stream at the sender', () => {
  it.each([
    {
      name: 'a GET whose delta was right',
      inputs: ['our_end', 'response', 'data', 'response_end_coded', 'verified'],
      end: 'closed',
    },
    { name: 'a GET that streams', inputs: ['our_end', 'response', 'data', 'data', 'response_end_raw'], end: 'closed' },
    {
      name: 'a wrong digest, then the whole body',
      inputs: ['our_end', 'response', 'response_end_coded', 'wrong', 'response', 'response_end_coded', 'verified'],
      end: 'closed',
    },
    {
      name: 'an answer before the upload ends',
      inputs: ['response', 'our_end', 'data', 'response_end_raw'],
      end: 'closed',
    },
    { name: 'DATA before any answer', inputs: ['our_end', 'data'], end: undefined },
    { name: 'DATA after the end', inputs: ['our_end', 'response', 'response_end_coded', 'data'], end: undefined },
    { name: 'two answers', inputs: ['our_end', 'response', 'response'], end: undefined },
  ] as const)('$name', ({ inputs, end }) => {
    let state: SenderState | undefined = 'open';
    for (const input of inputs) state = state === undefined ? undefined : stepSender(state, input);
    expect(state).toBe(end);
  });

  it('every state and every input: a known state or a refusal; nothing leaves `closed`; all but `closed` may be cancelled', () => {
    for (const state of Object.keys(SENDER_STREAM) as SenderState[]) {
      for (const input of SENDER_INPUTS) {
        const next = stepSender(state, input);
        if (next !== undefined) expect(Object.keys(SENDER_STREAM)).toContain(next);
        if (state === 'closed') expect(next).toBeUndefined();
      }
      if (state !== 'closed')
        expect([stepSender(state, 'cancel'), stepSender(state, 'reset')]).toEqual(['closed', 'closed']);
    }
  });
});

describe('the life of a stream at the listener', () => {
  it.each([
    { name: 'a GET told as a delta', inputs: ['their_end', 'our_response', 'our_end_coded', 'commit'], end: 'closed' },
    { name: 'a GET streamed', inputs: ['their_end', 'our_response', 'our_end_raw'], end: 'closed' },
    {
      name: 'RESYNC, then COMMIT',
      inputs: ['their_end', 'our_response', 'our_end_coded', 'resync', 'our_end_coded', 'commit'],
      end: 'closed',
    },
    { name: 'no COMMIT in time', inputs: ['their_end', 'our_response', 'our_end_coded', 'hold_over'], end: 'closed' },
    {
      name: 'an upload that goes on behind the answer',
      inputs: ['their_data', 'our_response', 'their_data', 'our_end_coded', 'their_end', 'commit'],
      end: 'closed',
    },
    { name: 'COMMIT before the answer', inputs: ['their_end', 'commit'], end: undefined },
    { name: 'RESYNC in the middle of the answer', inputs: ['their_end', 'our_response', 'resync'], end: undefined },
    { name: 'DATA after END', inputs: ['their_end', 'their_data'], end: undefined },
  ] as const)('$name', ({ inputs, end }) => {
    let state: ListenerState | undefined = 'open';
    for (const input of inputs) state = state === undefined ? undefined : stepListener(state, input);
    expect(state).toBe(end);
  });

  it('every state and every input: a known state or a refusal; nothing leaves `closed`; all but `closed` may be reset', () => {
    for (const state of Object.keys(LISTENER_STREAM) as ListenerState[]) {
      for (const input of LISTENER_INPUTS) {
        const next = stepListener(state, input);
        if (next !== undefined) expect(Object.keys(LISTENER_STREAM)).toContain(next);
        if (state === 'closed') expect(next).toBeUndefined();
      }
      if (state !== 'closed') expect(stepListener(state, 'reset')).toBe('closed');
    }
  });
});

describe('the id that people see', () => {
  const nonce = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  it('is ten lower-case hex digits, another one for each stream and each lane', () => {
    const ids = new Set<string>();
    for (let stream = 1; stream <= 500; stream += 1) ids.add(visibleId(nonce, stream));
    ids.add(visibleId(Uint8Array.of(9), 1));
    expect(ids.size).toBe(501);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{10}$/);
  });
});
