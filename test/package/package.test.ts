/**
 * The package as a stranger gets it: built, packed, installed into an empty folder, run there. This is the slowest test of all, and the
 * only one that asks the registry for something (what the package depends on, from npm's cache when it can).
 */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publint } from 'publint';

const ROOT = join(import.meta.dirname, '../..');
const MINUTES = 60_000;
let folder = '';
let packed: string[] = [];

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(command: string, args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

/** The installed command, under the Node that runs this test. */
function switchyard(...args: string[]): Ran {
  return run(process.execPath, [join(folder, 'node_modules/switchyard/bin/switchyard.js'), ...args]);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-package-'));
  const options: ExecFileSyncOptionsWithStringEncoding = {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  execFileSync('npm', ['run', '--silent', 'build'], options);
  // The build is done: no script of ours need run again.
  const told = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], options);
  packed = [...told.matchAll(/"path": "([^"]+)"/g)].map((match) => match[1]!);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['install', ...quiet, join(folder, tarball)], { ...options, cwd: folder });
}, 5 * MINUTES);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed package, installed into an empty folder', () => {
  it('holds what is needed at run time, and no sources', () => {
    for (const path of [
      'LICENSE',
      'README.md',
      'bin/switchyard.js',
      'dist/main.mjs',
      'dist/main.d.mts',
      'dist/report.d.mts',
    ]) {
      expect(packed).toContain(path);
    }
    expect(packed).toContain('scenarios/flagship.yaml');
    expect(packed).toContain('data/apache_access.log');
    expect(packed).toContain('data/geoip/LICENSE-MIT');
    expect(packed.filter((path) => /^(?:src|test|bench|scripts|node_modules)\//.test(path))).toEqual([]);
  });

  it('says its version', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(switchyard('--version')).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
  });

  it('checks and plays a scenario that came with it', () => {
    const file = 'node_modules/switchyard/scenarios/weighted-canary.yaml';
    expect(switchyard('validate', file)).toMatchObject({ code: 0, err: '' });
    const { code, out } = switchyard('replay', file, '--out', 'report');
    expect(out).toContain('PASSED');
    expect(code).toBe(0);
    expect(readdirSync(join(folder, 'report')).toSorted()).toEqual([
      'events.ndjson',
      'junit.xml',
      'report.html',
      'report.json',
      'summary.md',
    ]);
  });

  it('finds its data: the log, the tables, the country file, the schemas and the map', () => {
    const { code, out } = switchyard('replay', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(out) as { totals: { requests: number }; pops: { region: string }[] };
    expect(report.totals.requests).toBe(10_000);
    // Without country data every visitor would be at one PoP.
    expect(new Set(report.pops.map((pop) => pop.region)).size).toBeGreaterThan(5);
    expect(readFileSync(join(folder, 'out/flagship/report.html'), 'utf8')).toContain('<svg');
    expect(switchyard('init', 'geo', '--dir', 'mine', '--force')).toMatchObject({ code: 0, err: '' });
    expect(switchyard('validate', 'mine/geo.yaml')).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(switchyard('schema', 'config').out)).toHaveProperty('properties.load_balancers');
  });

  it('is a module of its own, with types', () => {
    const code =
      "import { main } from 'switchyard'; import { REPORT_SCHEMA } from 'switchyard/report'; console.log(typeof main, REPORT_SCHEMA)";
    const { out, err } = run(process.execPath, ['--input-type=module', '-e', code]);
    expect({ out, err }).toEqual({ out: 'function switchyard.report/1\n', err: '' });
  });

  it('has the shape that package managers and bundlers expect', async () => {
    const { messages } = await publint({ pkgDir: join(folder, 'node_modules/switchyard'), pack: false });
    expect(messages).toEqual([]);
  });

  const old = olderNode();
  it.skipIf(old === undefined)('on an older Node: one line that says what is needed, exit code 2', () => {
    const { code, out, err } = run(old!, [join(folder, 'node_modules/switchyard/bin/switchyard.js'), 'replay']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^switchyard needs Node 26 or newer, and this is v\d+\.\d+\.\d+: [^\n]+\n$/);
  });
});

/** A Node older than 26 on this machine, if there is one. */
function olderNode(): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const command = join(directory, 'node');
    const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    if (/^v\d+/.test(stdout ?? '') && Number(stdout.slice(1).split('.')[0]) < 26) return command;
  }
  return undefined;
}
