/** Requests and answers over one lane: spec 10.2, 10.3 and 10.4, as far as no socket is needed. */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { formatCfRailgun } from '../../src/railgun/cf-railgun.ts';
import { HoldBudget } from '../../src/railgun/hold.ts';
import { Why } from '../../src/railgun/messages.ts';
import {
  type OriginReply,
  Pair,
  PretendStore,
  RULES,
  byteByByte,
  bytes,
  page,
  same,
  trimCodec,
} from './pretend-link.ts';

const HTML = [['Content-Type', 'text/html']] as const;

function versions(pair: Pair, ...replies: readonly OriginReply[]): void {
  let turn = 0;
  pair.origin = () => replies[Math.min(turn++, replies.length - 1)] ?? {};
}

describe('the origin is asked', () => {
  it('RG-051 every time, although the page is stored at both ends', () => {
    const pair = new Pair();
    for (let turn = 0; turn < 5; turn += 1) expect(pair.get().status).toBe(200);
    expect(pair.asked).toHaveLength(5);
  });

  it('RG-020 RG-027 without CF-ORIGIN-IP and CF-WAN-ID, with a user agent', () => {
    const pair = new Pair();
    pair.get({
      head: [
        ['Host', 'www.example.com'],
        ['CF-ORIGIN-IP', '203.0.113.10'],
        ['CF-WAN-ID', '7'],
        ['Connection', 'close'],
      ],
    });
    expect(pair.asked[0]?.request.head).toEqual([
      ['Host', 'www.example.com'],
      ['User-Agent', 'Railgun/rgx'],
    ]);
    for (const written of pair.toListener) expect(Buffer.from(written).toString('latin1')).not.toMatch(/cf-wan-id/i);
  });

  it('RG-028 with a path whose percent signs are no escapes, byte for byte', () => {
    const pair = new Pair();
    pair.get({ path: '/%zz/%?q=%\xff' });
    expect(pair.asked[0]?.request.path).toBe('/%zz/%?q=%\xff');
  });

  it('RG-026 not at all for a POST without a length: the log line, 411 at the edge', () => {
    const pair = new Pair();
    const outcome = pair.get({ method: 'POST' });
    expect(outcome.failed?.fault).toEqual({ kind: 'bad_request_body' });
    expect(pair.asked).toEqual([]);
    expect(pair.logs()).toEqual(['bad Content-Length: "-1"']);
  });

  it('with the whole body of a POST, across many frames', () => {
    const pair = new Pair();
    let seen = new Uint8Array(0) as Uint8Array;
    pair.origin = (_request, _attempt, body) => {
      seen = body;
      return { status: 201, body: bytes('made') };
    };
    pair.ready();
    const upload = Buffer.alloc(700_000, 'abcdefg');
    const stream = pair.request({ method: 'POST', hasBody: true, head: [['Content-Length', '700000']] });
    for (let at = 0; at < upload.length; at += 50_000)
      pair.sender.body(stream, upload.subarray(at, at + 50_000), at + 50_000 >= upload.length, pair.now);
    const outcome = pair.finish(stream);
    expect(outcome.status).toBe(201);
    expect(same(seen, upload)).toBe(true);
    expect(outcome.header && formatCfRailgun(outcome.header)).toContain(' stream ');
  });

  it.each([
    { name: 'shorter than its Content-Length', sent: 4, declared: '5' },
    { name: 'longer than its Content-Length', sent: 6, declared: '5' },
  ])('a request body $name is refused and the origin request given up', ({ sent, declared }) => {
    const pair = new Pair();
    pair.ready();
    const stream = pair.request({ method: 'POST', hasBody: true, head: [['Content-Length', declared]] });
    pair.sender.body(stream, new Uint8Array(sent), true, pair.now);
    expect(pair.finish(stream).failed?.fault).toEqual({ kind: 'bad_request_body' });
    expect(pair.listenerEvents.some((event) => event.kind === 'origin_cancel')).toBe(true);
  });

  it('RG-030 a second time, and only a second, when an idempotent request is cut before any byte of answer', () => {
    const pair = new Pair({
      origin: (_request, attempt) => (attempt === 1 ? { failure: 'reset' } : { body: page('second') }),
    });
    expect(same(pair.get().body, page('second'))).toBe(true);
    expect(pair.asked.map(({ attempt }) => attempt)).toEqual([1, 2]);
    const broken = new Pair({ origin: () => ({ failure: 'reset' }) });
    expect(broken.get().failed?.fault).toEqual({ kind: 'origin_reset' });
    expect(broken.asked).toHaveLength(2);
  });

  it.each([
    {
      name: 'a POST',
      request: { method: 'POST', head: [['Content-Length', '0']] as const },
      reply: { failure: 'reset' as const },
    },
    {
      name: 'an answer that broke off in the middle',
      request: {},
      reply: { failure: 'reset' as const, midway: true, body: page('x'), declared: false },
    },
    { name: 'a refused connection', request: {}, reply: { failure: 'refused' as const } },
  ])('RG-030 never for $name', ({ request, reply }) => {
    const pair = new Pair({ origin: () => reply });
    expect(pair.get(request).failed).toBeDefined();
    expect(pair.asked).toHaveLength(1);
  });
});

