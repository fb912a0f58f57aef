/** One lane from SETTINGS to GOAWAY: handshake, silence, drains, floods, and every way a peer can be wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../src/railgun/faults.ts';
import { Flag, FrameDecoder, FrameType, encodeFrame } from '../../src/railgun/frame.ts';
import { RGX_LIMITS } from '../../src/railgun/limits.ts';
import { encodeGoAway, encodeNumber, encodeRequest, encodeResponse, parseGoAway } from '../../src/railgun/messages.ts';
import { encodeSettings, ownSettings, proofOf } from '../../src/railgun/settings.ts';
import { EXPORTER, Pair, TOKEN, byteByByte, bytes, page } from './pretend-link.ts';

const EMPTY = new Uint8Array(0);

function goAways(writes: readonly Uint8Array[]): readonly { code: number; lastStream: number; debug: string }[] {
  const decoder = new FrameDecoder();
  const found: { code: number; lastStream: number; debug: string }[] = [];
  for (const write of writes) {
    for (const frame of decoder.push(write)) {
      const message = frame.type === FrameType.goaway ? parseGoAway(frame.payload) : undefined;
      if (message !== undefined) found.push(message);
    }
  }
  return found;
}

function settingsFrom(
  role: 'sender' | 'listener',
  over: { token?: string; exporter?: Uint8Array; maxVersion?: number } = {},
): Uint8Array {
  const proof = proofOf(role, over.token ?? TOKEN, over.exporter ?? EXPORTER, '1');
  const own = {
    agent: '1111',
    codecs: 2,
    blockCompressions: 1,
    proof,
    laneNonce: new Uint8Array(8),
    listenerId: '',
    place: '',
  };
  const settings = ownSettings(role, RGX_LIMITS, own);
  const version = over.maxVersion === undefined ? {} : { minVersion: over.maxVersion, maxVersion: over.maxVersion };
  return encodeFrame(FrameType.settings, 0, 0, encodeSettings({ ...settings, ...version }));
}

const REQUEST = encodeRequest({
  https: false,
  hasBody: false,
  wantsDelta: true,
  idempotent: true,
  rawTarget: false,
  method: 'GET',
  zone: 'z',
  authority: 'a',
  path: '/',
  originAddress: '203.0.113.1',
  deadlineMs: 0,
  named: undefined,
  codecs: 2,
  head: EMPTY,
});

describe('the handshake', () => {
  it('RG-089 both ends prove the token; any listener that has it may take the lane', () => {
    const pair = new Pair().ready();
    expect([pair.sender.state, pair.listener.state]).toEqual(['open', 'open']);
    expect(pair.senderEvents[0]).toMatchObject({ kind: 'ready', peer: { listenerId: 'listener-1', agent: '5360' } });
  });

  it('RG-086 a sender with another token: GOAWAY AUTH, no lane, and nothing of the listener is shown before', () => {
    const pair = new Pair({ listenerToken: TOKEN.replace('0', 'f') });
    pair.run(1_000_000);
    expect([pair.sender.state, pair.listener.state]).toEqual(['closed', 'closed']);
    expect(goAways(pair.toSender)).toMatchObject([{ code: ErrorCode.auth }]);
    expect(Buffer.concat(pair.toSender).includes('RGX1')).toBe(false);
    expect(pair.logs().join()).toContain('Invalid or missing railgun token or tag');
  });

  it('a listener without the token is refused by the sender', () => {
    const pair = new Pair();
    pair.sender.transmit();
    const events = pair.sender.receive(settingsFrom('listener', { token: 'x' }), pair.now);
    expect(events.at(-1)).toMatchObject({ kind: 'closed', fault: { code: ErrorCode.auth, side: 'remote' } });
  });

  it('a proof from another TLS session, replayed or passed on by a middleman, is refused', () => {
    const pair = new Pair();
    const replayed = settingsFrom('sender', { exporter: new Uint8Array(32) });
    expect(pair.listener.receive(replayed, pair.now).at(-1)).toMatchObject({
      kind: 'closed',
      fault: { code: ErrorCode.auth },
    });
  });

  it('no common version: GOAWAY VERSION', () => {
    const pair = new Pair();
    pair.listener.receive(settingsFrom('sender', { maxVersion: 2 }), pair.now);
    expect(goAways([pair.listener.transmit() ?? EMPTY])).toMatchObject([{ code: ErrorCode.version }]);
  });

  it('SETTINGS and the first REQUEST in one flight are served', () => {
    const pair = new Pair();
    const flight = Buffer.concat([settingsFrom('sender'), encodeFrame(FrameType.request, Flag.end, 1, REQUEST)]);
    expect(pair.listener.receive(flight, pair.now).map((event) => event.kind)).toEqual(['ready', 'origin_request']);
  });

  it('with a wrong proof in the same flight the REQUEST is not acted on', () => {
    const pair = new Pair();
    const flight = Buffer.concat([
      settingsFrom('sender', { token: 'x' }),
      encodeFrame(FrameType.request, Flag.end, 1, REQUEST),
    ]);
    expect(pair.listener.receive(flight, pair.now).map((event) => event.kind)).toEqual(['log', 'closed']);
  });

  it('no SETTINGS within five seconds: the lane closes', () => {
    const pair = new Pair();
    expect(pair.listener.wakeAt()).toBe(pair.now + 5_000_000);
    pair.wire = 'cut';
    pair.run(6_000_000);
    expect(pair.listener.state).toBe('closed');
    expect(pair.sender.state).toBe('closed');
  });

  it('RG-122 a health check that connects and goes: no lane, no error in the log, nothing left', () => {
    const pair = new Pair({ rules: { logLevel: 0 } });
    const events = pair.listener.lost('closed by peer', pair.now);
    expect(events).toMatchObject([{ kind: 'closed', fault: { side: 'network' } }]);
    expect(pair.logs()).toEqual([]);
    expect(pair.listener.wakeAt()).toBeUndefined();
    expect(pair.listener.transmit()).toBeUndefined();
  });

  it.each([
    { name: 'plain HTTP', sent: bytes('GET / HTTP/1.1\r\nHost: a\r\n\r\n') },
    { name: 'a TLS ClientHello inside TLS', sent: Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3) },
    { name: 'zeros', sent: new Uint8Array(100) },
    { name: 'PING before SETTINGS', sent: encodeFrame(FrameType.ping, 0, 0, new Uint8Array(8)) },
    { name: 'an extension frame before SETTINGS', sent: encodeFrame(15, 0, 0, EMPTY) },
    { name: 'SETTINGS ACK before SETTINGS', sent: encodeFrame(FrameType.settings, Flag.ack, 0, EMPTY) },
  ])('$name: one GOAWAY, then silence', ({ sent }) => {
    for (const pieces of [[sent], byteByByte(sent)]) {
      const pair = new Pair();
      for (const piece of pieces) pair.listener.receive(piece, pair.now);
      expect(pair.listener.state).toBe('closed');
      expect(goAways([pair.listener.transmit() ?? EMPTY])).toMatchObject([{ code: ErrorCode.protocol }]);
      expect(pair.listener.transmit()).toBeUndefined();
      expect(pair.listener.receive(settingsFrom('sender'), pair.now)).toEqual([]);
    }
  });
});

describe('silence', () => {
  it('RG-121 an idle lane is never silent for 60 s: PING and its echo, for an hour', () => {
    const pair = new Pair({ delayUs: 40_000 }).ready();
    let last = pair.now;
    let longest = 0;
    let writes = pair.toListener.length;
    for (let second = 0; second < 3_600; second += 1) {
      pair.run(1_000_000);
      if (pair.toListener.length > writes) {
        longest = Math.max(longest, pair.now - last);
        last = pair.now;
        writes = pair.toListener.length;
      }
    }
    expect(pair.sender.state).toBe('open');
    expect(longest).toBeGreaterThan(10_000_000);
    expect(longest).toBeLessThan(20_000_000);
    expect(pair.sender.lane.rttUs ?? pair.listener.lane.rttUs).toBe(80_000);
  });

  it('a dead peer: no answer within 10 s of the PING, the lane ends and its streams with it (RG-012)', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
    const stream = pair.request();
    pair.run(1_000_000);
    pair.wire = 'cut';
    const from = pair.now;
    const outcome = pair.finish(stream, 60_000_000);
    expect(outcome.failed?.fault).toMatchObject({ kind: 'link_lost', sent: true, answered: false });
    expect(pair.now - from).toBeGreaterThan(10_000_000);
    expect(pair.now - from).toBeLessThanOrEqual(11_000_000);
  });

  it('a silent peer is given no more requests a second after it was asked, and is trusted again at its first byte', () => {
    const pair = new Pair({ delayUs: 40_000, origin: () => ({ silent: 'after_connect' }) }).ready();
    pair.request();
    pair.run(5_000_000);
    expect(pair.sender.free).toBeGreaterThan(0);
    pair.wire = 'cut';
    pair.run(400_000);
    expect(pair.sender.free).toBeGreaterThan(0);
    pair.run(700_000);
    expect([pair.sender.state, pair.sender.free]).toEqual(['open', 0]);
    pair.sender.receive(encodeFrame(FrameType.ping, 0, 0, new Uint8Array(8)), pair.now);
    expect(pair.sender.free).toBeGreaterThan(0);
  });

  it('any byte is a sign of life: an answer that trickles keeps the lane although PING is not answered', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
    const stream = pair.request();
    pair.pump();
    pair.listener.originHead(stream, { status: 200, lines: [], bodyLength: undefined }, pair.now);
    for (let second = 0; second < 120; second += 5) {
      pair.run(5_000_000);
      pair.listener.originBody(stream, Uint8Array.of(1), pair.now);
      pair.pump();
    }
    expect(pair.sender.state).toBe('open');
  });
});

describe('the end of a lane', () => {
  it('RG-012 a break after REQUEST and before the whole answer: link_lost, nothing of the body', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
    const stream = pair.request();
    pair.pump();
    pair.break();
    expect(pair.outcomes.get(stream)).toMatchObject({
      ends: 1,
      failed: { fault: { kind: 'link_lost', sent: true, answered: false }, headSent: false },
    });
    expect(pair.listenerEvents.some((event) => event.kind === 'origin_cancel')).toBe(true);
  });

  it('a break before the REQUEST left this machine is told apart', () => {
    const pair = new Pair().ready();
    const stream = pair.request();
    pair.break();
    expect(pair.outcomes.get(stream)?.failed?.fault).toMatchObject({ kind: 'link_lost', sent: false });
  });

  it('RG-014 a break in the middle of a streamed body: the head is out, the stream fails', () => {
    const pair = new Pair({
      thirsty: false,
      origin: () => ({ head: [['Content-Type', 'image/png']], body: new Uint8Array(500_000) }),
    }).ready();
    const stream = pair.request();
    pair.run(1_000);
    pair.break();
    expect(pair.outcomes.get(stream)).toMatchObject({
      ends: 1,
      failed: { fault: { kind: 'link_lost', answered: true }, headSent: true },
    });
  });

  it('RG-014 a break in the middle of a delta: nothing was released', () => {
    const noise = Uint8Array.from({ length: 600_000 }, (_, index) => (index * 2_654_435_761) >>> 13);
    const pair = new Pair({ delayUs: 10_000, rules: { compressFull: false }, origin: () => ({ body: noise }) }).ready();
    const stream = pair.request();
    pair.run(21_000);
    expect(pair.sender.streamState(stream)).toBe('receiving');
    pair.break();
    expect(pair.outcomes.get(stream)).toMatchObject({ ends: 1, failed: { headSent: false } });
    expect(pair.outcomes.get(stream)?.body).toHaveLength(0);
  });

  it('RG-080 a drain: running streams finish, later ones are refused unacted, then the lane closes', () => {
    const pair = new Pair({ delayUs: 20_000, origin: () => ({ body: page('x'), afterUs: 500_000 }) }).ready();
    const running = pair.request();
    pair.run(50_000);
    pair.listener.drain(30_000_000, pair.now);
    pair.pump();
    // Opened before the announcement arrives: still served.
    const crossing = pair.request();
    pair.run(25_000);
    expect(pair.sender.state).toBe('draining');
    expect(pair.place()).toEqual({ kind: 'refused', why: 'not_open' });
    expect(pair.finish(running).ended).toBeDefined();
    expect(pair.finish(crossing).ended).toBeDefined();
    pair.run(1_000_000);
    expect([pair.sender.state, pair.listener.state]).toEqual(['closed', 'closed']);
    expect(goAways(pair.toSender).map(({ code, lastStream }) => [code, lastStream])).toEqual([
      [0, 2 ** 30 - 1],
      [0, 2],
      [0, 2],
    ]);
  });

  it('RG-080 after the second GOAWAY a REQUEST is refused unacted, while an older stream still runs', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
    pair.request();
    pair.pump();
    pair.listener.drain(30_000_000, pair.now);
    pair.run(2_000_000);
    const events = pair.listener.receive(encodeFrame(FrameType.request, Flag.end, 2, REQUEST), pair.now);
    expect(events).toMatchObject([{ kind: 'stream_failed', stream: 2, code: ErrorCode.draining }]);
    expect(pair.asked).toHaveLength(1);
  });

  it('a REQUEST beyond the limit of streams is refused unacted', () => {
    const pair = new Pair({ listenerLimits: { maxStreams: 1 }, origin: () => ({ silent: 'after_connect' }) }).ready();
    const kinds = [1, 2].map((stream) =>
      pair.listener
        .receive(encodeFrame(FrameType.request, Flag.end, stream, REQUEST), pair.now)
        .map((event) => event.kind),
    );
    expect(kinds).toEqual([['origin_request'], ['stream_failed']]);
  });

  it('RG-080 a drain whose deadline passes: the rest is cut with DRAINING', () => {
    const pair = new Pair({
      origin: () => ({ silent: 'after_connect' }),
      rules: { lanTimeoutUs: 3_600_000_000 },
    }).ready();
    const stream = pair.request();
    pair.pump();
    pair.listener.drain(5_000_000, pair.now);
    const outcome = pair.finish(stream);
    expect(outcome.failed?.fault).toEqual({ kind: 'listener_refused', code: ErrorCode.draining });
    expect(pair.listener.state).toBe('closed');
  });

  it('streams above the last one of GOAWAY are told as not acted on, those below fail when the lane is lost', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
    const [one, two] = [pair.request(), pair.request()];
    pair.sender.transmit();
    const goAway = encodeFrame(
      FrameType.goaway,
      0,
      0,
      encodeGoAway({ lastStream: 1, code: ErrorCode.internal, drainMs: 0, debug: 'calm down' }),
    );
    const events = pair.sender.receive(goAway, pair.now);
    const faults = events.flatMap((event) => (event.kind === 'failed' ? [[event.stream, event.fault.kind]] : []));
    expect(faults).toEqual([
      [two, 'listener_refused'],
      [one, 'link_protocol'],
    ]);
  });

  it('RG-105 a listener with a lane age limit drains the lane by itself', () => {
    const pair = new Pair({ listenerLimits: { maxAgeUs: 60_000_000 } }).ready();
    pair.run(70_000_000);
    expect(pair.listener.state).toBe('closed');
    expect(pair.sender.state).toBe('closed');
  });

  it('a sender that is drained finishes its streams and says GOAWAY', () => {
    const pair = new Pair({ origin: () => ({ body: page('x'), afterUs: 1_000_000 }) }).ready();
    const stream = pair.request();
    pair.sender.drain(pair.now);
    expect(pair.finish(stream).ended).toBeDefined();
    pair.pump();
    expect([pair.sender.state, goAways(pair.toListener).length]).toEqual(['closed', 1]);
  });

  it('a lane that is full says so', () => {
    const pair = new Pair().ready();
    expect(pair.sender.free).toBe(100);
    for (let count = 0; count < 100; count += 1) pair.request();
    expect(pair.place()).toEqual({ kind: 'refused', why: 'busy' });
    expect(pair.sender.free).toBe(0);
  });

  it('a lane whose stream ids are used up drains: the last request is served, then it ends', () => {
    const pair = new Pair({ limits: { maxStreamId: 3 } }).ready();
    pair.get();
    pair.get();
    const last = pair.request();
    expect(pair.sender.state).toBe('draining');
    expect(pair.place()).toEqual({ kind: 'refused', why: 'not_open' });
    expect(pair.finish(last).ended).toBeDefined();
    expect([pair.sender.state, pair.senderEvents.some((event) => event.kind === 'draining')]).toEqual(['closed', true]);
  });
});

const raw = (over: object = {}) =>
  encodeResponse({
    status: 200,
    mode: 'raw',
    why: 5,
    flags: 0,
    originTimeUs: 0,
    bodyLength: undefined,
    digest: EMPTY,
    codec: 0,
    headMode: 'plain',
    head: EMPTY,
    ...over,
  });

describe('a peer that breaks the protocol: one GOAWAY, no exception, every stream ended once', () => {
  const toListener: readonly { name: string; frames: readonly Uint8Array[]; code: number }[] = [
    {
      name: 'a second SETTINGS without magic',
      frames: [encodeFrame(FrameType.settings, 0, 0, bytes('RGX2'))],
      code: ErrorCode.protocol,
    },
    {
      name: 'SETTINGS ACK with a payload',
      frames: [encodeFrame(FrameType.settings, Flag.ack, 0, bytes('x'))],
      code: ErrorCode.protocol,
    },
    { name: 'RESPONSE', frames: [encodeFrame(FrameType.response, 0, 1, raw())], code: ErrorCode.protocol },
    {
      name: 'DATA for a stream never opened',
      frames: [encodeFrame(FrameType.data, 0, 9, bytes('x'))],
      code: ErrorCode.protocol,
    },
    {
      name: 'a stream id that does not grow',
      frames: [
        encodeFrame(FrameType.request, Flag.end, 3, REQUEST),
        encodeFrame(FrameType.request, Flag.end, 3, REQUEST),
      ],
      code: ErrorCode.protocol,
    },
    {
      name: 'a malformed REQUEST',
      frames: [encodeFrame(FrameType.request, Flag.end, 3, bytes('no request'))],
      code: ErrorCode.protocol,
    },
    {
      name: 'DATA after END',
      frames: [encodeFrame(FrameType.request, Flag.end, 3, REQUEST), encodeFrame(FrameType.data, 0, 3, bytes('x'))],
      code: ErrorCode.protocol,
    },
    {
      name: 'a body that was not announced',
      frames: [encodeFrame(FrameType.request, 0, 3, REQUEST)],
      code: ErrorCode.protocol,
    },
    {
      name: 'COMMIT before the answer',
      frames: [encodeFrame(FrameType.request, Flag.end, 3, REQUEST), encodeFrame(FrameType.commit, 0, 3, EMPTY)],
      code: ErrorCode.protocol,
    },
    {
      name: 'RESYNC before the answer',
      frames: [
        encodeFrame(FrameType.request, Flag.end, 3, REQUEST),
        encodeFrame(FrameType.resync, 0, 3, encodeNumber(1)),
      ],
      code: ErrorCode.protocol,
    },
    {
      name: 'CREDIT of nothing',
      frames: [encodeFrame(FrameType.credit, 0, 0, encodeNumber(0))],
      code: ErrorCode.protocol,
    },
    {
      name: 'credit without end',
      frames: [encodeFrame(FrameType.credit, 0, 0, encodeNumber(2 ** 31 - 1))],
      code: ErrorCode.flowControl,
    },
    {
      name: 'a PING of seven bytes',
      frames: [encodeFrame(FrameType.ping, 0, 0, new Uint8Array(7))],
      code: ErrorCode.protocol,
    },
    { name: 'a malformed GOAWAY', frames: [encodeFrame(FrameType.goaway, 0, 0, EMPTY)], code: ErrorCode.protocol },
    {
      name: 'a RESET without a code',
      frames: [encodeFrame(FrameType.request, Flag.end, 3, REQUEST), encodeFrame(FrameType.reset, 0, 3, EMPTY)],
      code: ErrorCode.protocol,
    },
    {
      name: 'MORE on a frame that is not full',
      frames: [encodeFrame(FrameType.request, Flag.more, 3, REQUEST)],
      code: ErrorCode.protocol,
    },
    {
      name: 'another frame between the pieces of a head',
      frames: [
        encodeFrame(FrameType.request, Flag.more, 3, new Uint8Array(16_383)),
        encodeFrame(FrameType.ping, 0, 0, new Uint8Array(8)),
      ],
      code: ErrorCode.protocol,
    },
    {
      name: 'a head in pieces without end',
      frames: Array.from({ length: 12 }, () => encodeFrame(FrameType.request, Flag.more, 3, new Uint8Array(16_383))),
      code: ErrorCode.protocol,
    },
    { name: 'more body than credit', frames: overrun(), code: ErrorCode.flowControl },
    {
      name: 'a flood of unknown frames',
      frames: Array.from({ length: 101 }, () => encodeFrame(14, 0, 5, EMPTY)),
      code: ErrorCode.internal,
    },
    {
      name: 'a flood of PING',
      frames: Array.from({ length: 101 }, () => encodeFrame(FrameType.ping, 0, 0, new Uint8Array(8))),
      code: ErrorCode.internal,
    },
    {
      name: 'a flood of SETTINGS ACK',
      frames: Array.from({ length: 101 }, () => encodeFrame(FrameType.settings, Flag.ack, 0, EMPTY)),
      code: ErrorCode.internal,
    },
    {
      name: 'a flood of RESET for closed streams',
      frames: [
        encodeFrame(FrameType.request, Flag.end, 3, REQUEST),
        ...Array.from({ length: 120 }, () => encodeFrame(FrameType.reset, 0, 3, encodeNumber(5))),
      ],
      code: ErrorCode.internal,
    },
    {
      name: 'a flood of empty DATA',
      frames: [
        encodeFrame(FrameType.request, 0, 3, upload()),
        ...Array.from({ length: 101 }, () => encodeFrame(FrameType.data, 0, 3, EMPTY)),
      ],
      code: ErrorCode.internal,
    },
  ];

  it.each(toListener)('to the listener: $name', ({ frames, code }) => {
    const wire = Buffer.concat([settingsFrom('sender'), ...frames]);
    const results = [[wire], byteByByte(wire)].map((pieces) => {
      const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) });
      const events = pieces.flatMap((piece) => [...pair.listener.receive(piece, pair.now)]);
      expect(pair.listener.state).toBe('closed');
      const writes: Uint8Array[] = [];
      for (let write = pair.listener.transmit(); write !== undefined; write = pair.listener.transmit())
        writes.push(write);
      expect(goAways(writes).map((message) => message.code)).toEqual([code]);
      expect(events.filter((event) => event.kind === 'closed')).toHaveLength(1);
      expect(pair.listener.busy).toBe(0);
      return events.map((event) => event.kind);
    });
    expect(results[1]).toEqual(results[0]);
  });

  const toSender: readonly { name: string; frames: readonly Uint8Array[]; code: number }[] = [
    { name: 'REQUEST', frames: [encodeFrame(FrameType.request, Flag.end, 1, REQUEST)], code: ErrorCode.protocol },
    { name: 'COMMIT', frames: [encodeFrame(FrameType.commit, 0, 1, EMPTY)], code: ErrorCode.protocol },
    { name: 'RESYNC', frames: [encodeFrame(FrameType.resync, 0, 1, encodeNumber(1))], code: ErrorCode.protocol },
    { name: 'DATA before RESPONSE', frames: [encodeFrame(FrameType.data, 0, 1, bytes('x'))], code: ErrorCode.protocol },
    {
      name: 'RESPONSE for a stream never opened',
      frames: [encodeFrame(FrameType.response, 0, 7, raw())],
      code: ErrorCode.protocol,
    },
    {
      name: 'a malformed RESPONSE',
      frames: [encodeFrame(FrameType.response, 0, 1, bytes('?'))],
      code: ErrorCode.protocol,
    },
    {
      name: 'two RESPONSEs',
      frames: [encodeFrame(FrameType.response, 0, 1, raw()), encodeFrame(FrameType.response, 0, 1, raw())],
      code: ErrorCode.protocol,
    },
    {
      name: 'a delta when no version was named',
      frames: [
        encodeFrame(
          FrameType.response,
          Flag.end,
          1,
          raw({ mode: 'delta', digest: new Uint8Array(16), bodyLength: 5, codec: 1 }),
        ),
      ],
      code: ErrorCode.protocol,
    },
    {
      name: 'SAME when no version was named',
      frames: [
        encodeFrame(FrameType.response, Flag.end, 1, raw({ mode: 'same', digest: new Uint8Array(16), bodyLength: 5 })),
      ],
      code: ErrorCode.protocol,
    },
    {
      name: 'more coded bytes than the body has',
      frames: [
        encodeFrame(
          FrameType.response,
          Flag.end,
          1,
          Buffer.concat([raw({ mode: 'full', digest: new Uint8Array(16), bodyLength: 2, codec: 0 }), bytes('xyz')]),
        ),
      ],
      code: ErrorCode.protocol,
    },
    {
      name: 'a head that is none',
      frames: [encodeFrame(FrameType.response, Flag.end, 1, raw({ head: bytes('no head') }))],
      code: ErrorCode.protocol,
    },
  ];

  it.each(toSender)('to the sender: $name', ({ frames, code }) => {
    const wire = Buffer.concat(frames);
    for (const pieces of [[wire], byteByByte(wire)]) {
      const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
      const stream = pair.request();
      pair.pump();
      const events = pieces.flatMap((piece) => [...pair.sender.receive(piece, pair.now)]);
      expect(pair.sender.state).toBe('closed');
      expect(events.filter((event) => event.kind === 'failed' && event.stream === stream)).toHaveLength(1);
      expect(goAways([pair.sender.transmit() ?? EMPTY]).map((message) => message.code)).toEqual([code]);
    }
  });

  it('a whole body whose digest never fits: RESYNC once, then INTEGRITY, and not one byte released', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) }).ready();
    const stream = pair.request();
    pair.pump();
    const lie = encodeFrame(
      FrameType.response,
      Flag.end,
      1,
      Buffer.concat([raw({ mode: 'full', digest: new Uint8Array(16), bodyLength: 3, codec: 0 }), bytes('xyz')]),
    );
    const first = pair.sender.receive(lie, pair.now);
    expect(first).toMatchObject([{ kind: 'resync', stream, why: 'digest differs' }]);
    const second = pair.sender.receive(lie, pair.now);
    expect(second).toMatchObject([{ kind: 'failed', stream, fault: { kind: 'integrity' }, headSent: false }]);
    expect(pair.sender.state).toBe('open');
  });

  it('a body above our target limit fails its stream, not the lane, and its bytes are given back', () => {
    const pair = new Pair({ limits: { maxTargetBytes: 1_000 }, origin: () => ({ silent: 'after_connect' }) }).ready();
    const stream = pair.request();
    pair.pump();
    const before = pair.sender.lane.credit.receive;
    for (let turn = 0; turn < 3; turn += 1) {
      const big = encodeFrame(
        FrameType.response,
        0,
        stream + turn,
        Buffer.concat([
          raw({ mode: 'full', digest: new Uint8Array(16), bodyLength: 5_000, codec: 0 }),
          new Uint8Array(900),
        ]),
      );
      const events = pair.sender.receive(big, pair.now);
      expect(events).toMatchObject([{ kind: 'failed', fault: { kind: 'limit', acted: true } }]);
      pair.request();
    }
    expect(pair.sender.state).toBe('open');
    expect(before - pair.sender.lane.credit.receive).toBeLessThanOrEqual(2_700);
  });

  it('frames of grease types are ignored in any state, on any stream', () => {
    const pair = new Pair().ready();
    for (let type = 14; type <= 15; type += 1) {
      for (const stream of [0, 1, 2 ** 30 - 1]) {
        pair.sender.receive(encodeFrame(type, 0, stream, new Uint8Array(100)), pair.now);
        pair.listener.receive(encodeFrame(type, 0x0f, stream, new Uint8Array(100)), pair.now);
      }
    }
    expect(pair.get().ended).toBeDefined();
  });

  it('a visitor who leaves before the REQUEST left: nothing is sent, the number is skipped, the lane goes on', () => {
    const pair = new Pair().ready();
    const before = pair.toListener.length;
    pair.sender.cancel(pair.request(), pair.now);
    pair.pump();
    expect(pair.toListener.length).toBe(before);
    expect(pair.get().ended).toMatchObject({ stream: 2 });
    expect(pair.listener.state).toBe('open');
  });

  it('late frames for a cancelled stream are ignored, and their credit comes back', () => {
    const pair = new Pair({
      delayUs: 20_000,
      origin: () => ({ head: [['Content-Type', 'image/png']], body: new Uint8Array(200_000) }),
    }).ready();
    for (let turn = 0; turn < 60; turn += 1) {
      const stream = pair.request();
      // The whole answer is on the way when the visitor leaves.
      pair.run(30_000);
      pair.sender.cancel(stream, pair.now);
      pair.run(100_000);
    }
    // 60 × 200 kB is far beyond one lane credit of 4 MiB: without its return the lane would be stuck.
    expect(pair.get().body).toHaveLength(200_000);
  });

  it('garbage at any moment: at most one GOAWAY, no exception, every stream ended exactly once', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        fc.nat({ max: 400 }),
        fc.boolean(),
        (garbage, afterUs, atSender) => {
          const pair = new Pair({ delayUs: 100, origin: () => ({ body: page('x'), afterUs: 50 }) }).ready();
          const streams = [pair.request(), pair.request({ path: '/b' })];
          pair.run(afterUs);
          if (atSender) pair.sender.receive(garbage, pair.now).forEach((event) => pair.senderEvents.push(event));
          else pair.listener.receive(garbage, pair.now).forEach((event) => pair.listenerEvents.push(event));
          pair.run(120_000_000);
          pair.break();
          for (const stream of streams) {
            const ends = pair.senderEvents.filter(
              (event) => (event.kind === 'end' || event.kind === 'failed') && event.stream === stream,
            );
            expect(ends).toHaveLength(1);
          }
          expect(goAways(pair.toSender).filter((message) => message.code !== 0).length).toBeLessThanOrEqual(1);
          expect(goAways(pair.toListener).filter((message) => message.code !== 0).length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 150 },
    );
  });
});

function upload(): Uint8Array {
  return encodeRequest({
    https: false,
    hasBody: true,
    wantsDelta: true,
    idempotent: false,
    rawTarget: false,
    method: 'POST',
    zone: 'z',
    authority: 'a',
    path: '/',
    originAddress: '203.0.113.1',
    deadlineMs: 0,
    named: undefined,
    codecs: 2,
    head: EMPTY,
  });
}

function overrun(): readonly Uint8Array[] {
  const data = Array.from({ length: 17 }, () => encodeFrame(FrameType.data, 0, 3, new Uint8Array(16_383)));
  return [encodeFrame(FrameType.request, 0, 3, upload()), ...data];
}
