import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REQUEST_LIMITS } from '../../../src/http1/limits.ts';
import { RequestReader } from '../../../src/http1/request-reader.ts';
import { lastChunk, streamRequest } from '../../../src/live/proxy/http2-request.ts';

const BASE = [':method', 'GET', ':scheme', 'https', ':authority', 'one.test', ':path', '/'];
const key = (): string => 'a2V5';

/** How many requests the strict reader makes of these bytes, and the first one's parts. */
function read(text: string): {
  count: number;
  method: string;
  target: string;
  host: string;
  fields: [string, string][];
} {
  const found = { count: 0, method: '', target: '', host: '', fields: [] as [string, string][] };
  const nothing = (): void => {};
  const reader = new RequestReader(
    {
      requestHead: (head) => {
        found.count += 1;
        Object.assign(found, { method: head.method, target: head.target, host: head.host, fields: head.fields() });
      },
      bodySpan: nothing,
      bodyText: nothing,
      requestEnd: nothing,
      requestRefused: nothing,
    },
    REQUEST_LIMITS,
  );
  const bytes = Buffer.from(text, 'latin1');
  for (let pos = 0; pos < bytes.length; ) {
    const next = reader.receive(bytes, pos, bytes.length);
    if (reader.phase === 'refused') break;
    if (reader.phase === 'idle') reader.next();
    else if (next === pos) break;
    pos = next;
  }
  return found;
}

describe('a request of HTTP/2 as a head of HTTP/1.1', () => {
  it('names, values and cookie crumbs', () => {
    const made = streamRequest([...BASE, 'x-a', '1', 'cookie', 'a=1', 'x-b', '', 'cookie', 'b=2'], true, key);
    expect(made).toMatchObject({
      kind: 'request',
      head: 'GET / HTTP/1.1\r\nHost: one.test\r\nx-a: 1\r\nx-b: \r\ncookie: a=1; b=2\r\n\r\n',
      body: 'none',
    });
  });

  it.each([
    { name: 'a line break in a value', raw: [...BASE, 'x-a', '1\r\nx-b: 2'], fault: 'bad_field_value' },
    { name: 'a NUL in a value', raw: [...BASE, 'x-a', '\0'], fault: 'bad_field_value' },
    { name: 'a character that no byte has', raw: [...BASE, 'x-a', '\u0100'], fault: 'bad_field_value' },
    { name: 'a colon in a name', raw: [...BASE, 'x:a', '1'], fault: 'bad_field_name' },
    { name: 'a blank in a name', raw: [...BASE, 'x a', '1'], fault: 'bad_field_name' },
    { name: 'a pseudo-field that is none', raw: [...BASE, ':a', '1'], fault: 'bad_field_name' },
    { name: 'transfer-encoding', raw: [...BASE, 'transfer-encoding', 'chunked'], fault: 'bad_connection_option' },
    { name: 'te: gzip', raw: [...BASE, 'te', 'gzip'], fault: 'bad_transfer_coding' },
    { name: 'another Host', raw: [...BASE, 'host', 'two.test'], fault: 'two_hosts' },
    { name: 'two Hosts', raw: [...BASE, 'host', 'one.test', 'host', 'one.test'], fault: 'two_hosts' },
    { name: 'no name at all', raw: [':method', 'GET', ':scheme', 'https', ':path', '/'], fault: 'no_host' },
    { name: 'an empty name', raw: BASE.with(5, ''), fault: 'bad_host' },
    { name: 'clear text', raw: BASE.with(3, 'http'), fault: 'bad_target' },
    { name: 'a blank in the path', raw: BASE.with(7, '/a b'), fault: 'bad_target' },
    { name: 'a path without a slash', raw: BASE.with(7, 'a'), fault: 'bad_target' },
    { name: 'a blank in the method', raw: BASE.with(1, 'GET /'), fault: 'bad_method' },
    { name: 'CONNECT', raw: BASE.with(1, 'CONNECT'), fault: 'method_not_supported' },
    { name: ':protocol with GET', raw: [...BASE, ':protocol', 'websocket'], fault: 'bad_upgrade' },
    {
      name: 'a length with an extended CONNECT',
      raw: [...BASE.with(1, 'CONNECT'), ':protocol', 'websocket', 'content-length', '1'],
      fault: 'bad_upgrade',
    },
  ])('$name: $fault', ({ raw, fault }) => {
    expect(streamRequest(raw, true, key)).toMatchObject({ kind: 'refused', fault });
  });

  it.each(['*', '/', '/a?b|c^{}', '/%20'])('OPTIONS %s keeps its target', (path) => {
    const made = streamRequest(BASE.with(1, 'OPTIONS').with(7, path), true, key);
    expect(made.kind === 'request' && read(made.head).target).toBe(path);
  });

  it('whatever it is given, what comes of it is one request, with these fields and no others, or none at all', () => {
    const odd = fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      '\0',
      ' ',
      ':',
      ',',
      '\t',
      '/',
      '#',
      '\x7f',
      '\xe9',
      'a',
      'Host: b',
      '\r\n\r\nGET / HTTP/1.1\r\n',
    );
    const text = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.array(odd, { maxLength: 6 }).map((parts) => parts.join('')),
    );
    const name = fc.oneof(
      text,
      fc.constantFrom('host', 'cookie', 'te', 'content-length', 'transfer-encoding', 'connection', 'expect', 'x-a'),
    );
    const pseudo = fc.record({
      method: fc.oneof(fc.constantFrom('GET', 'POST', 'OPTIONS', 'CONNECT'), text),
      authority: fc.oneof(fc.constant('one.test'), text),
      path: fc.oneof(fc.constantFrom('/', '*', '/a?b'), text),
    });
    fc.assert(
      fc.property(
        pseudo,
        fc.array(fc.tuple(name, text), { maxLength: 6 }),
        fc.boolean(),
        ({ method, authority, path }, fields, ended) => {
          const raw = [':method', method, ':scheme', 'https', ':authority', authority, ':path', path, ...fields.flat()];
          const made = streamRequest(raw, ended, key);
          if (made.kind === 'refused') {
            expect(made.method === '' || made.method === method).toBe(true);
            return;
          }
          const found = read(made.head);
          expect(found.count).toBeLessThanOrEqual(1);
          if (found.count === 0) return;
          expect([found.method, found.target, found.host]).toEqual([method, path, authority]);
          const kept = fields.filter(([each]) => !['host', 'te', 'cookie'].includes(each));
          const own = /^(host|cookie|transfer-encoding|content-length)$/i;
          for (const [each, value] of found.fields) {
            const known = kept.some(([one, its]) => one === each && its.replace(/^[\t ]+|[\t ]+$/g, '') === value);
            expect(known || own.test(each)).toBe(true);
          }
          expect(found.fields.filter(([each]) => each.toLowerCase() === 'host').length).toBe(1);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('trailers that cannot be written are none', () => {
    expect(lastChunk([])).toBe('0\r\n\r\n');
    expect(lastChunk(['x-sum', '1', 'x-two', '2'])).toBe('0\r\nx-sum: 1\r\nx-two: 2\r\n\r\n');
    for (const raw of [
      [':path', '/'],
      ['x', 'a\r\nb: c'],
      ['x y', '1'],
      ['', '1'],
    ])
      expect(lastChunk(raw)).toBeUndefined();
  });
});