describe('origin failures', () => {
  it('RG-033 no connection within lan.timeout: the line, and a fault that is 522 (502 in the classic table)', () => {
    const pair = new Pair({ origin: () => ({ silent: 'before_connect' }) });
    const from = pair.ready().now;
    const outcome = pair.get();
    expect(outcome.failed?.fault).toEqual({ kind: 'origin_connect_timeout' });
    expect(pair.now - from).toBe(30_000_000);
    expect(pair.logs()).toEqual([
      'connection failed 203.0.113.10:80/www.example.com: dial tcp 203.0.113.10:80: i/o timeout',
    ]);
    expect(pair.listenerEvents.some((event) => event.kind === 'origin_cancel')).toBe(true);
  });

  it('RG-034 a connection and then silence for lan.timeout', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }), rules: { lanTimeoutUs: 5_000_000 } });
    expect(pair.get().failed?.fault).toEqual({ kind: 'origin_read_timeout' });
    expect(pair.logs()).toEqual(['no response from origin (timeout) 203.0.113.10:80/www.example.com']);
  });

  it('RG-035 a refusal is reported at once', () => {
    const pair = new Pair({ origin: () => ({ failure: 'refused' }) });
    const from = pair.ready().now;
    expect(pair.get().failed?.fault).toEqual({ kind: 'origin_refused' });
    expect(pair.now).toBe(from);
    expect(pair.logs()).toEqual(['Error getting page: dial tcp 203.0.113.10:80:connection refused']);
  });

  it('RG-023 an untrusted certificate: 520 at the edge and the x509 line', () => {
    const pair = new Pair();
    pair.ready();
    pair.origin = () => ({ silent: 'before_connect' });
    const stream = pair.request({ https: true });
    pair.pump();
    pair.listener.originError(stream, 'tls', 'x509: certificate signed by unknown authority', pair.now);
    expect(pair.finish(stream).failed?.fault).toEqual({ kind: 'origin_tls' });
    expect(pair.logs()).toEqual([
      'connection failed 203.0.113.10:443/www.example.com: x509: certificate signed by unknown authority',
    ]);
  });

  it.each([
    { name: 'fewer bytes than Content-Length', reply: { body: page('x'), declared: 9_000 } },
    { name: 'more bytes than Content-Length', reply: { body: page('x'), declared: 2_000 } },
  ])('$name from the origin is no complete answer, compressed or streamed', ({ reply }) => {
    for (const head of [undefined, [['Content-Type', 'image/png']] as const]) {
      const pair = new Pair({ origin: () => ({ ...reply, ...(head === undefined ? {} : { head }) }) });
      const outcome = pair.get();
      expect(outcome.failed?.fault).toEqual({ kind: 'origin_reset' });
      expect(outcome.ended).toBeUndefined();
    }
  });

  it('RG-014 a streamed body that breaks off: the visitor is to be cut, it never ends well', () => {
    const pair = new Pair({
      origin: () => ({
        head: [['Content-Type', 'video/mp4']],
        declared: false,
        pieces: [new Uint8Array(1_000)],
        failure: 'reset',
        midway: true,
      }),
    });
    const outcome = pair.get();
    expect(outcome.body).toHaveLength(1_000);
    expect(outcome.failed).toMatchObject({ fault: { kind: 'origin_reset' }, headSent: true });
    expect(outcome.ended).toBeUndefined();
  });
});

