/**
 * The life of one stream at either end, as a table to read aloud (spec 12.8). The machines ask `step` before they act; what is not in
 * the table for a peer's frame is that peer's error, what is not in it for our own act is our mistake.
 *
 *   sender                                      listener
 *   sent a request with a body: open            got a request with a body: open
 *   sent all of it: sent                        got all of it: complete
 *   answer seen: receiving                      answer being sent: responding
 *   all of a coded answer seen: verify          all of a coded answer sent: hold
 *   digest matched, or nothing to match: closed COMMIT seen, or nothing to hold: closed
 *
 * An answer may begin and end before the request's body did: `uploading` is a second, smaller fact that the machines keep
 * beside the state.
 */
import { hash } from 'node:crypto';

export type SenderState = 'open' | 'sent' | 'receiving' | 'verify' | 'closed';

export type SenderInput =
  | 'our_end'
  | 'response'
  | 'response_end_raw'
  | 'response_end_coded'
  | 'data'
  | 'credit'
  | 'reset'
  | 'verified'
  | 'wrong'
  | 'cancel';

export type ListenerState = 'open' | 'complete' | 'responding' | 'hold' | 'closed';

export type ListenerInput =
  | 'their_data'
  | 'their_end'
  | 'our_response'
  | 'our_end_raw'
  | 'our_end_coded'
  | 'credit'
  | 'commit'
  | 'resync'
  | 'reset'
  | 'fail'
  | 'hold_over';

type Row<State extends string, Input extends string> = { readonly [I in Input]?: State };

export const SENDER_STREAM: { readonly [S in SenderState]: Row<SenderState, SenderInput> } = {
  open: { our_end: 'sent', response: 'receiving', credit: 'open', reset: 'closed', cancel: 'closed' },
  // After `wrong` an upload may still be under way here.
  sent: { our_end: 'sent', response: 'receiving', credit: 'sent', reset: 'closed', cancel: 'closed' },
  receiving: {
    our_end: 'receiving',
    data: 'receiving',
    response_end_raw: 'closed',
    response_end_coded: 'verify',
    credit: 'receiving',
    reset: 'closed',
    cancel: 'closed',
  },
  // `wrong` asks for the whole body: we are where we were before the answer. A second time it is `reset`.
  verify: { our_end: 'verify', verified: 'closed', wrong: 'sent', credit: 'verify', reset: 'closed', cancel: 'closed' },
  closed: {},
};

export const LISTENER_STREAM: { readonly [S in ListenerState]: Row<ListenerState, ListenerInput> } = {
  open: {
    their_data: 'open',
    their_end: 'complete',
    our_response: 'responding',
    credit: 'open',
    reset: 'closed',
    fail: 'closed',
  },
  complete: { our_response: 'responding', credit: 'complete', reset: 'closed', fail: 'closed' },
  responding: {
    // The rest of an upload that the origin did not wait for.
    their_data: 'responding',
    their_end: 'responding',
    our_end_raw: 'closed',
    our_end_coded: 'hold',
    credit: 'responding',
    reset: 'closed',
    fail: 'closed',
  },
  hold: {
    their_data: 'hold',
    their_end: 'hold',
    commit: 'closed',
    resync: 'responding',
    credit: 'hold',
    reset: 'closed',
    hold_over: 'closed',
  },
  closed: {},
};

/** The next state, or `undefined` when the table has none. */
export function stepSender(state: SenderState, input: SenderInput): SenderState | undefined {
  return SENDER_STREAM[state][input];
}

export function stepListener(state: ListenerState, input: ListenerInput): ListenerState | undefined {
  return LISTENER_STREAM[state][input];
}

/** The id that people see: first 5 bytes of SHA-256(lane nonce ‖ stream id as 4 bytes), in hex (RG-071). */
export function visibleId(laneNonce: Uint8Array, stream: number): string {
  const whole = new Uint8Array(laneNonce.length + 4);
  whole.set(laneNonce);
  new DataView(whole.buffer).setUint32(laneNonce.length, stream);
  return hash('sha256', whole, 'hex').slice(0, 10);
}
