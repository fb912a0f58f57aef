/**
 * Requests that two parsers might read in two ways, and plain garbage. `fate` says what must become of each:
 *
 * - `refused`: an answer of 4xx or 5xx by us, and the origin sees nothing of it;
 * - `body`: the head was good, so the origin may see it, but never a whole request; the client gets 4xx or an end;
 * - `one`: strange but legal: the origin sees exactly one request.
 *
 * `SMUGGLED` marks a second request that must never reach the origin.
 */
export interface AmbiguousRequest {
  readonly name: string;
  readonly bytes: string;
  readonly fate: 'refused' | 'body' | 'one';
}

const H = 'Host: a\r\n';
const SMUGGLED = 'GET /SMUGGLED HTTP/1.1\r\nHost: a\r\n\r\n';
const CHUNKED = `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n`;

function refused(name: string, bytes: string): AmbiguousRequest {
  return { name, bytes, fate: 'refused' };
}

function* generate(): Generator<AmbiguousRequest> {
  // RFC 9112 3: the request line.
  const lines = [
    ['no version', 'GET /'],
    ['HTTP/0.9 style', 'GET'],
    ['two blanks after the method', 'GET  / HTTP/1.1'],
    ['two blanks before the version', 'GET /  HTTP/1.1'],
    ['a tab after the method', 'GET\t/ HTTP/1.1'],
    ['a tab before the version', 'GET /\tHTTP/1.1'],
    ['a vertical tab', 'GET\v/ HTTP/1.1'],
    ['a form feed', 'GET /\fHTTP/1.1'],
    ['a blank before the method', ' GET / HTTP/1.1'],
    ['a blank behind the version', 'GET / HTTP/1.1 '],
    ['words behind the version', 'GET / HTTP/1.1 x'],
    ['lower-case protocol', 'GET / http/1.1'],
    ['mixed-case protocol', 'GET / Http/1.1'],
    ['version 1.2', 'GET / HTTP/1.2'],
    ['version 1.10', 'GET / HTTP/1.10'],
    ['version 1.', 'GET / HTTP/1.'],
    ['version 01.1', 'GET / HTTP/01.1'],
    ['version 1.01', 'GET / HTTP/1.01'],
    ['version +1.1', 'GET / HTTP/+1.1'],
    ['version 0.9', 'GET / HTTP/0.9'],
    ['version 2.0', 'GET / HTTP/2.0'],
    ['version 2', 'GET / HTTP/2'],
    ['version 3.0', 'GET / HTTP/3.0'],
    ['version 1,1', 'GET / HTTP/1,1'],
    ['another protocol', 'GET / RTSP/1.0'],
    ['no slash in the protocol', 'GET / HTTP1.1'],
    ['a blank in the protocol', 'GET / HTTP/ 1.1'],
    ['a blank in the target', 'GET /a b HTTP/1.1'],
    ['a blank in the target, then a version', 'GET / HTTP/1.1 HTTP/1.1'],
    ['no target', 'GET  HTTP/1.1'],
    ['a target without a slash', 'GET index.html HTTP/1.1'],
    ['a target that is a query', 'GET ?a=b HTTP/1.1'],
    ['a fragment', 'GET /a#b HTTP/1.1'],
    ['a backslash target', 'GET \\a HTTP/1.1'],
    ['a NUL in the target', 'GET /a\0b HTTP/1.1'],
    ['a DEL in the target', 'GET /a\x7fb HTTP/1.1'],
    ['a high byte in the target', 'GET /\xe4 HTTP/1.1'],
    ['raw UTF-8 in the target', 'GET /\xc3\xa4 HTTP/1.1'],
    ['a control in the target', 'GET /a\x01 HTTP/1.1'],
    ['a bare CR in the target', 'GET /a\rb HTTP/1.1'],
    ['asterisk with GET', 'GET * HTTP/1.1'],
    ['asterisk and more', 'OPTIONS *a HTTP/1.1'],
    ['an absolute target of another scheme', 'GET ftp://a/ HTTP/1.1'],
    ['an absolute target without a host', 'GET http:///a HTTP/1.1'],
    ['an absolute target with user information', 'GET http://u:p@a/ HTTP/1.1'],
    ['an absolute target with two hosts', 'GET http://a,b/ HTTP/1.1'],
    ['an absolute target with a bad port', 'GET http://a:x/ HTTP/1.1'],
    ['an absolute target with one slash', 'GET http:/a HTTP/1.1'],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1'],
    ['CONNECT with a path', 'CONNECT / HTTP/1.1'],
    ['a method with a colon', 'GET: / HTTP/1.1'],
    ['a method in brackets', '(GET) / HTTP/1.1'],
    ['a method with a NUL', 'GE\0T / HTTP/1.1'],
    ['a method with a high byte', 'G\xcbT / HTTP/1.1'],
    ['a method of 33 letters', `${'M'.repeat(33)} / HTTP/1.1`],
    ['a method of 40,000 letters', `${'M'.repeat(40_000)} / HTTP/1.1`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01'],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.2'],
    ['a PROXY protocol line', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2'],
    ['a response', 'HTTP/1.1 200 OK'],
    ['a target over 16 KiB', `GET /${'a'.repeat(16 * 1024)} HTTP/1.1`],
    ['a byte order mark', '\xef\xbb\xbfGET / HTTP/1.1'],
  ] as const;
  for (const [name, line] of lines) yield refused(`request line: ${name}`, `${line}\r\n${H}\r\n`);

  // RFC 9112 2.2: line ends.
  yield refused('line ends: LF alone, everywhere', 'GET / HTTP/1.1\nHost: a\n\n');
  yield refused('line ends: LF behind the request line', `GET / HTTP/1.1\n${H}\r\n`);
  yield refused('line ends: CR behind the request line', `GET / HTTP/1.1\r${H}\r\n`);
  yield refused('line ends: LF behind a field', `GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n`);
  yield refused('line ends: CR behind a field', `GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n`);
  yield refused('line ends: CR CR LF', `GET / HTTP/1.1\r\nHost: a\r\r\n\r\n`);
  yield refused('line ends: LF LF at the end', `GET / HTTP/1.1\r\nHost: a\r\n\n`);
  yield refused('line ends: LF CR', `GET / HTTP/1.1\r\nHost: a\n\r\n\r\n`);
  yield refused('line ends: CR and something at the end', `GET / HTTP/1.1\r\nHost: a\r\n\rX`);
  yield refused('line ends: LF before the request line', `\nGET / HTTP/1.1\r\n${H}\r\n`);
  yield refused('line ends: CR before the request line', `\rGET / HTTP/1.1\r\n${H}\r\n`);
  yield refused('line ends: five empty lines first', `${'\r\n'.repeat(5)}GET / HTTP/1.1\r\n${H}\r\n`);

  // RFC 9112 5: fields.
  const fields = [
    ['blank before the colon', 'X-A : 1'],
    ['tab before the colon', 'X-A\t: 1'],
    ['blank before the colon of Content-Length', 'Content-Length : 5'],
    ['blank before the colon of Transfer-Encoding', 'Transfer-Encoding : chunked'],
    ['NUL before the colon of Transfer-Encoding', 'Transfer-Encoding\0: chunked'],
    ['no colon', 'X-A'],
    ['no name', ': 1'],
    ['a blank in the name', 'X A: 1'],
    ['a NUL in the name', 'X\0A: 1'],
    ['a high byte in the name', 'X\xe4: 1'],
    ['a CR in the name', 'X\rA: 1'],
    ['brackets in the name', 'X(A): 1'],
    ['quotes in the name', '"X": 1'],
    ['a slash in the name', 'X/A: 1'],
    ['an at sign in the name', 'X@A: 1'],
    ['a comma in the name', 'X,A: 1'],
    ['a semicolon in the name', 'X;A: 1'],
    ['an equals sign in the name', 'X=A: 1'],
    ['a DEL in the name', 'X\x7f: 1'],
    ['a NUL in the value', 'X-A: a\0b'],
    ['a NUL at the end of the value', 'X-A: a\0'],
    ['a bare CR in the value', 'X-A: a\rb'],
    ['a DEL in the value', 'X-A: a\x7fb'],
    ['a BEL in the value', 'X-A: a\x07b'],
    ['an escape in the value', 'X-A: \x1b[31m'],
    ['a vertical tab in the value', 'X-A: a\vb'],
    ['a form feed in the value', 'X-A: a\fb'],
    ['a fold with a blank', 'X-A: a\r\n b'],
    ['a fold with a tab', 'X-A: a\r\n\tb'],
    ['a fold of Transfer-Encoding', 'Transfer-Encoding:\r\n chunked'],
    ['a fold of Content-Length', 'Content-Length:\r\n 5'],
    ['a fold that hides a field', 'X-A: a\r\n Transfer-Encoding: chunked'],
  ] as const;
  for (const [name, field] of fields) {
    yield refused(`field: ${name}`, `POST / HTTP/1.1\r\n${H}${field}\r\n\r\n${SMUGGLED}`);
    yield refused(`first field: ${name}`, `POST / HTTP/1.1\r\n${field}\r\n${H}\r\n${SMUGGLED}`);
  }
  yield refused('field: a blank line start before the first field', `GET / HTTP/1.1\r\n ${H}\r\n`);
  yield refused('field: 129 fields', `GET / HTTP/1.1\r\n${H}${'X: 1\r\n'.repeat(128)}\r\n`);
  yield refused('field: a head over 32 KiB in one field', `GET / HTTP/1.1\r\n${H}X: ${'x'.repeat(33_000)}\r\n\r\n`);
  yield refused(
    'field: a head over 32 KiB in many',
    `GET / HTTP/1.1\r\n${H}${`X: ${'x'.repeat(500)}\r\n`.repeat(70)}\r\n`,
  );
  yield refused('field: a name of 40,000 letters', `GET / HTTP/1.1\r\n${H}${'X'.repeat(40_000)}: 1\r\n\r\n`);

  // RFC 9112 3.2: Host.
  const hosts = [
    ['none', ''],
    ['two', 'Host: a\r\nHost: b\r\n'],
    ['twice the same', 'Host: a\r\nHost: a\r\n'],
    ['two in different case', 'Host: a\r\nhOST: b\r\n'],
    ['a list', 'Host: a, b\r\n'],
    ['a list without a blank', 'Host: a,b\r\n'],
    ['a blank in it', 'Host: a b\r\n'],
    ['a path', 'Host: a/b\r\n'],
    ['a query', 'Host: a?b\r\n'],
    ['a fragment', 'Host: a#b\r\n'],
    ['user information', 'Host: u@a\r\n'],
    ['a URL', 'Host: http://a\r\n'],
    ['a backslash', 'Host: a\\b\r\n'],
    ['a port that is no number', 'Host: a:b\r\n'],
    ['two ports', 'Host: a:1:2\r\n'],
    ['a port of six digits', 'Host: a:123456\r\n'],
    ['a signed port', 'Host: a:+80\r\n'],
    ['an open bracket', 'Host: [::1\r\n'],
    ['a bracket inside', 'Host: a[::1]\r\n'],
    ['words in brackets', 'Host: [a]\r\n'],
    ['a bad escape', 'Host: a%zz\r\n'],
    ['angle brackets', 'Host: <a>\r\n'],
    ['a quote', 'Host: "a"\r\n'],
    ['a high byte', 'Host: \xe4\r\n'],
    ['a tab inside', 'Host: a\tb\r\n'],
    ['a caret', 'Host: a^b\r\n'],
    ['a pipe', 'Host: a|b\r\n'],
    ['braces', 'Host: {a}\r\n'],
  ] as const;
  for (const [name, host] of hosts) yield refused(`Host: ${name}`, `GET / HTTP/1.1\r\n${host}\r\n`);
  yield refused('Host: two in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n');

  // RFC 9112 6.2: Content-Length.
  const lengths = [
    '',
    '-1',
    '+5',
    '5,5',
    '5, 5',
    '5 5',
    '0x5',
    '5.0',
    '5e0',
    '٥',
    'five',
    '5;',
    '"5"',
    '5a',
    ' 5 x',
    '1_0',
    '0b1',
    '9999999999999999',
    '18446744073709551616',
    '99999999999999999999999',
    '5,',
    ',5',
    '5\t5',
    '\xb5',
    '1.',
    '--5',
    '5-',
  ];
  for (const length of lengths) {
    const value = Buffer.from(length, 'utf8').toString('latin1');
    yield refused(
      `Content-Length: ${JSON.stringify(length)}`,
      `POST / HTTP/1.1\r\n${H}Content-Length: ${value}\r\n\r\nhello${SMUGGLED}`,
    );
    yield refused(
      `Content-Length: ${JSON.stringify(length)} in HTTP/1.0`,
      `POST / HTTP/1.0\r\n${H}Content-Length: ${value}\r\n\r\nhello${SMUGGLED}`,
    );
  }
  for (const [one, two] of [
    ['5', '6'],
    ['5', '5'],
    ['0', '5'],
    ['5', '0'],
    ['5', ''],
    ['', '5'],
    ['5', '-5'],
  ] as const) {
    yield refused(
      `Content-Length twice: ${one} and ${two}`,
      `POST / HTTP/1.1\r\n${H}Content-Length: ${one}\r\nContent-Length: ${two}\r\n\r\nhello${SMUGGLED}`,
    );
    yield refused(
      `Content-Length twice, in different case: ${one} and ${two}`,
      `POST / HTTP/1.1\r\ncontent-length: ${one}\r\n${H}CONTENT-LENGTH: ${two}\r\n\r\nhello${SMUGGLED}`,
    );
  }

  // RFC 9112 6.1 and 6.3: Transfer-Encoding.
  const codings = [
    '',
    'identity',
    'gzip',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked,',
    ',chunked',
    'chunked;',
    'chunked;q=1',
    'xchunked',
    'chunkedx',
    'chunke d',
    '"chunked"',
    'chunked\tx',
    'chunked identity',
    'identity, chunked',
    'chunked, identity',
    'x',
    'cow',
    'chunk',
    'deflate',
    'compress, chunked',
    'trailers',
    '\xffchunked',
    'chunked\xa0',
    'CHUNKED, x',
  ];
  for (const coding of codings) {
    yield refused(
      `Transfer-Encoding: ${JSON.stringify(coding)}`,
      `POST / HTTP/1.1\r\n${H}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    );
    yield refused(
      `Transfer-Encoding: ${JSON.stringify(coding)} with a length`,
      `POST / HTTP/1.1\r\n${H}Content-Length: 4\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    );
  }
  for (const [name, value] of [
    ['a tab behind', ' chunked\t'],
    ['a tab before', '\tchunked'],
    ['blanks before', '  chunked'],
    ['a blank behind', ' chunked '],
  ]) {
    yield refused(
      `Transfer-Encoding with ${name}`,
      `POST / HTTP/1.1\r\n${H}Transfer-Encoding:${value}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    );
    yield refused(
      `Content-Length with ${name}`,
      `POST / HTTP/1.1\r\n${H}Content-Length:${value?.replace('chunked', '5')}\r\n\r\nhello${SMUGGLED}`,
    );
  }
  const doubles = [
    ['chunked', 'chunked'],
    ['chunked', 'identity'],
    ['identity', 'chunked'],
    ['gzip', 'chunked'],
    ['chunked', 'gzip'],
    ['chunked', ''],
    ['', 'chunked'],
    ['chunked', 'x'],
  ] as const;
  for (const [one, two] of doubles) {
    yield refused(
      `Transfer-Encoding twice: ${one} and ${two}`,
      `POST / HTTP/1.1\r\n${H}Transfer-Encoding: ${one}\r\nTransfer-Encoding: ${two}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    );
  }
  for (const version of ['1.0', '1.1']) {
    for (const length of ['0', '4', '6', '100']) {
      yield refused(
        `HTTP/${version}: CL ${length}, then TE`,
        `POST / HTTP/${version}\r\n${H}Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      );
      yield refused(
        `HTTP/${version}: TE, then CL ${length}`,
        `POST / HTTP/${version}\r\n${H}Transfer-Encoding: chunked\r\nContent-Length: ${length}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      );
      yield refused(
        `HTTP/${version}: TE, then CL ${length}, named by Connection`,
        `POST / HTTP/${version}\r\n${H}Connection: content-length\r\nTransfer-Encoding: chunked\r\nContent-Length: ${length}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      );
    }
  }
  yield refused('TE in HTTP/1.0', `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`);
  yield refused(
    'TE in HTTP/1.0 with keep-alive',
    `POST / HTTP/1.0\r\n${H}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  );

  // RFC 9110 7.6.1: options that would take the framing away.
  for (const option of [
    'Content-Length',
    'transfer-encoding',
    'HOST',
    'Connection',
    'Expect',
    'a b',
    'x;y',
    '"x"',
    'x=1',
    '\x80',
    'close; x',
  ]) {
    yield refused(
      `Connection: ${JSON.stringify(option)}`,
      `POST / HTTP/1.1\r\n${H}Connection: keep-alive, ${option}\r\nContent-Length: 5\r\n\r\nhello${SMUGGLED}`,
    );
  }
  for (const expectation of ['200-ok', '100-continue, x', '100', '', '100-continue;x', 'x=1']) {
    yield refused(
      `Expect: ${JSON.stringify(expectation)}`,
      `POST / HTTP/1.1\r\n${H}Expect: ${expectation}\r\nContent-Length: 5\r\n\r\nhello`,
    );
  }

  // RFC 9112 7.1: chunked bodies. The head is good.
  const chunks = [
    ['no size', '\r\nhello\r\n0\r\n\r\n'],
    ['a size that is no number', 'x\r\nhello\r\n0\r\n\r\n'],
    ['a size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a signed size', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a blank before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a blank behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a tab behind the size', '5\t\r\nhello\r\n0\r\n\r\n'],
    ['a blank before an extension', '5 ;a\r\nhello\r\n0\r\n\r\n'],
    ['a blank in the size', '1 0\r\nhello\r\n0\r\n\r\n'],
    ['an underscore in the size', '1_0\r\nhello\r\n0\r\n\r\n'],
    ['a size of 14 digits', '00000000000005\r\nhello\r\n0\r\n\r\n'],
    ['a size that overflows 64 bits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['a size that overflows 32 bits to 5', `${'f'.repeat(14)}5\r\nhello\r\n0\r\n\r\n`],
    ['LF behind the size', '5\nhello\r\n0\r\n\r\n'],
    ['CR behind the size', '5\rhello\r\n0\r\n\r\n'],
    ['LF behind the data', '5\r\nhello\n0\r\n\r\n'],
    ['CR behind the data', '5\r\nhello\r0\r\n\r\n'],
    ['nothing behind the data', '5\r\nhello0\r\n\r\n'],
    ['too much data', '5\r\nhello!\r\n0\r\n\r\n'],
    ['too little data', '6\r\nhello\r\n0\r\n\r\n'],
    ['LF in an extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
    ['CR in an extension', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
    ['NUL in an extension', '5;a\0b\r\nhello\r\n0\r\n\r\n'],
    ['LF at the end of an extension', '5;a\nhello\r\n0\r\n\r\n'],
    ['an extension over 1 KiB', `5;${'a'.repeat(1100)}\r\nhello\r\n0\r\n\r\n`],
    ['an empty extension', '5;\r\nhello\r\n0\r\n\r\n'],
    ['an extension that is an open quote', '5;a="b\r\nhello\r\n0\r\n\r\n'],
    ['an extension without a name', '5;=b\r\nhello\r\n0\r\n\r\n'],
    ['an extension with a blank', '5;a b\r\nhello\r\n0\r\n\r\n'],
    ['a comma for a semicolon', '5,a\r\nhello\r\n0\r\n\r\n'],
    ['words behind the size', '5 a\r\nhello\r\n0\r\n\r\n'],
    ['two last sizes', '0 0\r\n\r\n'],
    ['LF behind the last chunk', '5\r\nhello\r\n0\n\r\n'],
    ['LF for the last line', '5\r\nhello\r\n0\r\n\n'],
    ['a trailer without a colon', '0\r\nx\r\n\r\n'],
    ['a trailer with a blank before the colon', '0\r\nx : 1\r\n\r\n'],
    ['a folded trailer', '0\r\nx: 1\r\n 2\r\n\r\n'],
    ['a trailer with LF', '0\r\nx: 1\ny: 2\r\n\r\n'],
    ['a trailer with NUL', '0\r\nx: \0\r\n\r\n'],
    ['a trailer over 8 KiB', `0\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`],
    ['a trailer Content-Length', '0\r\nContent-Length: 5\r\n\r\n'],
    ['a trailer Transfer-Encoding', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a trailer Host', '0\r\nHost: b\r\n\r\n'],
    ['a trailer Connection', '0\r\nConnection: close\r\n\r\n'],
    ['a trailer Authorization', '0\r\nAuthorization: x\r\n\r\n'],
    ['a trailer Set-Cookie', '0\r\nSet-Cookie: a=b\r\n\r\n'],
    ['one-byte chunks without end', '1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n'.repeat(2_000)],
  ] as const;
  for (const [name, body] of chunks) {
    yield { name: `chunked: ${name}`, bytes: `${CHUNKED}${body}`, fate: 'body' };
    yield { name: `chunked, then more: ${name}`, bytes: `${CHUNKED}3\r\nabc\r\n${body}${SMUGGLED}`, fate: 'body' };
  }

  // Legal, and often got wrong.
  const legal = [
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n'],
    ['an IPv6 host with a port', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n'],
    ['a port without digits', 'GET / HTTP/1.1\r\nHost: a:\r\n\r\n'],
    ['blanks around a value', 'GET / HTTP/1.1\r\nHost: \t a \t \r\nX:\r\nY: \t\r\n\r\n'],
    ['high bytes in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \xff\x80\r\n\r\n'],
    ['leading zeros in Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello'],
    ['a body for GET', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'],
    ['a length of nought', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'],
    ['sizes with zeros and capitals', `${CHUNKED}0000A\r\n0123456789\r\n000\r\n\r\n`],
    ['extensions', `${CHUNKED}5;a;b=c;d="e\tf"\r\nhello\r\n0;x\r\n\r\n`],
    ['a trailer', `${CHUNKED}0\r\nX-T: 1\r\nY-T:\r\n\r\n`],
    ['odd marks in the target', 'GET /a?b=|{}^`<>"\\ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['127 fields and Host', `GET / HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(127)}\r\n`],
    ['an empty element in Connection', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: , close,,\r\n\r\n'],
  ] as const;
  for (const [name, bytes] of legal) yield { name: `legal: ${name}`, bytes, fate: 'one' };
}

export const AMBIGUOUS: readonly AmbiguousRequest[] = [...generate()];