describe('when answers are compressed', () => {
  it('RG-036 a body of exactly stream.size is, one byte more is streamed', () => {
    const rules = { streamSize: 50_000 };
    for (const [length, mode] of [
      [50_000, 'full'],
      [50_001, 'raw'],
    ] as const) {
      for (const declared of [true, false]) {
        const pair = new Pair({ rules, origin: () => ({ body: new Uint8Array(length).fill(65), declared }) });
        const outcome = pair.get();
        expect(outcome.ended?.mode).toBe(mode);
        expect(outcome.body).toHaveLength(length);
      }
    }
  });

  it('RG-037 a chunked body that outgrows stream.size is streamed from byte 0 without loss', () => {
    const pieces = Array.from({ length: 30 }, (_, index) => Buffer.alloc(7_001, String.fromCharCode(65 + index)));
    const pair = new Pair({ rules: { streamSize: 100_000 }, origin: () => ({ pieces, declared: false }) });
    const outcome = pair.get();
    expect(outcome.ended?.mode).toBe('raw');
    expect(same(outcome.body, Buffer.concat(pieces))).toBe(true);
  });

  it('RG-038 a streamed body goes on as it is read', () => {
    const pair = new Pair();
    pair.ready();
    pair.origin = () => ({ silent: 'after_connect' });
    const stream = pair.request();
    pair.pump();
    pair.listener.originHead(
      stream,
      { status: 200, lines: [['Content-Type', 'image/png']], bodyLength: undefined },
      pair.now,
    );
    pair.pump();
    const outcome = pair.outcomes.get(stream);
    for (let piece = 1; piece <= 3; piece += 1) {
      pair.listener.originBody(stream, new Uint8Array(100), pair.now);
      pair.pump();
      expect(outcome?.body).toHaveLength(piece * 100);
      expect(outcome?.ends).toBe(0);
    }
    pair.listener.originEnd(stream, pair.now);
    pair.pump();
    expect(outcome?.ended?.mode).toBe('raw');
  });

  it('RG-038 and never faster than the visitor takes it: the origin is asked to wait, then to go on', () => {
    const pieces = Array.from({ length: 100 }, () => new Uint8Array(20_000));
    const pair = new Pair({ thirsty: false, origin: () => ({ head: [['Content-Type', 'image/png']], pieces }) });
    pair.ready();
    const stream = pair.request();
    pair.run(1_000_000);
    const outcome = pair.outcomes.get(stream);
    expect(outcome?.body.length).toBe(262_144);
    let taken = 0;
    for (let rounds = 0; rounds < 200 && outcome?.ends === 0; rounds += 1) {
      const more = (outcome.body.length ?? 0) - taken;
      taken += more;
      pair.sender.consumed(stream, more);
      pair.pump();
    }
    expect(outcome?.body).toHaveLength(2_000_000);
    expect(pair.listenerEvents.filter((event) => event.kind === 'origin_resume').length).toBeGreaterThan(3);
  });

  it('RG-039 a content type off the list: the word stream', () => {
    const pair = new Pair({ origin: () => ({ head: [['Content-Type', 'image/png']], body: page('x') }) });
    expect(pair.get().header).toMatchObject({ ratio: 'stream' });
  });

  it.each([
    { name: 'a 301', method: 'GET', reply: { status: 301, head: [['Location', '/b']] as const } },
    { name: 'an empty 200', method: 'GET', reply: { head: HTML } },
    {
      name: 'HEAD',
      method: 'HEAD',
      reply: {
        body: new Uint8Array(0),
        declared: 5_000,
        head: [
          ['Content-Type', 'text/html'],
          ['Content-Length', '5000'],
        ] as const,
      },
    },
  ])('RG-041 $name: nothing to compress, and the request succeeds', ({ method, reply }) => {
    const pair = new Pair({ origin: () => reply });
    const outcome = pair.get({ method });
    expect(outcome.ended).toMatchObject({ mode: 'raw', bodyBytes: 0 });
    expect(outcome.status).toBe('status' in reply ? reply.status : 200);
    expect(outcome.head).toEqual(reply.head);
  });

  it('RG-042 a body below the threshold is not compressed, known beforehand or not', () => {
    for (const declared of [true, false]) {
      const pair = new Pair({ origin: () => ({ body: new Uint8Array(1_023).fill(65), declared }) });
      expect(pair.get().ended?.mode).toBe('raw');
      expect(pair.senderStore.sets + pair.listenerStore.sets).toBe(0);
    }
  });

  it.each([
    { coding: 'gzip', pack: (body: Uint8Array) => gzipSync(body) },
    { coding: 'br', pack: (body: Uint8Array) => brotliCompressSync(body) },
  ])(
    'RG-043 a $coding body is opened, relabelled, and later told as a delta of the opened text',
    ({ coding, pack }) => {
      const pair = new Pair();
      const reply = (body: Uint8Array): OriginReply => ({
        head: [
          ['Content-Type', 'text/html'],
          ['Content-Encoding', coding],
          ['ETag', '"1"'],
        ],
        body: pack(body),
      });
      versions(pair, reply(page('one')), reply(page('two')));
      const first = pair.get();
      expect(same(first.body, page('one'))).toBe(true);
      expect(first.head).toEqual([
        ['Content-Type', 'text/html'],
        ['ETag', 'W/"1"'],
      ]);
      const second = pair.get();
      expect(second.ended).toMatchObject({ mode: 'delta' });
      expect(second.ended?.wanBytes).toBeLessThan(30);
      expect(same(second.body, page('two'))).toBe(true);
    },
  );

  it('RG-043 bytes that only claim to be gzip are streamed as they are', () => {
    const lie = Buffer.alloc(3_000, 'no gzip');
    const head = [
      ['Content-Type', 'text/html'],
      ['Content-Encoding', 'gzip'],
    ] as const;
    const outcome = new Pair({ origin: () => ({ head, body: lie }) }).get();
    expect(outcome.ended?.mode).toBe('raw');
    expect(same(outcome.body, lie)).toBe(true);
    expect(outcome.head).toEqual(head);
  });

  it('RG-044 a delta that is not smaller than the packed body is not sent', () => {
    const noise = (seed: number): Uint8Array =>
      Uint8Array.from({ length: 5_000 }, (_, index) => (index * index * 31 * seed + (index >> 3) * seed * 7) & 0xff);
    const pair = new Pair();
    versions(pair, { body: noise(3) }, { body: Buffer.alloc(5_000, 'z') });
    pair.get();
    const second = pair.get();
    expect(second.ended?.mode).toBe('full');
    expect(second.ended?.wanBytes).toBeLessThan(100);
    const completed = pair.listenerEvents.findLast((event) => event.kind === 'completed');
    expect(completed).toMatchObject({ mode: 'full', why: Why.deltaNotSmaller });
  });

  it('RG-045 compress.data decides whether a whole body is packed; the bytes are equal', () => {
    const sizes: number[] = [];
    for (const compressFull of [true, false]) {
      const pair = new Pair({ rules: { compressFull }, origin: () => ({ body: page('x', 90_000) }) });
      const outcome = pair.get();
      expect(same(outcome.body, page('x', 90_000))).toBe(true);
      expect(outcome.ended?.mode).toBe('full');
      sizes.push(outcome.ended?.wanBytes ?? 0);
    }
    expect(sizes[1]).toBe(page('x', 90_000).length);
    expect(sizes[0]).toBeLessThan(1_000);
  });

  it.each([
    { name: 'a 206', request: { head: [['Range', 'bytes=0-9']] as const }, reply: { status: 206, body: page('x') } },
    {
      name: 'a 304',
      request: { head: [['If-None-Match', '"1"']] as const },
      reply: { status: 304, head: [['ETag', '"1"']] as const },
    },
    {
      name: 'a POST',
      request: { method: 'POST', head: [['Content-Length', '0']] as const },
      reply: { body: page('x') },
    },
    { name: 'a HEAD', request: { method: 'HEAD' }, reply: { head: HTML } },
  ])('RG-046 $name reads and stores no dictionary, at either end', ({ request, reply }) => {
    const pair = new Pair();
    pair.get();
    const before = [pair.senderStore.gets, pair.senderStore.sets, pair.listenerStore.gets, pair.listenerStore.sets];
    pair.origin = () => reply;
    expect(pair.get(request).ended?.mode).toBe('raw');
    expect([pair.senderStore.gets, pair.senderStore.sets, pair.listenerStore.gets, pair.listenerStore.sets]).toEqual(
      before,
    );
  });

  it('a conditional request that is answered with 200 is still told as a delta', () => {
    const pair = new Pair();
    versions(pair, { body: page('one') }, { body: page('two') });
    pair.get();
    const second = pair.get({ head: [['If-None-Match', '"1"']] });
    expect(second.ended?.mode).toBe('delta');
    expect(same(second.body, page('two'))).toBe(true);
  });

  it('a request that wants no delta is `normal`', () => {
    expect(new Pair().get({ wantsDelta: false }).header).toMatchObject({ ratio: 'normal' });
  });
});

