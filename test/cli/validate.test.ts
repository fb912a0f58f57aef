import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT, type Io } from '../../src/cli/io.ts';
import { countProblems, formatProblem, formatProblems, printProblems } from '../../src/cli/problems.ts';
import { runSchema } from '../../src/cli/schema.ts';
import { kindOf, runValidate } from '../../src/cli/validate.ts';
import type { Problem } from '../../src/core/problem.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'validate-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function terminal(more: Partial<Io> = {}): Io & { stdout: string; stderr: string } {
  const io = {
    stdout: '',
    stderr: '',
    out: (text: string) => void (io.stdout += text),
    err: (text: string) => void (io.stderr += text),
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    env: {},
    cwd: folder,
    interrupted: new AbortController().signal,
    ...more,
  };
  return io;
}

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const GOOD =
  'version: 1\npools:\n- {name: a, origins: [{address: 192.0.2.1}]}\nload_balancers:\n- {name: www.example.com, default_pools: [a], fallback_pool: a}\n';

describe('validate', () => {
  it('a sound file: one line about it, code 0', async () => {
    const io = terminal();
    const path = file('good.yaml', GOOD);
    expect(await runValidate([path], {}, io)).toBe(EXIT.ok);
    expect(io.stdout).toMatch(
      new RegExp(`^${path}: valid configuration [0-9a-f]{12}: 1 load balancer, 1 pool, 1 origin\\n$`),
    );
    expect(io.stderr).toBe('');
  });

  it('a broken file: each problem with its line and a caret, code 2', async () => {
    const io = terminal();
    const path = file('bad.yaml', GOOD.replace('default_pools', 'default_pols'));
    expect(await runValidate([path], {}, io)).toBe(EXIT.usage);
    expect(io.stdout).toBe(
      [
        `${path}:5:3: error: default_pools is required, it must be a list`,
        '   5 | - {name: www.example.com, default_pols: [a], fallback_pool: a}',
        '     |   ^',
        `${path}:5:27: error: unknown key "default_pols", did you mean "default_pools"?`,
        '   5 | - {name: www.example.com, default_pols: [a], fallback_pool: a}',
        '     |                           ^',
        '2 errors',
        '',
      ].join('\n'),
    );
  });

  it('several files are all read, and counted', async () => {
    const io = terminal();
    expect(await runValidate([file('good.yaml', GOOD), join(folder, 'none.yaml')], {}, io)).toBe(EXIT.usage);
    expect(io.stdout).toContain('none.yaml: error: the file does not exist');
    expect(io.stdout).toContain('2 files, 1 invalid: 1 error\n');
  });

  it.each([
    ['a directory', () => folder, 'is a directory'],
    ['a binary file', () => file('b.yaml', new Uint8Array([0, 1, 2])), 'not a text file'],
    ['an empty file', () => file('e.yaml', ''), 'the file is empty'],
    ['a file above the limit', () => file('big.yaml', new Uint8Array(17 * 1024 * 1024).fill(32)), 'larger than 16 MiB'],
  ])('%s is one clear error', async (_, path, message) => {
    const io = terminal();
    expect(await runValidate([path()], {}, io)).toBe(EXIT.usage);
    expect(io.stdout.split('\n')[0]).toContain(message);
  });

  it('--json is data, the same whatever the terminal', async () => {
    const io = terminal({ outIsTerminal: true });
    const path = file('bad.yaml', 'version: 1\npols: []\n');
    expect(await runValidate([path], { json: true }, io)).toBe(EXIT.usage);
    expect(JSON.parse(io.stdout)).toEqual({
      valid: false,
      files: [
        {
          file: path,
          kind: 'config',
          valid: false,
          summary: '',
          problems: [
            {
              severity: 'error',
              file: path,
              line: 2,
              column: 1,
              path: 'pols',
              message: 'unknown key "pols"',
              hint: 'did you mean "pools"?',
            },
          ],
        },
      ],
    });
  });

  it('--lenient turns a dangling reference into a warning', async () => {
    const path = file('dangling.yaml', GOOD.replace('[a]', '[a, b]'));
    expect(await runValidate([path], {}, terminal())).toBe(EXIT.usage);
    const io = terminal();
    expect(await runValidate([path], { lenient: true }, io)).toBe(EXIT.ok);
    expect(io.stdout).toContain('warning: no pool has the id or name "b"');
  });

  it('codes of places are checked against the tables', async () => {
    const io = terminal();
    const path = file(
      'places.yaml',
      GOOD.replace('fallback_pool: a', 'fallback_pool: a, country_pools: {UK: [a]}, pop_pools: {LHR: [a]}'),
    );
    expect(await runValidate([path], {}, io)).toBe(EXIT.ok);
    expect(io.stdout).toContain(
      'warning: no country with the code UK is known, so this never applies, did you mean "GB"?',
    );
    expect(io.stdout).not.toContain('LHR is known');
  });

  it('a scenario goes to the check of scenarios', async () => {
    const path = file('story.yaml', 'version: 1\nname: x\ntimeline: []\n');
    const asked: string[] = [];
    const problem: Problem = {
      severity: 'error',
      file: path,
      line: 3,
      column: 1,
      path: 'timeline',
      message: 'no story',
      hint: '',
    };
    const check = async (text: string, name: string) => {
      asked.push(name, text);
      return { ok: false as const, problems: [problem] };
    };
    const io = terminal();
    expect(await runValidate([path], {}, io, check)).toBe(EXIT.usage);
    expect(asked).toEqual([path, 'version: 1\nname: x\ntimeline: []\n']);
    expect(io.stdout).toContain(`${path}:3:1: error: no story`);
    expect(await runValidate([path], {}, terminal(), async () => ({ ok: true, value: 1, warnings: [] }))).toBe(EXIT.ok);
  });

  it('without a file, the scenarios of the folder; without any, it says what to write', async () => {
    const io = terminal();
    expect(await runValidate([], {}, io)).toBe(EXIT.usage);
    expect(io.stderr).toContain('switchyard validate FILE');
    const other = mkdtempSync(join(tmpdir(), 'validate-'));
    mkdirSync(join(other, 'scenarios'));
    writeFileSync(join(other, 'scenarios', 'one.yaml'), 'x: 1\n');
    const list = terminal({ cwd: other });
    await runValidate([], { json: true }, list);
    expect(JSON.parse(list.stdout)).toMatchObject({ files: [{ file: join('scenarios', 'one.yaml') }] });
    rmSync(other, { recursive: true });
  });

  it('files are told apart by what is in them', () => {
    expect(kindOf({ version: 1, pools: [] })).toBe('config');
    expect(kindOf({ version: 1, traffic: [] })).toBe('scenario');
    expect(kindOf(null)).toBe('config');
  });
});

