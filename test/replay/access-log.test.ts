import { readFileSync } from 'node:fs';
import { createGunzip, gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/core/quantities.ts';
import {
  type AccessLog,
  AccessLogParser,
  type LogEntry,
  MAX_BROKEN_NAMED,
  MAX_HOPELESS_BYTES,
  MAX_LINE_BYTES,
  readAccessLog,
  type ReadOptions,
} from '../../src/replay/access-log.ts';

const encoder = new TextEncoder();

function parse(text: string): { entries: LogEntry[]; stats: AccessLogParser['stats'] } {
  const parser = new AccessLogParser();
  const entries: LogEntry[] = [];
  parser.push(encoder.encode(text), entries);
  parser.finish(entries);
  return { entries, stats: parser.stats };
}

async function read(
  chunks: Iterable<Uint8Array>,
  options?: ReadOptions,
): Promise<{ entries: LogEntry[]; stats: AccessLog['stats'] }> {
  const log = readAccessLog(Readable.from(chunks) as AsyncIterable<Uint8Array>, options);
  const entries: LogEntry[] = [];
  for await (const batch of log.batches()) entries.push(...batch);
  return { entries, stats: log.stats };
}

const instant = (text: string): number => parseInstant(text) ?? Number.NaN;
const line = (fields: { client?: string; time?: string; request?: string; rest?: string }): string =>
  `${fields.client ?? '192.0.2.1 - -'} [${fields.time ?? '17/May/2015:10:05:03 +0000'}] "${fields.request ?? 'GET / HTTP/1.1'}" ${fields.rest ?? '200 10'}`;

describe('Common Log Format', () => {
  it('a combined line', () => {
    const text =
      '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://example.com/" "Mozilla/5.0 (X11)"\n';
    expect(parse(text).entries).toEqual([
      {
        atUs: instant('2015-05-17T10:05:03Z'),
        client: '83.149.9.216',
        method: 'GET',
        host: undefined,
        target: '/a/b.png?x=1',
        status: 200,
        bytes: 203_023,
        pop: undefined,
        country: undefined,
      },
    ]);
  });

  it.each<{ name: string; text: string; is: Partial<LogEntry> }>([
    { name: 'no size', text: line({ rest: '304 -' }), is: { status: 304, bytes: 0 } },
    { name: 'no status', text: line({ rest: '- -' }), is: { status: 0, bytes: 0 } },
    { name: 'IPv6', text: line({ client: '2001:db8::17 - -' }), is: { client: '2001:db8::17', host: undefined } },
    {
      name: 'a host name in place of the address',
      text: line({ client: 'crawl.example.net - -' }),
      is: { client: 'crawl.example.net' },
    },
    { name: 'a user', text: line({ client: '192.0.2.1 - ann' }), is: { client: '192.0.2.1' } },
    {
      name: 'a user with a space',
      text: line({ client: '192.0.2.1 - ann lee' }),
      is: { client: '192.0.2.1', host: undefined },
    },
    { name: 'a user in brackets', text: line({ client: '192.0.2.1 - [ann]' }), is: { client: '192.0.2.1' } },
    {
      name: 'a virtual host in front',
      text: line({ client: 'Shop.Example.com:443 192.0.2.1 - -' }),
      is: { client: '192.0.2.1', host: 'shop.example.com' },
    },
    {
      name: 'a virtual host by IPv6',
      text: line({ client: '[2001:db8::1]:80 192.0.2.1 - -' }),
      is: { client: '192.0.2.1', host: '[2001:db8::1]' },
    },
    {
      name: 'IPv6 and a user with a space is no virtual host',
      text: line({ client: '2001:db8::80 - ann lee' }),
      is: { client: '2001:db8::80', host: undefined },
    },
    {
      name: 'a whole URL as target',
      text: line({ request: 'GET http://Shop.example.com:8080/x?y HTTP/1.1' }),
      is: { host: 'shop.example.com', target: '/x?y' },
    },
    {
      name: 'CONNECT',
      text: line({ request: 'CONNECT example.com:443 HTTP/1.1' }),
      is: { method: 'CONNECT', target: 'example.com:443' },
    },
    { name: 'no version', text: line({ request: 'GET /old' }), is: { target: '/old' } },
    { name: 'spaces in the target', text: line({ request: 'GET /a b c HTTP/1.1' }), is: { target: '/a b c' } },
    { name: 'an escaped quote', text: line({ request: 'GET /a\\"b HTTP/1.0' }), is: { target: '/a\\"b' } },
    {
      name: 'a backslash before the quote that ends it',
      text: line({ request: 'GET /a\\\\ HTTP/1.0' }),
      is: { target: '/a\\\\' },
    },
    { name: 'letters beyond ASCII', text: line({ request: 'GET /käse HTTP/1.1' }), is: { target: '/käse' } },
    {
      name: 'an extension method',
      text: line({ request: 'VERSION-CONTROL /x HTTP/1.1' }),
      is: { method: 'VERSION-CONTROL' },
    },
    {
      name: 'west of Greenwich',
      text: line({ time: '31/Dec/2019:20:00:00 -0500' }),
      is: { atUs: instant('2020-01-01T01:00:00Z') as LogEntry['atUs'] },
    },
    {
      name: 'half an hour east',
      text: line({ time: '01/Mar/2020:00:00:00 +0530' }),
      is: { atUs: instant('2020-02-29T18:30:00Z') as LogEntry['atUs'] },
    },
    {
      name: 'decimals of a second',
      text: line({ time: '17/May/2015:10:05:03.250 +0000' }),
      is: { atUs: instant('2015-05-17T10:05:03.25Z') as LogEntry['atUs'] },
    },
    {
      name: 'a leap second',
      text: line({ time: '31/Dec/2016:23:59:60 +0000' }),
      is: { atUs: instant('2017-01-01T00:00:00Z') as LogEntry['atUs'] },
    },
    { name: 'the end of a line as Windows writes it', text: `${line({})}\r`, is: { bytes: 10 } },
    { name: 'a byte order mark', text: `\uFEFF${line({})}`, is: { client: '192.0.2.1' } },
  ])('$name', ({ text, is }) => {
    const { entries, stats } = parse(`${text}\n`);
    expect(stats.brokenNamed).toEqual([]);
    expect(entries[0]).toMatchObject(is);
  });

  it.each([
    { text: 'hello', reason: 'no_client' },
    { text: `${'x'.repeat(300)} - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1`, reason: 'no_client' },
    { text: '192.0.2.1 - - 17/May/2015:10:05:03 "GET / HTTP/1.1" 200 1', reason: 'no_time' },
    { text: line({ time: '17/Mai/2015:10:05:03 +0000' }), reason: 'bad_time' },
    { text: line({ time: '30/Feb/2015:10:05:03 +0000' }), reason: 'bad_time' },
    { text: line({ time: '29/Feb/2015:10:05:03 +0000' }), reason: 'bad_time' },
    { text: line({ time: '17/May/2015:24:05:03 +0000' }), reason: 'bad_time' },
    { text: line({ time: '17/May/2015:10:05:03 0000' }), reason: 'bad_time' },
    { text: line({ time: '17/May/2015:10:05:03. +0000' }), reason: 'bad_time' },
    { text: line({ time: '17/May/2015' }), reason: 'bad_time' },
    { text: '192.0.2.1 - - [17/May/2015:10:05:03 +0000] GET / 200 1', reason: 'no_request' },
    { text: '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1', reason: 'no_request' },
    { text: '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1\\" 200 1', reason: 'no_request' },
    { text: '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1"', reason: 'bad_status' },
    { text: line({ rest: '20 1' }), reason: 'bad_status' },
    { text: line({ rest: '099 1' }), reason: 'bad_status' },
    { text: line({ rest: '200' }), reason: 'bad_status' },
    { text: line({ rest: '200 x' }), reason: 'bad_size' },
    { text: line({ rest: '200 12x' }), reason: 'bad_size' },
    { text: line({ rest: `200 ${'9'.repeat(30)}` }), reason: 'bad_size' },
    { text: '{"ClientIP":"192.0.2.1"', reason: 'not_json' },
  ])('broken, $reason: $text', ({ text, reason }) => {
    const { entries, stats } = parse(`${text}\n${line({})}\n`);
    expect(stats.brokenNamed).toEqual([{ line: 1, reason }]);
    expect([stats.lines, stats.brokenLines, entries.length]).toEqual([2, 1, 1]);
  });

  it.each(['-', '', '\\x16\\x03\\x01\\x02', 'GET', '/'])(
    'a line that holds no request is neither entry nor broken: "%s"',
    (request) => {
      const { entries, stats } = parse(`${line({ request, rest: '408 -' })}\n`);
      expect([entries.length, stats.brokenLines, stats.withoutRequest]).toEqual([0, 0, 1]);
    },
  );
});

describe('Logpush', () => {
  const full = {
    ClientIP: '2001:db8::5',
    EdgeStartTimestamp: 1_506_702_504,
    EdgeColoCode: 'LHR',
    ClientCountry: 'gb',
    ClientRequestMethod: 'POST',
    ClientRequestHost: 'Shop.example.com:443',
    ClientRequestURI: '/a?b=1&c=2',
    EdgeResponseStatus: 201,
    EdgeResponseBytes: 512,
    ClientRequestUserAgent: 'a "quoted" one, with { and }',
    Nested: { ClientIP: '9.9.9.9', list: [1, { ClientIP: '8.8.8.8' }, ']'] },
    Cookies: {},
    Flag: true,
    Nothing: null,
  };

  it('what an edge of ours refused was no request, and is neither played nor broken', () => {
    const refused = { ...full, outcome: 'refused', ClientRequestMethod: '', ClientRequestHost: '' };
    const served = { ...full, outcome: 'served' };
    const { entries, stats } = parse(`${JSON.stringify(refused)}\n${JSON.stringify(served)}\n`);
    expect([entries.length, stats.brokenLines, stats.withoutRequest]).toEqual([1, 0, 1]);
  });

  it('a full line', () => {
    expect(parse(`${JSON.stringify(full)}\n`).entries).toEqual([
      {
        atUs: 1_506_702_504_000_000,
        client: '2001:db8::5',
        method: 'POST',
        host: 'shop.example.com',
        target: '/a?b=1&c=2',
        status: 201,
        bytes: 512,
        pop: 'LHR',
        country: 'gb',
      },
    ]);
  });

  it('the least that is a request', () => {
    expect(parse('{"ClientIP":"192.0.2.1","EdgeStartTimestamp":1506702504}').entries).toEqual([
      {
        atUs: 1_506_702_504_000_000,
        client: '192.0.2.1',
        method: 'GET',
        host: undefined,
        target: '/',
        status: 0,
        bytes: 0,
        pop: undefined,
        country: undefined,
      },
    ]);
  });

  it.each([
    { form: 'nanoseconds', value: '1506702504433123456', us: 1_506_702_504_433_123 },
    { form: 'nanoseconds, the last second before a new one', value: '1506702504999999999', us: 1_506_702_504_999_999 },
    { form: 'microseconds', value: '1506702504433123', us: 1_506_702_504_433_123 },
    { form: 'milliseconds', value: '1506702504433', us: 1_506_702_504_433_000 },
    { form: 'seconds', value: '1506702504', us: 1_506_702_504_000_000 },
    { form: 'seconds with decimals', value: '1506702504.433', us: 1_506_702_504_433_000 },
    { form: 'a number as text', value: '"1506702504433000000"', us: 1_506_702_504_433_000 },
    { form: 'RFC 3339', value: '"2017-09-29T16:28:24Z"', us: 1_506_702_504_000_000 },
    { form: 'RFC 3339 with decimals', value: '"2017-09-29T16:28:24.433123456Z"', us: 1_506_702_504_433_123 },
    { form: 'RFC 3339 with an offset', value: '"2017-09-29T18:28:24+02:00"', us: 1_506_702_504_000_000 },
  ])('the time as $form', ({ value, us }) => {
    expect(parse(`{"ClientIP":"192.0.2.1","EdgeStartTimestamp":${value}}`).entries[0]?.atUs).toBe(us);
  });

  it.each([
    { text: '{}', reason: 'no_client' },
    { text: '{"EdgeStartTimestamp":1506702504}', reason: 'no_client' },
    { text: '{"ClientIP":null,"EdgeStartTimestamp":1506702504}', reason: 'no_client' },
    { text: '{"ClientIP":"192.0.2.1"}', reason: 'no_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":"yesterday"}', reason: 'bad_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":"2017-02-30T00:00:00Z"}', reason: 'bad_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":"2017-09-29T16:28:24"}', reason: 'bad_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":-5}', reason: 'bad_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":null}', reason: 'bad_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":99999999999}', reason: 'bad_time' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":1506702504', reason: 'not_json' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":1506702504} x', reason: 'not_json' },
    { text: '{"ClientIP":"192.0.2.1","EdgeStartTimestamp":1506702504,}', reason: 'not_json' },
    { text: '{"ClientIP" "192.0.2.1"}', reason: 'not_json' },
    { text: '{"ClientIP":}', reason: 'not_json' },
    { text: '{"a":[1,2', reason: 'not_json' },
    { text: '{', reason: 'not_json' },
  ])('broken, $reason: $text', ({ text, reason }) => {
    expect(parse(text).stats.brokenNamed).toEqual([{ line: 1, reason }]);
  });

  it('escapes in the path, blanks between the tokens, the last of two equal keys', () => {
    const text =
      '{ "ClientIP" : "1.1.1.1" , "ClientIP":"192.0.2.1", "EdgeStartTimestamp" : 1506702504 , "ClientRequestURI":"/a?b\\u0026c=\\"d\\\\" }';
    expect(parse(text).entries[0]).toMatchObject({ client: '192.0.2.1', target: '/a?b&c="d\\' });
  });

  it('reads every object as JSON.parse does', () => {
    const scalar = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const extra = fc.dictionary(
      fc.string({ maxLength: 20 }),
      fc.oneof(scalar, fc.array(scalar), fc.dictionary(fc.string(), scalar)),
    );
    const entry = fc.record(
      {
        ClientIP: fc.oneof(fc.ipV4(), fc.ipV6()),
        EdgeStartTimestamp: fc.integer({ min: 1, max: 4_000_000_000 }),
        EdgeColoCode: fc.oneof(fc.constantFrom('LHR', 'IAD'), fc.constant(null)),
        ClientCountry: fc.string({ maxLength: 3 }),
        ClientRequestMethod: fc.constantFrom('GET', 'PUT'),
        ClientRequestURI: fc.string().map((text) => `/${text}`),
        EdgeResponseStatus: fc.integer({ min: 0, max: 999 }),
        EdgeResponseBytes: fc.nat(),
      },
      { requiredKeys: ['ClientIP', 'EdgeStartTimestamp'] },
    );
    fc.assert(
      fc.property(extra, entry, fc.constantFrom(undefined, 1), (more, wanted, indent) => {
        const object = JSON.parse(JSON.stringify({ ...more, ...wanted })) as Record<string, string | number | null>;
        const text = JSON.stringify(object, undefined, indent).replaceAll('\n', '');
        expect(parse(text).entries).toEqual([
          {
            atUs: (object['EdgeStartTimestamp'] as number) * 1_000_000,
            client: object['ClientIP'],
            method: object['ClientRequestMethod'] ?? 'GET',
            host: undefined,
            target: object['ClientRequestURI'] ?? '/',
            status: object['EdgeResponseStatus'] ?? 0,
            bytes: object['EdgeResponseBytes'] ?? 0,
            pop: object['EdgeColoCode'] ?? undefined,
            country: (object['ClientCountry'] ?? '') === '' ? undefined : object['ClientCountry'],
          },
        ]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('against a slow reader with a regular expression', () => {
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const CLF =
    /^(\S{1,255}) \S+ .*?\[(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\] "((?:[^"\\]|\\.)*)" ([1-9]\d\d|-) (\d{1,15}|-)(?: .*)?$/s;

  function slow(
    text: string,
  ): { at: number; client: string; method: string; target: string; status: number; bytes: number } | undefined {
    const match = CLF.exec(text);
    if (match === null) return undefined;
    const [, client, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes, request, status, bytes] =
      match as unknown as string[];
    const index = MONTHS.indexOf(month!);
    const at = Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second));
    if (
      index < 0 ||
      Number(year) < 1970 ||
      new Date(Date.UTC(Number(year), index, Number(day))).getUTCDate() !== Number(day)
    )
      return undefined;
    if (
      Number(hour) > 23 ||
      Number(minute) > 59 ||
      Number(second) > 60 ||
      Number(zoneHours) > 23 ||
      Number(zoneMinutes) > 59
    )
      return undefined;
    const offset = (sign === '-' ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
    // The version is what follows the last space; without anything before it there is no target.
    const parts = /^([A-Za-z_-]{1,32}) (.*)$/s.exec(request!);
    const target = parts?.[2]!.replace(/^(.+) HTTP\/\d\.\d$/s, '$1').trim();
    if (parts === null || target === '') return undefined;
    return {
      at: (at - offset) * 1000,
      client: client!,
      method: parts[1]!,
      target: target!,
      status: status === '-' ? 0 : Number(status),
      bytes: bytes === '-' ? 0 : Number(bytes),
    };
  }

  // One parser for all lines: its memory of texts must not change what it reads.
  const shared = new AccessLogParser();

  function agree(text: string): void {
    const entries: LogEntry[] = [];
    shared.push(encoder.encode(`${text}\n`), entries);
    const fast = entries.map(({ atUs, client, method, target, status, bytes }) => ({
      at: atUs as number,
      client,
      method,
      target,
      status,
      bytes,
    }));
    const expected = slow(text);
    expect(fast).toEqual(expected === undefined ? [] : [expected]);
  }

  it('every line of the shipped log', () => {
    const text = readFileSync(new URL('../../data/apache_access.log', import.meta.url), 'utf8');
    const lines = text.trimEnd().split('\n');
    const { entries, stats } = parse(text);
    expect([stats.lines, stats.entries, stats.brokenLines]).toEqual([10_000, 10_000, 0]);
    expect(new Set(entries.map((entry) => entry.client)).size).toBe(1_753);
    lines.forEach((one, i) => {
      const { atUs, client, method, target, status, bytes } = entries[i]!;
      expect({ at: atUs, client, method, target, status, bytes }).toEqual(slow(one));
    });
  });

  it('lines of any content', () => {
    const two = (max: number) => fc.nat(max).map((n) => String(n).padStart(2, '0'));
    const time = fc
      .tuple(
        two(32),
        fc.constantFrom(...MONTHS),
        fc.integer({ min: 1970, max: 2100 }),
        two(24),
        two(60),
        two(61),
        fc.constantFrom('+', '-'),
        two(24),
        two(60),
      )
      .map(
        ([day, month, year, hour, minute, second, sign, zh, zm]) =>
          `${day}/${month}/${year}:${hour}:${minute}:${second} ${sign}${zh}${zm}`,
      );
    const request = fc.oneof(
      fc
        .tuple(
          fc.constantFrom('GET', 'POST', 'g3t', ''),
          fc.string(),
          fc.constantFrom(' HTTP/1.1', ' HTTP/1.0', ' HTTP/x', ''),
        )
        .map(([method, target, version]) => `${method} /${target.replaceAll(/["\\]/g, '\\$&')}${version}`),
      fc.constantFrom('-', 'GET', 'GET  /two HTTP/1.1', '\\x16\\x03'),
    );
    const status = fc.constantFrom('200', '404', '-', '99', '1000', '0');
    const size = fc.oneof(fc.nat().map(String), fc.constantFrom('-', '', 'x'));
    const client = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(
        client,
        time,
        request,
        status,
        size,
        fc.constantFrom('', ' "-" "-"', ' x'),
        (who, when, what, code, bytes, rest) => {
          agree(`${who} - - [${when}] "${what}" ${code} ${bytes}${rest}`);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('a good line with anything changed in it', () => {
    const good = line({ rest: '200 10 "-" "agent"' });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0x20, max: 0x7e })), { maxLength: 3 }),
        (changes) => {
          const letters = [...good];
          for (const [at, code] of changes) letters[at] = String.fromCharCode(code);
          const text = letters.join('');
          // The slow reader knows neither JSON nor virtual hosts, whole URLs or decimals of a second.
          fc.pre(
            !/^\s|^\{|^\S+:\d|\[ |:\d\d\.|https?:/.test(text) &&
              text.split(' [')[0]!.split(' ').length === 3 &&
              (text.match(/ \[/g)?.length ?? 0) === 1,
          );
          agree(text);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('as a stream', () => {
  const sample = readFileSync(new URL('../../data/apache_access.log', import.meta.url)).subarray(0, 40_000);

  it('chunks may be cut anywhere, even byte by byte', async () => {
    const whole = parse(sample.toString('utf8')).entries;
    const parser = new AccessLogParser();
    const entries: LogEntry[] = [];
    for (const byte of sample) parser.push(Uint8Array.of(byte), entries);
    parser.finish(entries);
    expect(entries).toEqual(whole);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(sample.length), { maxLength: 12 }), async (cuts) => {
        const sorted = [0, ...cuts.sort((a, b) => a - b), sample.length];
        const chunks = sorted.slice(1).map((end, i) => sample.subarray(sorted[i], end));
        const { entries } = await read(chunks);
        expect(entries).toHaveLength(whole.length);
      }),
      { numRuns: 30 },
    );
  });

  it('a chunk may be used again by its owner: entries do not point into it', () => {
    const parser = new AccessLogParser();
    const entries: LogEntry[] = [];
    const chunk = encoder.encode(`${line({ request: 'GET /first HTTP/1.1' })}\n${line({}).slice(0, 20)}`);
    parser.push(chunk, entries);
    chunk.fill(0x7a);
    parser.push(encoder.encode(`${line({}).slice(20)}\n`), entries);
    expect(entries.map((entry) => entry.target)).toEqual(['/first', '/']);
  });

  it('a last line without its end counts; blank lines do not', () => {
    const { entries, stats } = parse(`\n${line({})}\n\n  \n${line({})}`);
    expect([entries.length, stats.lines, stats.blankLines, stats.brokenLines]).toEqual([2, 5, 3, 0]);
  });

  it('an empty log has no entries, and nothing is wrong with it', async () => {
    const { entries, stats } = await read([]);
    expect([entries, stats.lines, stats.stopped, stats.firstUs]).toEqual([[], 0, undefined, undefined]);
  });

  it('the first broken lines are named, all are counted', () => {
    const { stats } = parse(Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? line({}) : 'nonsense')).join('\n'));
    expect(stats.brokenLines).toBe(25);
    expect(stats.brokenNamed).toHaveLength(MAX_BROKEN_NAMED);
    expect(stats.brokenNamed[0]).toEqual({ line: 2, reason: 'no_client' });
  });

  it('a line without end is not held in memory, and the log goes on behind it', async () => {
    const filler = new Uint8Array(65_536).fill(0x78);
    const endless = [
      encoder.encode(`${line({})}\n`),
      ...Array.from({ length: 400 }, () => filler),
      encoder.encode(`\n${line({})}\n`),
    ];
    const { entries, stats } = await read(endless);
    expect(entries).toHaveLength(2);
    expect(stats.brokenNamed).toEqual([{ line: 2, reason: 'too_long' }]);
  });

  it('the longest line that is allowed, and one byte more, whole or in pieces', () => {
    for (const [extra, broken] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const text = `${line({ rest: '200 10 "' })}`;
      const long = `${text}${'x'.repeat(MAX_LINE_BYTES - text.length + extra)}`;
      expect(parse(`${long}\n${line({})}`).stats.brokenLines).toBe(broken);
      const parser = new AccessLogParser();
      const entries: LogEntry[] = [];
      for (let at = 0; at < long.length; at += 10_000)
        parser.push(encoder.encode(long.slice(at, at + 10_000)), entries);
      parser.push(encoder.encode(`\n${line({})}\n`), entries);
      expect([entries.length, parser.stats.brokenLines]).toEqual([2 - broken, broken]);
    }
  });

  it('gzip is unpacked by what is handed in, in chunks of any size', async () => {
    const packed = gzipSync(sample);
    const gunzip: NonNullable<ReadOptions['gunzip']> = (chunks) =>
      Readable.from(chunks).pipe(createGunzip()) as AsyncIterable<Uint8Array>;
    const plain = await read([sample]);
    for (const size of [1, 7, 100_000]) {
      const chunks = Array.from({ length: Math.ceil(packed.length / size) }, (_, i) =>
        packed.subarray(i * size, (i + 1) * size),
      );
      expect((await read(chunks, { gunzip })).entries).toEqual(plain.entries);
    }
    expect((await read([packed])).stats.stopped).toEqual({ kind: 'packed' });
  });

  it('a packed file that is cut off: what could be read, and why it stopped', async () => {
    const packed = gzipSync(readFileSync(new URL('../../data/apache_access.log', import.meta.url)));
    const gunzip: NonNullable<ReadOptions['gunzip']> = (chunks) =>
      Readable.from(chunks).pipe(createGunzip()) as AsyncIterable<Uint8Array>;
    const { entries, stats } = await read([packed.subarray(0, packed.length >> 1)], { gunzip });
    expect(stats.stopped).toMatchObject({ kind: 'read_failed' });
    expect(entries.length).toBeGreaterThan(1_000);
  });

  it('a file that is something else is given up after its first megabytes', async () => {
    let handed = 0;
    function* noise(): Generator<Uint8Array> {
      const chunk = encoder.encode('PNG and so on\n'.repeat(8_000));
      for (;;) {
        handed += chunk.length;
        yield chunk;
      }
    }
    const { entries, stats } = await read(noise());
    expect([entries.length, stats.stopped]).toEqual([0, { kind: 'not_a_log' }]);
    expect(handed).toBeLessThan(MAX_HOPELESS_BYTES * 2);
  });

  it('two reads of one log give equal entries, also when only the times are wanted first', async () => {
    const times = await read([sample], { timesOnly: true });
    const full = await read([sample]);
    expect(times.entries).toEqual([]);
    expect([times.stats.entries, times.stats.firstUs, times.stats.lastUs]).toEqual([
      full.stats.entries,
      full.stats.firstUs,
      full.stats.lastUs,
    ]);
  });

  it('any bytes at all: never a throw, and every line is accounted for', () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(...encoder.encode('\n\r "[]{}:,\\-0/')));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 400 }), fc.nat(400), (bytes, cut) => {
        const parser = new AccessLogParser();
        const entries: LogEntry[] = [];
        parser.push(Uint8Array.from(bytes.slice(0, cut)), entries);
        parser.push(Uint8Array.from(bytes.slice(cut)), entries);
        parser.finish(entries);
        const { lines, blankLines, brokenLines, withoutRequest } = parser.stats;
        expect(lines).toBe(blankLines + brokenLines + withoutRequest + entries.length);
        const newlines = bytes.filter((one) => one === 0x0a).length;
        expect(lines).toBe(newlines + (bytes.length > 0 && bytes.at(-1) !== 0x0a ? 1 : 0));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the order of time', () => {
  const second = (n: number): string => line({ time: `17/May/2015:${clock(n)} +0000`, request: `GET /${n} HTTP/1.1` });
  const clock = (n: number): string =>
    [Math.floor(n / 3600), Math.floor(n / 60) % 60, n % 60].map((part) => String(part).padStart(2, '0')).join(':');
  const targets = (entries: readonly LogEntry[]): number[] => entries.map((entry) => Number(entry.target.slice(1)));

  it('a log that fits the window is sorted as a whole', async () => {
    const order = Array.from({ length: 500 }, (_, i) => (i * 271) % 500);
    const { entries, stats } = await read([encoder.encode(order.map(second).join('\n'))]);
    expect(targets(entries)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(stats.tooLate).toBe(0);
    expect(stats.outOfOrder).toBeGreaterThan(0);
  });

  it('entries of one time keep the order of their lines', async () => {
    const text = Array.from({ length: 300 }, (_, i) =>
      line({ time: `17/May/2015:00:00:0${i % 3} +0000`, request: `GET /${i} HTTP/1.1` }),
    );
    const { entries } = await read([encoder.encode(text.join('\n'))]);
    const numbers = targets(entries);
    expect(numbers).toEqual([0, 1, 2].flatMap((rest) => Array.from({ length: 100 }, (_, i) => i * 3 + rest)));
  });

  it('in a longer log, a line may stray by half the window; what strays further is kept, and counted', async () => {
    // The reader cuts its input into slices of many lines, so small windows need small chunks.
    const chunks = (order: readonly number[]): Uint8Array[] => order.map((n) => encoder.encode(`${second(n)}\n`));
    const near = Array.from({ length: 2_000 }, (_, i) => Math.floor(i / 8) * 8 + ((i * 5) % 8));
    const fine = await read(chunks(near), { held: 16 });
    expect(targets(fine.entries)).toEqual(Array.from({ length: 2_000 }, (_, i) => i));
    expect(fine.stats.tooLate).toBe(0);

    const far = [...Array.from({ length: 100 }, (_, i) => i + 1), 0, ...Array.from({ length: 100 }, (_, i) => i + 101)];
    const late = await read(chunks(far), { held: 16 });
    expect([late.stats.tooLate, late.stats.outOfOrder, late.entries.length]).toEqual([1, 1, 201]);
  });

  it('whatever comes in, times never go back, and nothing is lost or made', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(86_399), { maxLength: 200 }),
        fc.integer({ min: 2, max: 50 }),
        async (seconds, held) => {
          const { entries } = await read(
            seconds.map((n) => encoder.encode(`${second(n)}\n`)),
            { held },
          );
          expect(targets(entries).sort((a, b) => a - b)).toEqual([...seconds].sort((a, b) => a - b));
          for (let i = 1; i < entries.length; i++)
            expect(entries[i]!.atUs).toBeGreaterThanOrEqual(entries[i - 1]!.atUs);
        },
      ),
      { numRuns: 60 },
    );
  });
});