describe('dictionaries', () => {
  it('RG-047 RG-048 a URL seen before: the version is named, only the difference crosses, the page is exact', () => {
    const pair = new Pair();
    versions(pair, { body: page('one', 90_000) }, { body: page('two', 90_000) });
    expect(pair.get().header).toMatchObject({ flags: 0 });
    const sent = pair.toSender.length;
    const second = pair.get();
    expect(second.header).toMatchObject({ flags: 0x30 });
    expect(second.ended).toMatchObject({ mode: 'delta' });
    expect(same(second.body, page('two', 90_000))).toBe(true);
    expect(Buffer.concat(pair.toSender.slice(sent)).length).toBeLessThan(150);
  });

  it('RG-049 RG-067 the listener lacks it: the whole body in the same answer, only the "sent" bit set', () => {
    const pair = new Pair({ delayUs: 40_000 });
    pair.get();
    pair.listenerStore.values.clear();
    const from = pair.now;
    const second = pair.get();
    expect(second.ended?.mode).toBe('full');
    expect(second.header).toMatchObject({ flags: 0x10 });
    expect(pair.now - from).toBe(80_000);
    expect(second.resyncs).toBe(0);
    expect(pair.get().ended?.mode).toBe('same');
  });

  it('RG-050 an unchanged page: no payload, and the same few bytes whatever its size', () => {
    const lengths: number[] = [];
    for (const size of [5_000, 900_000]) {
      const pair = new Pair({ origin: () => ({ body: page('x', size), head: HTML }) });
      pair.get();
      const sent = pair.toSender.length;
      const again = pair.get();
      expect(again.ended).toMatchObject({ mode: 'same', wanBytes: 0 });
      expect(formatCfRailgun(again.header ?? { kind: 'direct', reason: '' }).split(' ')[1]).toBe('0.00');
      lengths.push(pair.toSender[sent]?.length ?? 0);
    }
    expect(lengths[0]).toBeLessThanOrEqual(40);
    expect(Math.abs((lengths[0] ?? 0) - (lengths[1] ?? 0))).toBeLessThanOrEqual(2);
  });

  it.each([
    {
      name: 'the codec decodes to another page',
      spoil: {
        ...trimCodec,
        decode: (_c: number, _p: Uint8Array, _d: Uint8Array, length: number) => ({
          kind: 'page' as const,
          bytes: new Uint8Array(length),
        }),
      },
    },
    {
      name: 'the codec decodes to a page of another length',
      spoil: { ...trimCodec, decode: () => ({ kind: 'page' as const, bytes: new Uint8Array(3) }) },
    },
    { name: 'the codec refuses', spoil: { ...trimCodec, decode: () => ({ kind: 'refused' as const, why: 'no' }) } },
  ])(
    'RG-052 $name: never passed on, the entry dropped, the whole body fetched from the listener, not from the origin',
    ({ spoil }) => {
      const pair = new Pair({ senderCodec: spoil });
      versions(pair, { body: page('one') }, { body: page('two') });
      pair.get();
      const second = pair.get();
      expect(second.resyncs).toBe(1);
      expect(same(second.body, page('two'))).toBe(true);
      expect(second.ended?.mode).toBe('full');
      expect(second.ends).toBe(1);
      expect(pair.asked).toHaveLength(2);
      expect(pair.senderEvents.some((event) => event.kind === 'store_delete')).toBe(true);
    },
  );

  it('RG-052 a resync after the listener dropped the body: GONE, and no wrong byte', () => {
    const spoil = { ...trimCodec, decode: () => ({ kind: 'refused' as const, why: 'no' }) };
    const pair = new Pair({ senderCodec: spoil, hold: new HoldBudget(0) });
    versions(pair, { body: page('one') }, { body: page('two') });
    pair.get();
    const second = pair.get();
    expect(second.failed?.fault).toEqual({ kind: 'gone' });
    expect(second.body).toHaveLength(0);
  });

  it('RG-053 the store is down at the listener: right answers, the word stream, the line in the log', () => {
    const pair = new Pair();
    pair.get();
    pair.listenerStore.mood = 'down';
    for (let turn = 0; turn < 3; turn += 1) {
      const outcome = pair.get();
      expect(same(outcome.body, page('home'))).toBe(true);
      expect(outcome.header).toMatchObject({ ratio: 'stream' });
    }
    expect(pair.logs()).toContain('memcached: connection failed');
    pair.listenerStore.mood = 'well';
    pair.run(2_000_000);
    expect(pair.get().ended?.mode).toBe('same');
  });

  it('RG-054 the store is down at the sender: nothing is named, answers are right, compression comes back by itself', () => {
    const pair = new Pair();
    pair.get();
    pair.senderStore.mood = 'down';
    // The failure shows in the first lookup; from then on nothing is named.
    expect(same(pair.get().body, page('home'))).toBe(true);
    const third = pair.get();
    expect(same(third.body, page('home'))).toBe(true);
    expect(third.header).toMatchObject({ ratio: 'stream', flags: 0 });
    pair.senderStore.mood = 'well';
    pair.run(2_000_000);
    expect(pair.get().ended?.mode).toBe('same');
  });

  it.each([
    { end: 'listener', delayUs: 99_999, mode: 'same' },
    { end: 'listener', delayUs: 100_001, mode: 'full' },
  ])('RG-055 a lookup of $delayUs µs at the $end: $mode, and at most the budget is added', ({ delayUs, mode }) => {
    const pair = new Pair();
    pair.get();
    pair.listenerStore.delayUs = delayUs;
    const from = pair.now;
    const outcome = pair.get();
    expect(outcome.ended?.mode).toBe(mode);
    expect(pair.now - from).toBeLessThanOrEqual(100_000);
  });

  it('RG-055 the sender never waits to ask: a lookup of 60 ms hides behind a round trip of 80 ms', () => {
    const pair = new Pair({ delayUs: 40_000 });
    pair.get();
    pair.senderStore.delayUs = 60_000;
    const from = pair.now;
    expect(pair.get().ended?.mode).toBe('same');
    expect(pair.now - from).toBe(80_000);
  });

  it('RG-055 a store that never answers the sender costs the budget and one round trip, once', () => {
    const pair = new Pair({ delayUs: 10_000 });
    pair.get();
    pair.senderStore.mood = 'silent';
    const from = pair.now;
    const outcome = pair.get();
    expect(outcome.resyncs).toBe(1);
    expect(same(outcome.body, page('home'))).toBe(true);
    expect(pair.now - from).toBeLessThanOrEqual(100_000 + 40_000);
    expect(pair.get().resyncs).toBe(0);
  });

  it('RG-056 an entry older than memcached.expiration is a miss; with 0 it never is', () => {
    for (const [expirationSeconds, mode] of [
      [600, 'full'],
      [0, 'same'],
    ] as const) {
      const pair = new Pair({ store: { expirationSeconds } });
      pair.get();
      pair.run(601_000_000);
      expect(pair.get().ended?.mode).toBe(mode);
    }
  });

  it('a page that is asked for all the time and never changes stays in the store beyond its expiration', () => {
    const pair = new Pair();
    pair.get();
    for (let minute = 0; minute < 40; minute += 1) {
      pair.run(60_000_000);
      expect(pair.get().ended?.mode).toBe('same');
    }
    expect(pair.senderStore.sets).toBeLessThanOrEqual(10);
  });

  it('RG-057 RG-058 bodies above memcached.limit are not stored: two full transfers in the band below stream.size', () => {
    const pair = new Pair({ store: { limitBytes: 2_000 } });
    expect(pair.get().ended?.mode).toBe('full');
    expect(pair.get().ended?.mode).toBe('full');
    expect(pair.senderStore.sets + pair.listenerStore.sets).toBe(0);
  });

  it('RG-060 two zones with the same path never share an entry', () => {
    const pair = new Pair();
    pair.get({ zone: 'a.example' });
    expect(pair.get({ zone: 'b.example' }).ended?.mode).toBe('full');
    expect(pair.get({ zone: 'a.example' }).ended?.mode).toBe('same');
  });

  it('RG-061 two users in turn: each page is exact although the dictionary is the other one', () => {
    const pair = new Pair();
    let turn = 0;
    pair.origin = () => ({
      body: page(`hello ${['alice', 'robert'][turn++ % 2]}, your cart: ${turn}`, 20_000),
      head: [...HTML, ['Set-Cookie', `id=${turn}`]],
    });
    for (let visit = 0; visit < 6; visit += 1) {
      const user = ['alice', 'robert'][visit % 2];
      const outcome = pair.get({ head: [['Cookie', `user=${user}`]] });
      expect(same(outcome.body, page(`hello ${user}, your cart: ${visit + 1}`, 20_000))).toBe(true);
      expect(outcome.head).toContainEqual(['Set-Cookie', `id=${visit + 1}`]);
      expect(outcome.ended?.mode).toBe(visit === 0 ? 'full' : 'delta');
    }
    for (const store of [pair.senderStore, pair.listenerStore]) {
      for (const value of store.values.values())
        expect(Buffer.from(value).toString('latin1')).not.toMatch(/set-cookie|id=\d/i);
    }
  });

  it.each([
    { name: 'truncated', spoil: (value: Uint8Array) => value.subarray(0, value.length - 1) },
    {
      name: 'with a flipped bit',
      spoil: (value: Uint8Array) => value.map((byte, index) => (index === 500 ? byte ^ 1 : byte)),
    },
    { name: 'of another key', spoil: () => bytes('something else') },
    { name: 'empty', spoil: () => new Uint8Array(0) },
  ])('RG-062 a stored value $name is a miss at either end, and the page is exact', ({ spoil }) => {
    for (const end of ['senderStore', 'listenerStore'] as const) {
      const pair = new Pair();
      pair.get();
      pair[end].spoil = spoil;
      const outcome = pair.get();
      expect(same(outcome.body, page('home'))).toBe(true);
      expect(outcome.ended?.mode).toBe('full');
    }
  });

  it('RG-063 concurrent requests for one URL: all exact, and whichever was stored last may be named', () => {
    const pair = new Pair({ delayUs: 20_000 });
    let turn = 0;
    pair.origin = () => ({ body: page(`version ${(turn += 1)}`), afterUs: (7 - turn) * 5_000 });
    pair.get();
    const streams = Array.from({ length: 5 }, () => pair.request());
    for (const stream of streams) {
      const outcome = pair.finish(stream);
      expect(outcome.ended).toBeDefined();
    }
    const texts = streams.map((stream) => Buffer.from(pair.outcomes.get(stream)?.body ?? []).toString());
    texts.forEach((text, index) => expect(text).toContain(`version ${index + 2}<`));
    expect(pair.get().ended?.mode).toBe('delta');
  });

  it('RG-101 RG-102 a listener that shares the store finds what another learnt; one with its own store sends the whole body', () => {
    const first = new Pair();
    first.get();
    for (const [listenerStore, mode] of [
      [first.listenerStore, 'same'],
      [new PretendStore(), 'full'],
    ] as const) {
      const second = new Pair({
        now: first.now,
        dictionaries: { sender: first.senderDictionary, senderStore: first.senderStore, listenerStore },
      });
      expect(second.get().ended?.mode).toBe(mode);
    }
  });

  it('RG-018 another edge place has a dictionary of its own', () => {
    const london = new Pair();
    london.get();
    const tokyo = new Pair({ now: london.now, dictionaries: { listenerStore: london.listenerStore } });
    expect(tokyo.get().header).toMatchObject({ flags: 0 });
  });

  it('many edge places with different versions of one page: each gets deltas against its own', () => {
    const listenerStore = new PretendStore();
    const places = Array.from(
      { length: 8 },
      (_, index) => new Pair({ place: `P${index}`, dictionaries: { listenerStore } }),
    );
    places.forEach((place, index) => {
      place.origin = () => ({ body: page(`as seen by ${index}`) });
      place.get();
    });
    for (const place of places) expect(place.get().ended?.mode).toBe('same');
  });

  it('a sender that can decode none of the codecs gets whole bodies, and SAME', () => {
    const pair = new Pair({ senderCodec: { ...trimCodec, mask: 0 } });
    versions(pair, { body: page('one') }, { body: page('two') });
    pair.get();
    expect(pair.get().ended?.mode).toBe('full');
    expect(pair.get().ended?.mode).toBe('same');
  });

  it('RG-125 the origin changes after a failover: the dictionary still serves', () => {
    const pair = new Pair();
    versions(pair, { body: page('from A') }, { body: page('from B') });
    pair.get({ originAddress: '203.0.113.10' });
    expect(pair.get({ originAddress: '198.51.100.20' }).ended?.mode).toBe('delta');
    expect(pair.asked[1]?.request.address).toBe('198.51.100.20');
  });

  it('a page that changes on each request leaves few versions behind', () => {
    const pair = new Pair();
    let turn = 0;
    pair.origin = () => ({ body: page(`version ${(turn += 1)}`) });
    for (let visit = 0; visit < 200; visit += 1) pair.get();
    expect(pair.senderStore.values.size).toBeLessThanOrEqual(32);
    expect(pair.listenerStore.values.size).toBeLessThanOrEqual(32);
  });
});