describe('problems as text', () => {
  const problem = (more: Partial<Problem> = {}): Problem => ({
    severity: 'error',
    file: 'f.yaml',
    line: 2,
    column: 3,
    path: 'a',
    message: 'wrong',
    hint: 'right',
    ...more,
  });
  const sources = (text: string): { sources: Map<string, string> } => ({ sources: new Map([['f.yaml', text]]) });

  it('without the text only the place is told', () => {
    expect(formatProblem(problem(), { colour: false })).toBe('f.yaml:2:3: error: wrong, right');
    expect(formatProblem(problem({ line: 0, hint: '' }), { colour: false })).toBe('f.yaml: error: wrong');
  });

  it('colours only when asked', () => {
    expect(formatProblem(problem(), { colour: true })).toContain('\u001b[31merror\u001b[39m');
    expect(formatProblem(problem(), { colour: false })).not.toContain('\u001b');
  });

  it('stderr is coloured for a terminal, and not under NO_COLOR', () => {
    const coloured = terminal({ errIsTerminal: true });
    printProblems([problem()], coloured, false);
    expect(coloured.stderr).toContain('\u001b[31m');
    const plain = terminal({ errIsTerminal: true, env: { NO_COLOR: '1' } });
    printProblems([problem()], plain, false);
    expect(plain.stderr).toBe('f.yaml:2:3: error: wrong, right\n1 error\n');
    const json = terminal({ errIsTerminal: true });
    printProblems([problem()], json, true);
    expect(JSON.parse(json.stdout)).toEqual({ valid: false, problems: [problem()] });
  });

  it('a long line is cut around the column', () => {
    const line = `${'a'.repeat(500)}X${'b'.repeat(500)}`;
    const [, quote = '', caret = ''] = formatProblem(problem({ line: 1, column: 501 }), {
      colour: false,
      ...sources(line),
    }).split('\n');
    expect(quote.length).toBeLessThan(120);
    expect(quote[caret.indexOf('^')]).toBe('X');
  });

  it('a tab counts one, CR is dropped, and the caret may stand behind the end', () => {
    const [, quote = '', caret = ''] = formatProblem(problem({ line: 1, column: 3 }), {
      colour: false,
      ...sources('\t\tX\r\nnext'),
    }).split('\n');
    expect(quote).toBe('   1 |   X');
    expect(quote[caret.indexOf('^')]).toBe('X');
    expect(formatProblem(problem({ line: 1, column: 99 }), { colour: false, ...sources('ab') })).toContain(
      '     |   ^',
    );
    expect(formatProblem(problem({ line: 9 }), { colour: false, ...sources('ab') })).toBe(
      'f.yaml:9:3: error: wrong, right',
    );
  });

  it('escape sequences from a file do not reach the terminal', () => {
    const text = formatProblem(problem({ line: 1, column: 1, message: 'a\u001b[2Jb\u202e' }), {
      colour: false,
      ...sources('\u001b[31mred\u0007'),
    });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  it('after a hundred the rest is counted', () => {
    const text = formatProblems(
      Array.from({ length: 250 }, () => problem()),
      { colour: false },
    );
    expect(text.split('\n')).toHaveLength(103);
    expect(text).toContain('… and 150 more\n250 errors\n');
  });

  it('counts read well', () => {
    expect(countProblems([])).toBe('no problems');
    expect(countProblems([problem(), problem({ severity: 'warning' }), problem({ severity: 'warning' })])).toBe(
      '1 error, 2 warnings',
    );
  });
});

describe('schema', () => {
  it.each(['config', 'scenario'])('%s is printed as JSON', async (name) => {
    const io = terminal();
    expect(await runSchema(name, io)).toBe(EXIT.ok);
    expect(JSON.parse(io.stdout)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
    });
  });

  it.each(['konfig', 'constructor', ''])('"%s" is not there', async (name) => {
    const io = terminal();
    expect(await runSchema(name, io)).toBe(EXIT.usage);
    expect(io.stderr).toContain(`there is no schema "${name}"`);
  });
});
