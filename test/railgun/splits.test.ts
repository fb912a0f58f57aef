/** Recorded sessions fed again to fresh machines in any pieces: the events must not depend on where TCP cut (spec 12.15). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dictionaryKey } from '../../src/railgun/dictionary.ts';
import { FrameDecoder, FrameType, encodeFrame } from '../../src/railgun/frame.ts';
import type { ListenerEvent } from '../../src/railgun/listener-events.ts';
import type { SenderEvent } from '../../src/railgun/sender-events.ts';
import { Pair, byteByByte, bytes, page } from './pretend-link.ts';

/** A session with every kind of frame: answers of all modes, an upload, a RESET, a drain. */
function session(): Pair {
  let turn = 0;
  const pair = new Pair({
    origin: (request) => {
      turn += 1;
      if (request.path === '/image') return { head: [['Content-Type', 'image/png']], body: new Uint8Array(40_000) };
      if (request.path === '/refused') return { failure: 'refused' };
      return { body: page(`turn ${turn < 3 ? 0 : turn}`) };
    },
  }).ready();
  for (const path of ['/', '/', '/', '/image', '/refused']) pair.get({ path });
  const upload = pair.request({ method: 'POST', hasBody: true, path: '/form' });
  pair.sender.body(upload, new Uint8Array(20_000), true, pair.now);
  pair.finish(upload);
  const left = pair.request();
  pair.origin = () => ({ silent: 'after_connect' });
  pair.pump();
  pair.sender.cancel(left, pair.now);
  pair.listener.drain(1_000_000, pair.now);
  pair.run(2_000_000);
  return pair;
}

function plain(events: readonly (ListenerEvent | SenderEvent)[]): unknown {
  return events.map((event) => ({
    ...event,
    ...('bytes' in event ? { bytes: Buffer.from(event.bytes).toString('latin1') } : {}),
  }));
}

function cutAt(wire: Uint8Array, places: readonly number[]): readonly Uint8Array[] {
  const sorted = places.map((place) => place % (wire.length + 1)).toSorted((a, b) => a - b);
  return [...sorted, wire.length].map((to, index) => wire.slice(sorted[index - 1] ?? 0, to));
}

const recorded = session();
/** Without COMMIT: the fresh listener has no origin, so nothing of it could be committed. */
const up = Buffer.concat(
  [...new FrameDecoder().push(Buffer.concat(recorded.toListener))]
    .filter((frame) => frame.type !== FrameType.commit)
    .map((frame) => encodeFrame(frame.type, frame.flags, frame.stream, frame.payload)),
);
const down = Buffer.concat(recorded.toSender);

function feedListener(pieces: readonly Uint8Array[]): unknown {
  const { listener, now } = new Pair();
  return plain(pieces.flatMap((piece) => plainCopy(listener.receive(piece, now))));
}

/** Views of the piece must be copied before the next one comes, as the contract says. */
function plainCopy<E extends ListenerEvent | SenderEvent>(events: readonly E[]): readonly E[] {
  return events.map((event) => ('bytes' in event ? { ...event, bytes: event.bytes.slice() } : event));
}

function feedSender(pieces: readonly Uint8Array[]): unknown {
  const { sender, senderDictionary, now } = new Pair();
  // A version is named in each request, and its bytes never come: deltas wait, everything else goes on.
  for (let path = 0; path < 7; path += 1) {
    const key = dictionaryKey({ zone: 'z', https: false, authority: 'a', path: `/${path}` });
    senderDictionary.learn(key, new Uint8Array(8), now);
  }
  const events: SenderEvent[] = [];
  let placed = 0;
  for (const piece of pieces) {
    for (const event of plainCopy(sender.receive(piece, now))) events.push(event);
    // Streams must exist before their answers come; the first piece holds the whole of SETTINGS.
    for (; sender.state === 'open' && placed < 7; placed += 1) {
      sender.request(
        {
          zone: 'z',
          https: false,
          method: 'GET',
          authority: 'a',
          path: `/${placed}`,
          originAddress: '',
          head: [],
          hasBody: false,
          wantsDelta: true,
          timeoutUs: 0,
        },
        now,
      );
    }
  }
  return plain(events);
}

describe('any split of the bytes gives the same events', () => {
  it('the recorded session has what it should', () => {
    const kinds = new Set(recorded.senderEvents.map((event) => event.kind));
    for (const kind of [
      'ready',
      'response',
      'body',
      'end',
      'failed',
      'store_get',
      'store_set',
      'draining',
      'closed',
    ] as const)
      expect(kinds).toContain(kind);
    const modes = new Set(recorded.senderEvents.flatMap((event) => (event.kind === 'end' ? [event.mode] : [])));
    expect(modes).toEqual(new Set(['full', 'same', 'delta', 'raw']));
  });

  it('at the listener: whole, byte by byte, and any way', () => {
    const whole = feedListener([up]);
    expect(JSON.stringify(whole).match(/"kind":"origin_request"/g)).toHaveLength(7);
    expect(feedListener(byteByByte(up))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (places) => {
        expect(feedListener(cutAt(up, places))).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it('at the sender: whole, byte by byte, and any way', () => {
    const settings = recorded.toSender[0]?.length ?? 0;
    const [first, rest] = [down.subarray(0, settings), down.subarray(settings)];
    const whole = feedSender([first, rest]);
    expect(JSON.stringify(whole).match(/"kind":"(response|failed)"/g)?.length).toBeGreaterThanOrEqual(4);
    expect(feedSender([first, ...byteByByte(rest)])).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (places) => {
        expect(feedSender([first, ...cutAt(rest, places)])).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it('cut off at every length of the first 600 bytes: the machine waits, holds its tongue, and ends cleanly', () => {
    for (let cut = 0; cut < Math.min(600, up.length); cut += 1) {
      const { listener, now } = new Pair();
      const events = [...listener.receive(up.subarray(0, cut), now), ...listener.lost('cut', now)];
      expect(events.filter((event) => event.kind === 'closed')).toHaveLength(1);
      expect(events.at(-1)).toMatchObject({ kind: 'closed', fault: { side: 'network' } });
      expect(listener.busy).toBe(0);
    }
  });

  it('with the first bytes of one more frame behind it nothing more happens', () => {
    const whole = feedListener([up]);
    const more = encodeFrame(FrameType.data, 0, 6, bytes('trailing'));
    for (let length = 1; length < more.length; length += 1) {
      expect(feedListener([Buffer.concat([up, more.subarray(0, length)])])).toEqual(whole);
    }
  });
});
