/**
 * Bad input, one case a row: one clear complaint with its place, exit code 2, and nothing written. Times and sizes are bounded by named
 * limits in the readers, so the largest of these take no longer than the smallest.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { switchyard } from './terminal.ts';

const GOOD = `version: 1
name: small
start: 2026-03-01T12:00:00Z
config:
  version: 1
  load_balancers:
    - { name: www.example.com, ttl: 60, default_pools: [a], fallback_pool: a }
  pools: [{ name: a, origins: [{ name: a-1, address: 192.0.2.1 }] }]
duration: 1m
traffic:
  - clients: { count: 10, rate: 5/s }
timeline:
  - { at: +10s, fault: refuse, target: pool/a, for: 5s }
checks:
  - failed_requests < 50%
`;

let folder = '';
/** A new one for each test, so that nothing is left from the one before. */
let out = '';
beforeEach(() => {
  out = join(folder, `out-${Math.random()}`);
});
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-bad-'));
  mkdirSync(join(folder, 'a-folder.yaml'));
  writeFileSync(join(folder, 'empty.log'), '');
  writeFileSync(join(folder, 'words.log'), 'not one\nline of this\nis a request\n');
  // One line of 1 GB: a hole in the file system, so nothing is stored for it.
  writeFileSync(join(folder, 'long.log'), 'x');
  truncateSync(join(folder, 'long.log'), 1_073_741_824);
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(text: string | Uint8Array): string {
  const path = join(folder, 'scenario.yaml');
  writeFileSync(path, text);
  return path;
}