describe('while the origin is awaited', () => {
  /** A pair whose codec says what it was asked to prepare, in the order of things. */
  const watched = (): { readonly pair: Pair; readonly seen: string[] } => {
    const seen: string[] = [];
    const codec = {
      ...trimCodec,
      prepare: (previous: Uint8Array) => void seen.push(`prepare ${previous.length}`),
      encode: (...given: Parameters<typeof trimCodec.encode>) => {
        seen.push('encode');
        return trimCodec.encode(...given);
      },
    };
    return { pair: new Pair({ codec }), seen };
  };

  it('the old page is prepared, once the store has it and before the answer is there', () => {
    const { pair, seen } = watched();
    versions(pair, { body: page('one', 90_000) }, { body: page('two', 90_000), afterUs: 50_000 });
    pair.get();
    expect(pair.get().ended?.mode).toBe('delta');
    expect(seen).toEqual([`prepare ${page('one', 90_000).length}`, 'encode']);
  });

  it('not when others wait too: then the work is done where it is certainly wanted', () => {
    const { pair, seen } = watched();
    pair.origin = (request) => ({ body: page(`${request.path} ${pair.asked.length}`, 90_000), afterUs: 50_000 });
    pair.get({ path: '/a' });
    const slow = pair.request({ path: '/b' });
    const fast = pair.request({ path: '/a' });
    expect(pair.finish(fast).ended?.mode).toBe('delta');
    pair.finish(slow);
    expect(seen).toEqual(['encode']);
  });

  it('and not again for a page that was found unchanged', () => {
    const { pair, seen } = watched();
    pair.origin = () => ({ body: page('x', 5_000), afterUs: 50_000 });
    for (let turn = 0; turn < 4; turn += 1) pair.get();
    expect(seen).toEqual([`prepare ${page('x', 5_000).length}`]);
  });
});

