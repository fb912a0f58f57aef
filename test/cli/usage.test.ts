/** What every verb has in common: help, exit codes, the first and the last line. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { switchyard } from './terminal.ts';

const ROOT = join(import.meta.dirname, '../..');
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  scripts: Record<string, string>;
};
let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-usage-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const { out: help } = await switchyard(['--help']);
const VERBS = [...help.matchAll(/^ {2}([a-z-]+) (?:\[|<)/gm)]
  .map((match) => match[1]!)
  .filter((verb) => verb !== 'help');

describe('help', () => {
  it('without arguments: the list of verbs', async () => {
    expect(VERBS).toContain('replay');
    expect(await switchyard([])).toEqual({ code: 0, out: help, err: '' });
  });

  it.each(VERBS)('%s has its own page, and a script of the same name', async (verb) => {
    const { code, out } = await switchyard([verb, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^Usage: switchyard ${verb} `));
    if (verb !== 'completion') expect(MANIFEST.scripts[verb]).toBe(`node bin/switchyard.js ${verb}`);
  });
});

describe('a run', () => {
  it('begins with version, seed and configuration, ends with the command that repeats it', async () => {
    const out = join(root, 'run');
    const argv = [
      'scenarios/weighted-canary.yaml',
      '--seed',
      '7',
      '--set',
      'traffic[0].clients.rate=20/s',
      '--check',
      'failed_requests == 0',
    ];
    const said = await switchyard(['replay', ...argv, '--out', out]);
    const lines = said.out.trimEnd().split('\n');
    expect(lines[0]).toMatch(new RegExp(`^switchyard ${MANIFEST.version} .* seed 7 .* config [0-9a-f]{12}$`));
    expect(lines.at(-1)).toBe(
      "Repeat  npx switchyard replay scenarios/weighted-canary.yaml --seed 7 --set 'traffic[0].clients.rate=20/s' --check 'failed_requests == 0'",
    );
  });

  it('a check that does not hold: code 3, and it is named', async () => {
    const argv = ['replay', 'scenarios/weighted-canary.yaml', '--quiet', '--out', join(root, 'fails')];
    const said = await switchyard([...argv, '--check', 'failed_requests == 0']);
    expect(said.code).toBe(3);
    expect(said.out).toContain('FAILED');
  });

  it('several files: one folder each, the worst code', async () => {
    const out = join(root, 'several');
    const files = ['scenarios/weighted-canary.yaml', 'scenarios/zero-downtime.yaml'];
    const { code } = await switchyard([
      'replay',
      ...files,
      '--set',
      'traffic[0].clients.rate=20/s',
      '--check',
      'failed_requests == 0',
      '--quiet',
      '--out',
      out,
    ]);
    expect(readdirSync(out).toSorted()).toEqual(['weighted-canary', 'zero-downtime']);
    expect(code).toBe(3);
  });

  it('--json: the report and nothing else', async () => {
    const argv = ['replay', 'scenarios/weighted-canary.yaml', '--json', '--out', join(root, 'json')];
    const { out, err } = await switchyard(argv);
    expect(out).toBe(readFileSync(join(root, 'json/report.json'), 'utf8'));
    expect(err).toBe('');
  });

  it('under GitHub Actions: annotations', async () => {
    const argv = [
      'replay',
      'scenarios/weighted-canary.yaml',
      '--check',
      'failed_requests == 0',
      '--out',
      join(root, 'actions'),
    ];
    const { out } = await switchyard(argv, { env: { GITHUB_ACTIONS: 'true' } });
    expect(out).toMatch(/^::error /m);
  });

  it('no colours where nobody looks; colours on a terminal, unless NO_COLOR', async () => {
    const argv = ['replay', 'scenarios/weighted-canary.yaml', '--quiet', '--out', join(root, 'colours')];
    const escape = '\u001b[';
    expect((await switchyard(argv)).out).not.toContain(escape);
    expect((await switchyard(argv, { outIsTerminal: true })).out).toContain(escape);
    expect((await switchyard(argv, { outIsTerminal: true, env: { NO_COLOR: '1' } })).out).not.toContain(escape);
  });
});

describe('validate without a file', () => {
  it('checks what a project keeps in scenarios and examples', async () => {
    const { code, out } = await switchyard(['validate'], { cwd: ROOT });
    expect(code).toBe(0);
    expect(out).toContain('scenarios/flagship.yaml: valid scenario');
    expect(out).toContain('examples/shop.yaml: valid configuration');
  });

  it('says so where there are none', async () => {
    const empty = join(root, 'empty');
    mkdirSync(empty, { recursive: true });
    const { code, err } = await switchyard(['validate'], { cwd: empty });
    expect(err).toContain('no file given');
    expect(code).toBe(2);
  });
});

describe('trace-diff', () => {
  it('0 for equal traces, 3 for others, with the first difference explained', async () => {
    const play = (seed: string): string[] => [
      'replay',
      'scenarios/zero-downtime.yaml',
      '--seed',
      seed,
      '--set',
      'traffic[0].clients.rate=20/s',
      '--trace',
      'all',
      '--quiet',
    ];
    for (const [name, seed] of [
      ['a', '1'],
      ['b', '1'],
      ['c', '2'],
    ] as const) {
      await switchyard([...play(seed), '--check', 'failed_requests >= 0', '--out', join(root, name)]);
    }
    const trace = (name: string): string => join(root, name, 'events.ndjson');
    expect(await switchyard(['trace-diff', trace('a'), trace('b')])).toMatchObject({ code: 0 });
    const other = await switchyard(['trace-diff', trace('a'), trace('c')]);
    expect(other.code).toBe(3);
    expect(other.out).toMatch(/^the runs are not of one seed/);
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints a script for %s', (shell) => {
    const { status, stdout } = spawnSync(process.execPath, ['bin/switchyard.js', 'completion', shell], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    expect(stdout).toContain('switchyard complete');
  });

  it('offers verbs and their options', () => {
    const ask = (...words: string[]): string =>
      spawnSync(process.execPath, ['bin/switchyard.js', 'complete', '--', ...words], { cwd: ROOT, encoding: 'utf8' })
        .stdout;
    expect(ask('rep')).toMatch(/^replay\t.*\nreport\t/);
    expect(ask('replay', '--se')).toMatch(/^--seed\t/);
  });
});