const laughs = ['a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]'];
for (let i = 1; i < 9; i += 1) {
  const [name, before] = ['abcdefghi'[i], 'abcdefghi'[i - 1]];
  laughs.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`);
}

interface Case {
  readonly name: string;
  readonly text: string | Uint8Array;
  /** What the caret stands under: the first of it in the text. Without it, the complaint is about the file. */
  readonly at?: string;
  readonly says: string;
}

const change = (from: string | RegExp, to: string): string => {
  const text = GOOD.replace(from, to);
  if (text === GOOD) throw new Error(`nothing changed: ${String(from)}`);
  return text;
};
const withLog = (file: string): string => change(/clients: \{.*\}/, `log: ${file}`);
const FOLDER_FOR_CONFIG =
  'version: 1\nname: x\nconfig: a-folder.yaml\ntraffic: [{ clients: { count: 1, rate: 1/s } }]\n';

const CASES: readonly Case[] = [
  {
    name: 'an unknown key',
    text: change('duration', 'durration'),
    at: 'durration',
    says: 'unknown key "durration", did you mean "duration"?',
  },
  {
    name: 'an unknown key of the configuration',
    text: change('ttl: 60', 'ttl: 60, proxyed: true'),
    at: 'proxyed',
    says: 'unknown key "proxyed", did you mean "proxied"?',
  },
  {
    name: 'a wrong type',
    text: change('count: 10', 'count: ten'),
    at: 'ten',
    says: 'count must be a whole number, not "ten"',
  },
  {
    name: 'a span without its unit',
    text: change('1m', '60'),
    at: '60\ntraffic',
    says: 'duration must be text, not 60',
  },
  {
    name: 'a pool that is missing',
    text: change('[a], fall', '[b], fall'),
    at: 'b], fall',
    says: 'no pool has the id or name "b", known: a',
  },
  {
    name: 'a TTL out of range',
    text: change('ttl: 60', 'ttl: 5'),
    at: '5, default_pools',
    says: 'ttl is not in range [30, 600], it is 5',
  },
  {
    name: 'a value that contains itself',
    text: change('origins: [{ name: a-1,', 'origins: &x [{ name: *x,'),
    at: '*x',
    says: 'this value contains itself',
  },
  {
    name: 'an unknown metric',
    text: change('failed_req', 'faild_req'),
    at: 'faild_req',
    says: 'unknown metric "faild_requests", did you mean "failed_requests"?',
  },
  {
    name: 'a check on a pool that is not there',
    text: change('failed_requests', 'share(pool/b)'),
    at: 'pool/b)',
    says: 'there is no pool "b" here',
  },
  { name: 'a check outside the run', text: change('50%', '50% after 14:00'), at: '14:00', says: '14:00' },
  {
    name: 'an unknown fault',
    text: change('refuse', 'refuze'),
    at: 'refuze',
    says: 'unknown fault "refuze", did you mean "refuse"?',
  },
  {
    name: 'a fault aimed at nothing',
    text: change('pool/a', 'pool/b'),
    at: 'pool/b',
    says: 'there is no pool "b"',
  },
  {
    name: 'an event before the start',
    text: change('+10s', '2020-01-01T00:00:00Z'),
    at: '2020-',
    says: '"2020-01-01T00:00:00Z" is before the start',
  },
  { name: 'an empty log', text: withLog('empty.log'), at: 'empty.log', says: 'the log "empty.log" is empty' },
  {
    name: 'a log without a request',
    text: withLog('words.log'),
    at: 'words.log',
    says: 'the log "words.log" has no request that can be read (line 1: ',
  },
  {
    name: 'a log that is one line of 1 GB',
    text: withLog('long.log'),
    at: 'long.log',
    says: 'the log "long.log" is no access log: there is no request in its first 4 MiB',
  },
  {
    name: 'a folder for a log',
    text: withLog('a-folder.yaml'),
    at: 'a-folder.yaml',
    says: 'the log "a-folder.yaml" is a directory, not a file',
  },
  {
    name: 'a log that is not there',
    text: withLog('gone.log'),
    at: 'gone.log',
    says: 'the log "gone.log" does not exist',
  },
  {
    name: 'a folder for a configuration',
    text: FOLDER_FOR_CONFIG,
    at: 'a-folder.yaml',
    says: '"a-folder.yaml" is a directory, not a file',
  },
  {
    name: 'a key that would reach the prototype',
    text: change('name: small', 'name: small\n__proto__: { polluted: true }'),
    at: '__proto__',
    says: 'the key "__proto__" is not allowed',
  },
  {
    name: 'the same deep inside',
    text: change('{ count: 10', '{ __proto__: { rate: 1/s }, count: 10'),
    at: '__proto__',
    says: 'the key "__proto__" is not allowed',
  },
  { name: 'aliases that grow to a billion laughs', text: laughs.join('\n'), at: 'a:', says: 'Excessive alias count' },
  { name: 'an alias of nothing', text: change('name: small', 'name: *small'), at: 'version', says: 'Unresolved alias' },
  {
    name: 'brackets without end',
    text: `${'['.repeat(1000)}{${'['.repeat(200_000)}`,
    at: '{',
    says: 'more than 1000 brackets are open here',
  },
  {
    name: 'a key given twice',
    text: change('duration: 1m', 'duration: 1m\nduration: 2m'),
    at: 'duration: 2m',
    says: '',
  },
  { name: 'an empty file', text: '', at: '', says: 'the file is empty' },
  { name: 'a file that is no text', text: Uint8Array.of(0x1f, 0x8b, 0, 0, 1), says: 'the file is not a text file' },
];

/** `:9:1`, from where the words stand in the text. */
function placeOf({ text, at }: Case): string {
  if (at === undefined) return '';
  const lines = String(text).slice(0, String(text).indexOf(at)).split('\n');
  return `:${lines.length}:${lines.at(-1)!.length + 1}`;
}

describe('a scenario that cannot be played', () => {
  it.each(CASES)('$name: told once with its place, code 2, nothing written', async (one) => {
    const path = write(one.text);
    const played = await switchyard(['replay', path, '--out', out]);
    expect(played.err).toContain(`${path}${placeOf(one)}: error: ${one.says}`);
    expect(played.err.match(/error: /g)).toHaveLength(1);
    expect({ code: played.code, out: played.out }).toEqual({ code: 2, out: '' });
    expect(existsSync(out)).toBe(false);
  });

  it.each(CASES)('$name: `validate` says the same', async (one) => {
    const path = write(one.text);
    const checked = await switchyard(['validate', path]);
    expect(checked.out).toContain(`${path}${placeOf(one)}: error: ${one.says}`);
    expect(checked.code).toBe(2);
  });

  it('one broken thing of each kind at once: all are told', async () => {
    const path = write(
      GOOD.replace('ttl: 60', 'ttl: 5').replace('[a], fall', '[b], fall').replace('a-1,', 'a-1, wieght: 2,'),
    );
    const { err, code } = await switchyard(['replay', path, '--out', out]);
    expect(err).toContain('ttl is not in range');
    expect(err).toContain('no pool has the id or name "b"');
    expect(err).toContain('did you mean "weight"?');
    expect(err).toContain('3 errors\n');
    expect(code).toBe(2);
  });

  it('as JSON: the same problems on stdout', async () => {
    const path = write(change('duration', 'durration'));
    const { err, code, out: text } = await switchyard(['replay', path, '--json', '--out', out]);
    expect({ err, code }).toEqual({ err: '', code: 2 });
    expect(JSON.parse(text)).toMatchObject({ ok: false, problems: [{ line: 9, column: 1, file: path }] });
  });
});

describe('a command that cannot be carried out', () => {
  it.each([
    { name: 'a folder in place of a scenario', argv: ['replay', 'a-folder.yaml'], says: 'is a directory, not a file' },
    { name: 'a scenario that is not there', argv: ['replay', 'gone.yaml'], says: 'does not exist' },
    {
      name: 'reports where a file stands',
      argv: ['replay', 'good.yaml', '--out', 'good.yaml'],
      says: 'is in the way: it is not a folder',
    },
    {
      name: 'a value that cannot be put in',
      argv: ['replay', 'good.yaml', '--set', 'duration'],
      says: '--set: error: "duration" cannot be read',
    },
    {
      name: 'a check of nonsense',
      argv: ['replay', 'good.yaml', '--check', 'mood > 5'],
      says: '--check: error: unknown metric "mood"',
    },
    {
      name: 'an unknown level of trace',
      argv: ['replay', 'good.yaml', '--trace', 'loud'],
      says: 'is not one of all, notable, none',
    },
    {
      name: 'a GeoIP file that is none',
      argv: ['replay', 'good.yaml', '--geo-db', 'good.yaml'],
      says: 'is no GeoIP file',
    },
    { name: 'an unknown verb', argv: ['repaly'], says: "unknown command 'repaly'" },
    { name: 'an unknown option', argv: ['replay', '--sead', '1'], says: "unknown option '--sead'" },
    { name: 'an unknown PoP', argv: ['explain', 'good.yaml', '--from', 'XXX'], says: 'unknown PoP "XXX"' },
    { name: 'a moment outside the run', argv: ['explain', 'good.yaml', '--at', '15:00'], says: 'is outside the run' },
    { name: 'an unknown schema', argv: ['schema', 'scenarios'], says: 'did you mean "scenario"?' },
    { name: 'a trace that is not there', argv: ['trace-diff', 'gone.ndjson', 'gone.ndjson'], says: 'does not exist' },
    { name: 'a report that is none', argv: ['report', 'good.yaml'], says: 'not JSON' },
    { name: 'a report that is a folder', argv: ['report', 'a-folder.yaml'], says: 'is a directory' },
  ])('$name: said on stderr, code 2', async ({ argv, says }) => {
    writeFileSync(join(folder, 'good.yaml'), GOOD);
    const words = argv.map((word) => (/\.(?:yaml|ndjson)$/.test(word) ? join(folder, word) : word));
    const { code, err } = await switchyard(
      words[0] === 'replay' && !words.includes('--out') ? [...words, '--out', out] : words,
    );
    expect(err).toContain(says);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});