describe('several streams on one lane', () => {
  it('RG-007 the second request completes first when the first origin answer is slow', () => {
    const pair = new Pair({
      origin: (request) => ({ body: page(request.path), afterUs: request.path === '/slow' ? 5_000_000 : 0 }),
    });
    pair.ready();
    const slow = pair.request({ path: '/slow' });
    const fast = pair.request({ path: '/fast' });
    expect(pair.finish(fast).ended).toBeDefined();
    expect(pair.outcomes.get(slow)?.ends).toBe(0);
    expect(same(pair.finish(slow).body, page('/slow'))).toBe(true);
  });

  it('RG-006 no new handshake: the lane sends SETTINGS once, whatever comes after', () => {
    const pair = new Pair();
    for (let turn = 0; turn < 10; turn += 1) pair.get();
    const magic = [...pair.toListener, ...pair.toSender].filter((written) => Buffer.from(written).includes('RGX1'));
    expect(magic).toHaveLength(2);
  });

  it('RG-071 consecutive requests have different ids of ten hex digits, the same at both ends', () => {
    const pair = new Pair();
    const ids = Array.from({ length: 20 }, () => {
      const { header } = pair.get();
      return header?.kind === 'link' ? header.id : '';
    });
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{10}$/);
    expect(pair.asked.map((asked) => asked.id)).toEqual(ids);
  });

  it('RG-066 with a map hit and a found dictionary the flags are 0031', () => {
    const nat = { entries: new Map(), fallback: { address: '127.0.0.1', port: undefined } };
    const pair = new Pair({ rules: { nat } });
    pair.get();
    expect(formatCfRailgun(pair.get().header ?? { kind: 'direct', reason: '' })).toMatch(/ 0\.00 0\.000000 0031 5360$/);
  });

  it('RG-070 the origin time is from asking to the head', () => {
    const pair = new Pair({ delayUs: 30_000, origin: () => ({ body: page('x'), afterUs: 50_570 }) });
    expect(pair.get().header).toMatchObject({ originTimeUs: 50_570 });
  });

  it('RG-079 new rules hold for the next request; a running one is not cut', () => {
    const pair = new Pair({ origin: () => ({ body: page('x'), afterUs: 1_000_000 }) });
    pair.ready();
    const running = pair.request();
    pair.pump();
    pair.listener.configure({ ...RULES, lanTimeoutUs: 500_000 });
    expect(pair.finish(running).ended).toBeDefined();
    expect(pair.get().failed?.fault).toEqual({ kind: 'origin_read_timeout' });
  });

  it('a visitor who leaves cancels the origin request, and the lane goes on', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }) });
    pair.ready();
    const stream = pair.request();
    pair.pump();
    pair.sender.cancel(stream, pair.now);
    pair.pump();
    expect(pair.listenerEvents.at(-1)).toEqual({ kind: 'origin_cancel', stream });
    expect(pair.outcomes.get(stream)?.ends).toBe(0);
    pair.origin = () => ({ body: page('x') });
    expect(pair.get().ended).toBeDefined();
    expect([pair.sender.busy, pair.listener.busy]).toEqual([0, 0]);
  });

  it('a deadline of the request ends it at both ends', () => {
    const pair = new Pair({ origin: () => ({ silent: 'after_connect' }), delayUs: 10_000 });
    pair.ready();
    const stream = pair.request({ timeoutUs: 2_000_000 });
    const from = pair.now;
    expect(pair.finish(stream).failed?.fault).toEqual({ kind: 'deadline' });
    expect(pair.now - from).toBe(2_000_000);
    pair.run(1_000_000);
    expect(pair.listener.busy).toBe(0);
  });

  it('heads of 60,000 bytes cross in both directions, also byte by byte', () => {
    const big = [
      ['Content-Type', 'text/html'],
      ['X-Big', 'v'.repeat(60_000)],
    ] as const;
    for (const cut of [undefined, byteByByte]) {
      const pair = new Pair({ ...(cut === undefined ? {} : { cut }), origin: () => ({ body: page('x'), head: big }) });
      expect(
        pair.get({
          head: [
            ['Host', 'a'],
            ['Cookie', 'c'.repeat(60_000)],
          ],
        }).head,
      ).toEqual(big);
      expect(pair.asked[0]?.request.head[1]?.[1]).toHaveLength(60_000);
    }
  });

  it('a head beyond the limit is refused before it is sent', () => {
    const pair = new Pair();
    pair.ready();
    expect(pair.place({ head: [['Cookie', 'c'.repeat(70_000)]] })).toEqual({ kind: 'refused', why: 'too_large' });
    expect(pair.place({ head: [['X', 'a\nb']] })).toEqual({ kind: 'refused', why: 'bad_head' });
    expect(pair.place({ path: '/a b' })).toEqual({ kind: 'refused', why: 'bad_head' });
  });

  it('the origin answers before the upload is done: the answer counts, the upload stops', () => {
    const pair = new Pair();
    pair.ready();
    const stream = pair.request({ method: 'POST', hasBody: true });
    pair.sender.body(stream, new Uint8Array(1_000), false, pair.now);
    pair.pump();
    pair.listener.originConnected(stream, pair.now);
    pair.listener.originHead(stream, { status: 413, lines: [], bodyLength: 0 }, pair.now);
    pair.listener.originEnd(stream, pair.now);
    const outcome = pair.finish(stream);
    expect(outcome.status).toBe(413);
    expect(pair.senderEvents.some((event) => event.kind === 'request_unwanted')).toBe(true);
    expect(pair.sender.body(stream, new Uint8Array(10), true, pair.now)).toBe(true);
    pair.pump();
    expect([pair.sender.busy, pair.listener.busy, pair.sender.state]).toEqual([0, 0, 'open']);
  });

  it('uploads that the origin refuses: their late bytes are given back, the lane never runs dry', () => {
    const pair = new Pair({ delayUs: 20_000, origin: () => ({ status: 201, body: bytes('made') }) }).ready();
    for (let turn = 0; turn < 60; turn += 1) {
      const stream = pair.request({ method: 'POST', hasBody: true });
      pair.sender.body(stream, new Uint8Array(10), false, pair.now);
      pair.run(25_000);
      pair.listener.originError(stream, 'refused', '', pair.now);
      // On the way while the RESET comes: late when it arrives.
      pair.sender.body(stream, new Uint8Array(200_000), false, pair.now);
      expect(pair.finish(stream).failed?.fault).toEqual({ kind: 'origin_refused' });
      pair.run(50_000);
    }
    const last = pair.request({ method: 'POST', hasBody: true });
    pair.sender.body(last, new Uint8Array(200_000), true, pair.now);
    expect(pair.finish(last).status).toBe(201);
    expect(pair.sender.state).toBe('open');
  });

  it('thirty visitors who take nothing of their downloads stop nobody else', () => {
    const image = [['Content-Type', 'image/png']] as const;
    const pair = new Pair({
      thirsty: false,
      origin: (request) =>
        request.path === '/page' ? { body: page('x') } : { head: image, body: new Uint8Array(1_000_000) },
    }).ready();
    const stalled = Array.from({ length: 30 }, () => pair.request({ path: '/image' }));
    pair.run(1_000_000);
    for (const stream of stalled) expect(pair.outcomes.get(stream)?.body).toHaveLength(262_144);
    expect(same(pair.get({ path: '/page' }).body, page('x'))).toBe(true);
  });

  it('bytes that the visitor takes after the end are no trouble', () => {
    const pair = new Pair({
      thirsty: false,
      origin: () => ({ head: [['Content-Type', 'image/png']], body: new Uint8Array(200_000) }),
    });
    for (let turn = 0; turn < 60; turn += 1) {
      expect(pair.get().body).toHaveLength(200_000);
      pair.sender.consumed(turn + 1, 200_000);
    }
  });

  it('RG-129 a small answer is one write: response head, delta and framing together', () => {
    const pair = new Pair({ delayUs: 10_000 });
    versions(pair, { body: page('one', 90_000) }, { body: page('two', 90_000) });
    pair.get();
    const before = pair.toSender.length;
    pair.get();
    expect(pair.toSender.length - before).toBe(1);
    expect(pair.toSender[before]?.length).toBeLessThan(1_399);
  });

  it('heavy pages are encoded by the driver, and the answer is the same', () => {
    const pair = new Pair({ rules: { encodeInlineBytes: 1_000 } });
    pair.ready();
    const stream = pair.request();
    pair.run(1_000);
    const job = pair.listenerEvents.find((event) => event.kind === 'encode');
    expect(job?.kind === 'encode' && same(job.job.current, page('home'))).toBe(true);
    expect(pair.outcomes.get(stream)?.ends).toBe(0);
    pair.listener.encoded(stream, {}, pair.now);
    const outcome = pair.finish(stream);
    expect(same(outcome.body, page('home'))).toBe(true);
    expect(outcome.ended?.wanBytes).toBe(page('home').length);
  });
});
