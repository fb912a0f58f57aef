/** The ban on hidden clock, chance and network on small pieces of code. The real house is in ../architecture.test.ts. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findHiddenInputs, hiddenInputs } from './hidden-inputs.ts';

/** What is named first in each complaint. */
function named(code: string, room = 'steering'): string[] {
  return hiddenInputs(`src/${room}/a.ts`, code).map((line) => line.split(': ')[1] ?? '');
}

describe('hidden clock, chance and network', () => {
  it.each([
    ['const t = Date.now();', 'Date.now'],
    ['const t = new Date();', 'Date'],
    ['const t = new Date;', 'Date'],
    ['const t = Date();', 'Date'],
    ['const { now } = Date;', 'Date'],
    ['const t = Date["now"]();', 'Date'],
    ['const clock = Date.now;', 'Date.now'],
    ['const clock = { Date };', 'Date'],
    ['const t = performance.now();', 'performance'],
    ['const t = Temporal.Now.instant();', 'Temporal'],
    ['const t = process.hrtime();', 'process'],
    ['setTimeout(() => 1, 5);', 'setTimeout'],
    ['setInterval(() => 1, 5);', 'setInterval'],
    ['const later = setImmediate;', 'setImmediate'],
    ['globalThis.setTimeout(() => 1);', 'globalThis'],
    ['function wait(clock = setTimeout) {}', 'setTimeout'],
    ['const x = Math.random();', 'Math.random'],
    ['const { random } = Math;', 'Math.random'],
    ['const { random: dice } = Math;', 'Math.random'],
    ['const { ...all } = Math;', 'Math'],
    ['const math = Math;', 'Math'],
    ['const x = Math["random"]();', 'Math'],
    ['const id = crypto.randomUUID();', 'crypto'],
    ["import { randomBytes } from 'node:crypto';", 'randomBytes of node:crypto'],
    ["import { randomInt as dice } from 'crypto';", 'randomInt of crypto'],
    ["import * as all from 'node:crypto';", 'all of node:crypto'],
    ["import all from 'node:crypto';", 'all of node:crypto'],
    ['const page = await fetch("http://a/");', 'fetch'],
    ['const ask = (go = fetch) => go("/");', 'fetch'],
    ['const socket = new WebSocket("ws://a/");', 'WebSocket'],
    ['const h = new Date(0).getHours();', 'getHours'],
    ['const zone = new Date(0).getTimezoneOffset();', 'getTimezoneOffset'],
    ['const text = (5).toLocaleString();', 'toLocaleString'],
    ['list.sort((a, b) => a.localeCompare(b));', 'localeCompare'],
    ['const f = new Intl.NumberFormat();', 'Intl'],
  ])('refuses %s', (code, what) => {
    expect(named(code)).toEqual([what]);
  });

  it.each([
    'const t = new Date(5).toISOString();',
    'const t = Date.UTC(2026, 0, 1);',
    'const t = Date.parse("2026-01-01T00:00:00Z");',
    'const is = t instanceof Date;',
    'let t: Date | undefined; type Clock = typeof Date.now; interface Timer { setTimeout(): void; fetch: number }',
    'const t = new Date(5).getUTCHours();',
    'const clock = { now: () => 5 }; clock.now();',
    'world.setTimeout(5); world.fetch("/"); const a = { fetch: 1, setTimeout() {} };',
    'function ask(fetch: (path: string) => void) { fetch("/"); }',
    'const x = Math.max(1, 2) + Math.floor(1.5); const { PI } = Math;',
    "import { createHash, timingSafeEqual } from 'node:crypto'; createHash('sha256');",
    "import type { webcrypto } from 'node:crypto';",
    'class Timer { setTimeout(): void {} get performance(): number { return 1; } }',
    'const text = (5).toLocaleString("en-US"); const order = a.localeCompare(b, "en");',
    '// Date.now() in a comment\nconst s = "Math.random()";',
  ])('lets pass %s', (code) => {
    expect(named(code)).toEqual([]);
  });

  it('knows that exp and sin may differ by engine, where that matters', () => {
    expect(named('const x = Math.exp(1) + Math.sqrt(2);', 'core')).toEqual(['Math.exp']);
    expect(named('const x = Math.exp(1);', 'report')).toEqual([]);
  });

  it('says where', () => {
    expect(hiddenInputs('src/health/a.ts', 'const a = 1;\n  const t = Date.now();')).toEqual([
      'src/health/a.ts:2:13: Date.now: `now: Micros` is an argument',
    ]);
  });

  it('is broken when it sees no files', () => {
    const empty = mkdtempSync(join(tmpdir(), 'switchyard-house-'));
    mkdirSync(join(empty, 'src/live'), { recursive: true });
    expect(findHiddenInputs(empty)).toEqual({
      files: 0,
      hidden: ['no file was seen: the reader of sources is broken'],
    });
    rmSync(empty, { recursive: true });
  });
});
