import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRailgunNat } from '../../src/config/railgun-nat.ts';

function read(text: string): { readonly [name: string]: string } {
  const parsed = parseRailgunNat('nat.conf', text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const out: Record<string, string> = {};
  for (const [name, target] of parsed.value.entries) out[name] = `${target.address} ${target.port ?? ''}`.trim();
  if (parsed.value.fallback !== undefined)
    out.default = `${parsed.value.fallback.address} ${parsed.value.fallback.port ?? ''}`.trim();
  return out;
}

describe('railgun-nat.conf', () => {
  it.each([
    {
      name: 'RG-081 a host and the default',
      text: 'www.x=127.0.0.1\ndefault=10.0.0.1',
      map: { 'www.x': '127.0.0.1', default: '10.0.0.1' },
    },
    {
      name: 'RG-083 a host with a port',
      text: 'x.example:2083 = 127.0.0.1:2083',
      map: { 'x.example:2083': '127.0.0.1 2083' },
    },
    {
      name: 'RG-084 comments, blank lines and spaces do not matter',
      text: '# map\n\n   a.example   =   127.0.0.1   # ours\n\t#b.example = 1.2.3.4\n\r\n',
      map: { 'a.example': '127.0.0.1' },
    },
    { name: 'RG-085 localhost with a port', text: 'default = localhost:8080', map: { default: 'localhost 8080' } },
    { name: 'case does not matter', text: 'WWW.Example.com = 127.0.0.1', map: { 'www.example.com': '127.0.0.1' } },
    { name: 'IPv6 in brackets', text: '[2001:DB8::1]:81 = [::1]:8081', map: { '[2001:db8::1]:81': '::1 8081' } },
    { name: 'IPv6 as a bare target', text: 'a.example = 2001:db8::2', map: { 'a.example': '2001:db8::2' } },
    {
      name: 'Windows line ends and a byte order mark',
      text: '\uFEFFa.example = 127.0.0.1\r\nb.example = 127.0.0.2\r\n',
      map: { 'a.example': '127.0.0.1', 'b.example': '127.0.0.2' },
    },
    { name: 'an empty file', text: '', map: {} },
  ])('$name', ({ text, map }) => {
    expect(read(text)).toEqual(map);
  });

  it('a later duplicate wins, with a warning that names both lines', () => {
    const parsed = parseRailgunNat('nat.conf', 'a.example = 127.0.0.1\nA.example = 127.0.0.2');
    expect(parsed.ok && parsed.value.entries.get('a.example')?.address).toBe('127.0.0.2');
    expect(parsed.ok && parsed.warnings).toMatchObject([
      { severity: 'warning', line: 2, message: expect.stringContaining('line 1') },
    ]);
  });

  it.each([
    { text: 'a.example', line: 1, column: 1 },
    { text: '\n  = 127.0.0.1', line: 2, column: 3 },
    { text: 'a.example =', line: 1, column: 12 },
    { text: 'a.example = 1.2.3', line: 1, column: 13 },
    { text: 'a.example = 256.1.1.1', line: 1, column: 13 },
    { text: 'a.example = 127.0.0.1:0', line: 1, column: 13 },
    { text: 'a.example = 127.0.0.1:65536', line: 1, column: 13 },
    { text: 'a.example = http://127.0.0.1', line: 1, column: 13 },
    { text: 'a b = 127.0.0.1', line: 1, column: 1 },
    { text: 'a.example:http = 127.0.0.1', line: 1, column: 1 },
    { text: '*.example = 127.0.0.1', line: 1, column: 1 },
    { text: '2001:db8::1:80x = 127.0.0.1', line: 1, column: 1 },
  ])('$text is refused at $line:$column, and with it the whole file', ({ text, line, column }) => {
    const parsed = parseRailgunNat('nat.conf', `${text}\ngood.example = 127.0.0.1\n`);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.problems).toMatchObject([{ severity: 'error', file: 'nat.conf', line, column }]);
  });

  it('all problems at once', () => {
    const parsed = parseRailgunNat('nat.conf', 'x\na.example = ?\ny\n');
    expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.line)).toEqual([1, 2, 3]);
  });

  it('any text gives a map or problems, never an exception', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', '.', ':', '=', '#', '\n', ' ', '[', ']', '1', 'default', '__proto__'),
          maxLength: 60,
        }),
        (text) => void parseRailgunNat('f', text),
      ),
    );
  });
});
