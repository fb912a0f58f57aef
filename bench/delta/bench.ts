/**
 * How small and how fast are the deltas? Over a folder with one sub-folder per page, its versions in the order of
 * their names, every version is coded against the one before it: by our codec in three tiers, by Node's compressors
 * with and without dictionary, by `xdelta3` and `zstd --patch-from` where they are installed.
 *
 *   npm run bench:delta -- [FOLDER | --generated] [--quick] [--rounds N]
 *
 * Without a folder: ../shared/corpus if it exists, else (or with --generated) pages of our own generator. All codecs take turns on each pair
 * (interleaved), so that a noisy machine treats them alike; a pair's time is the best of its rounds, as others on the
 * machine can only add to it, after one round of warming up. Every delta is decoded and compared. The command-line tools are timed as processes, reading and
 * writing files in a temporary folder, less the best time of the same tool on two one-byte files: start-up is not
 * counted, file access of the page is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants as z,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { LOOP_BUDGET_US, WORKER_BUDGET_US, encode } from '../../src/railgun/delta/choose.ts';
import { ALL_CODECS, decode } from '../../src/railgun/delta/codec.ts';
import { decodeCopyAdd, encodeCopyAdd } from '../../src/railgun/delta/copy-add.ts';
import { decodeBrotli, decodeZstd, encodeBrotli, encodeZstd } from '../../src/railgun/delta/dictionary.ts';
import { NO_HURRY, QUICK, decodeHybrid, encodeHybrid } from '../../src/railgun/delta/hybrid.ts';
import { PAGE_KINDS, pageAt } from '../../src/sim/pages.ts';

interface Pair {
  readonly series: string;
  readonly old: Uint8Array;
  readonly page: Uint8Array;
}

interface Coder {
  readonly name: string;
  encode(old: Uint8Array, page: Uint8Array): Uint8Array;
  decode(old: Uint8Array, delta: Uint8Array, length: number): Uint8Array;
}

interface Result {
  readonly bytes: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
}

const { values: flags, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    generated: { type: 'boolean', default: false },
    rounds: { type: 'string' },
  },
  allowPositionals: true,
});
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 3 : 9));
const CLI_ROUNDS = flags.quick ? 1 : 3;

const OURS = 'switchyard';
const ours = (name: string, budgetUs: number): Coder => {
  let codec = 0;
  return {
    name,
    encode: (old, page) => {
      const delta = encode(old, page, { codecs: ALL_CODECS, budgetUs });
      if (delta === undefined) throw new Error('no codec');
      codec = delta.codec;
      return delta.bytes;
    },
    decode: (old, delta, length) => page(decode(codec, old, delta, length)),
  };
};

function page(decoded: ReturnType<typeof decode>): Uint8Array {
  if (decoded.kind === 'refused') throw new Error(decoded.why);
  return decoded.bytes;
}

const CODERS: readonly Coder[] = [
  ours(OURS, WORKER_BUDGET_US),
  ours('switchyard within 5 ms', LOOP_BUDGET_US),
  {
    name: 'switchyard quick',
    encode: (old, current) => encodeHybrid(old, current, QUICK, NO_HURRY) ?? encodeBrotli(old, current, 5),
    decode: (old, delta, length) => page(decodeHybrid(old, delta, length)),
  },
  {
    name: 'gzip -6',
    encode: (_, current) => gzipSync(current, { level: 6 }),
    decode: (_, delta) => gunzipSync(delta),
  },
  {
    name: 'brotli 5',
    encode: (_, current) => brotliCompressSync(current, { params: { [z.BROTLI_PARAM_QUALITY]: 5 } }),
    decode: (_, delta) => brotliDecompressSync(delta),
  },
  {
    name: 'zstd 3',
    encode: (_, current) => zstdCompressSync(current, { params: { [z.ZSTD_c_compressionLevel]: 3 } }),
    decode: (_, delta) => zstdDecompressSync(delta),
  },
  {
    name: 'copy/add (codec 1)',
    encode: encodeCopyAdd,
    decode: (old, delta, length) => page(decodeCopyAdd(old, delta, length)),
  },
  {
    name: 'zstd 9, dictionary',
    encode: (old, current) => encodeZstd(old, current, 9),
    decode: (old, delta, length) => page(decodeZstd(old, delta, length)),
  },
  {
    name: 'brotli 5, dictionary',
    encode: (old, current) => encodeBrotli(old, current, 5),
    decode: (old, delta, length) => page(decodeBrotli(old, delta, length)),
  },
];

interface Tool {
  readonly name: string;
  readonly program: string;
  encode(old: string, page: string, delta: string): string[];
  decode(old: string, delta: string, page: string): string[];
}

const TOOLS: readonly Tool[] = [
  {
    name: 'xdelta3 -9',
    program: 'xdelta3',
    // -S none: no secondary compression, as in RFC 3284 alone; -A -n: no file names, no checksum
    encode: (old, current, delta) => ['-e', '-9', '-S', 'none', '-A', '-n', '-f', '-s', old, current, delta],
    decode: (old, delta, current) => ['-d', '-f', '-s', old, delta, current],
  },
  {
    name: 'zstd -3 --patch-from',
    program: 'zstd',
    encode: (old, current, delta) => ['-q', '-f', '-3', '--no-check', `--patch-from=${old}`, current, '-o', delta],
    decode: (old, delta, current) => ['-q', '-f', '-d', `--patch-from=${old}`, delta, '-o', current],
  },
];

// ---- pages

function load(): { readonly from: string; readonly pairs: readonly Pair[] } {
  const root = join(import.meta.dirname, '../..');
  const corpus = join(root, '../shared/corpus');
  const folder = positionals[0] ?? (existsSync(corpus) ? corpus : undefined);
  if (folder === undefined || flags.generated) return { from: 'pages of our own generator', pairs: generated() };
  const pairs: Pair[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const names = readdirSync(join(folder, entry.name)).toSorted();
    const pages = names.map((name) => readFileSync(join(folder, entry.name, name)));
    pairs.push(...inPairs(entry.name, pages));
  }
  return { from: folder, pairs };
}

function generated(): Pair[] {
  return PAGE_KINDS.flatMap((kind) =>
    inPairs(
      kind,
      Array.from({ length: 14 }, (_, version) => pageAt(kind, 1, 100 + version)),
    ),
  );
}

function inPairs(series: string, pages: readonly Uint8Array[]): Pair[] {
  const pairs: Pair[] = [];
  for (const [n, old] of pages.entries()) {
    const next = pages[n + 1];
    if (next !== undefined) pairs.push({ series, old, page: next });
  }
  return pairs;
}

// ---- measuring

function since(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function measure(pairs: readonly Pair[]): Map<string, Result[]> {
  const encodeMs = CODERS.map(() => pairs.map((): number[] => []));
  const decodeMs = CODERS.map(() => pairs.map((): number[] => []));
  const bytes = CODERS.map(() => pairs.map(() => 0));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [p, pair] of pairs.entries()) {
      for (const [c, coder] of CODERS.entries()) {
        const start = process.hrtime.bigint();
        const delta = coder.encode(pair.old, pair.page);
        const encoded = since(start);
        const middle = process.hrtime.bigint();
        const back = coder.decode(pair.old, delta, pair.page.length);
        const decoded = since(middle);
        if (Buffer.compare(back, pair.page) !== 0) throw new Error(`${coder.name}: wrong page`);
        bytes[c]![p] = delta.length;
        if (round === 0) continue;
        encodeMs[c]![p]!.push(encoded);
        decodeMs[c]![p]!.push(decoded);
      }
    }
    process.stderr.write(`round ${round} of ${ROUNDS}\n`);
  }
  return new Map(
    CODERS.map((coder, c) => [
      coder.name,
      pairs.map((_, p) => ({
        bytes: bytes[c]![p]!,
        encodeMs: Math.min(...encodeMs[c]![p]!),
        decodeMs: Math.min(...decodeMs[c]![p]!),
      })),
    ]),
  );
}

/** One command-line tool over all pairs; undefined when it is not installed. */
function measureTool(tool: Tool, pairs: readonly Pair[], folder: string): Result[] | undefined {
  if (spawnSync(tool.program, ['-V']).error !== undefined) return undefined;
  const file = (name: string): string => join(folder, name);
  const timed = (args: string[]): number => {
    const start = process.hrtime.bigint();
    const done = spawnSync(tool.program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ms = since(start);
    if (done.status !== 0) throw new Error(`${tool.program} ${args.join(' ')}: ${String(done.stderr)}`);
    return ms;
  };
  writeFileSync(file('old'), 'a');
  writeFileSync(file('page'), 'b');
  const starts = Array.from({ length: 9 }, () => [
    timed(tool.encode(file('old'), file('page'), file('delta'))),
    timed(tool.decode(file('old'), file('delta'), file('back'))),
  ]);
  const idle = [0, 1].map((which) => Math.min(...starts.map((pair) => pair[which]!)));
  return pairs.map((pair) => {
    writeFileSync(file('old'), pair.old);
    writeFileSync(file('page'), pair.page);
    const rounds = Array.from({ length: CLI_ROUNDS }, () => [
      timed(tool.encode(file('old'), file('page'), file('delta'))),
      timed(tool.decode(file('old'), file('delta'), file('back'))),
    ]);
    if (Buffer.compare(readFileSync(file('back')), pair.page) !== 0) throw new Error(`${tool.name}: wrong page`);
    return {
      bytes: readFileSync(file('delta')).length,
      encodeMs: Math.max(0.01, Math.min(...rounds.map((round) => round[0]!)) - idle[0]!),
      decodeMs: Math.max(0.01, Math.min(...rounds.map((round) => round[1]!)) - idle[1]!),
    };
  });
}

// ---- reporting

const { from, pairs } = load();
const total = pairs.reduce((sum, pair) => sum + pair.page.length, 0);
const names = [...new Set(pairs.map((pair) => pair.series))];
console.log(
  `${from}: ${names.length} series, ${pairs.length} pairs, ${(total / 1e6).toFixed(1)} MB; Node ${process.version}`,
);

const results = measure(pairs);
const folder = mkdtempSync(join(tmpdir(), 'bench-delta-'));
try {
  for (const tool of TOOLS) {
    const measured = measureTool(tool, pairs, folder);
    if (measured === undefined) console.log(`${tool.program} is not installed: no row for ${tool.name}`);
    else results.set(tool.name, measured);
  }
} finally {
  rmSync(folder, { recursive: true });
}

const sum = (rows: readonly Result[], key: keyof Result): number => rows.reduce((all, row) => all + row[key], 0);
const percent = (bytes: number, of: number): string => `${((100 * bytes) / of).toFixed(3)} %`;
const gzipMs = sum(results.get('gzip -6')!, 'encodeMs');

console.log(
  `\n${'in total'.padEnd(24)}${'bytes'.padStart(10)}${'share'.padStart(10)}${'enc MB/s'.padStart(10)}${'x gzip-6'.padStart(10)}${'dec MB/s'.padStart(10)}`,
);
for (const [name, rows] of results) {
  const [bytes, encodeMs, decodeMs] = [sum(rows, 'bytes'), sum(rows, 'encodeMs'), sum(rows, 'decodeMs')];
  console.log(
    name.padEnd(24) +
      String(bytes).padStart(10) +
      percent(bytes, total).padStart(10) +
      (total / encodeMs / 1e3).toFixed(1).padStart(10) +
      (gzipMs / encodeMs).toFixed(2).padStart(10) +
      (total / decodeMs / 1e3).toFixed(0).padStart(10),
  );
}

const columns = [OURS, 'brotli 5, dictionary', 'xdelta3 -9', 'gzip -6'].filter((name) => results.has(name));
console.log(
  `\n${'per series'.padEnd(26)}${'pairs'.padStart(6)}${'median'.padStart(8)}${columns.map((name) => name.padStart(22)).join('')}`,
);
const series: Record<string, number> = {};
for (const name of names) {
  const at = [...pairs.keys()].filter((p) => pairs[p]!.series === name);
  const size = at.reduce((all, p) => all + pairs[p]!.page.length, 0);
  const share = (coder: string): string =>
    percent(
      sum(
        at.map((p) => results.get(coder)![p]!),
        'bytes',
      ),
      size,
    );
  const mine = at.map((p) => results.get(OURS)![p]!);
  series[name] = Number(((100 * sum(mine, 'bytes')) / size).toFixed(4));
  const middle = median(mine.map((row) => row.bytes));
  console.log(
    name.padEnd(26) +
      String(at.length).padStart(6) +
      String(middle).padStart(8) +
      columns.map((column) => share(column).padStart(22)).join(''),
  );
}
const cnn = (pairs.some((pair) => pair.series === 'synth-cnn-like') ? [0, 1] : []).map((odd) => {
  const rows = results.get(OURS)!.filter((_, p) => pairs[p]!.series === 'synth-cnn-like');
  return median(rows.filter((_, n) => n % 2 === odd).map((row) => row.bytes));
});
if (cnn.length > 0) console.log(`\nsynth-cnn-like, medians: five minutes ${cnn[0]} B, one hour ${cnn[1]} B`);

const share = (name: string): number | undefined => {
  const rows = results.get(name);
  return rows === undefined ? undefined : Number(((100 * sum(rows, 'bytes')) / total).toFixed(4));
};
const speed = (name: string): number => Number((gzipMs / sum(results.get(name)!, 'encodeMs')).toFixed(3));
console.log(
  JSON.stringify({
    total_pct: share(OURS),
    gzip6_pct: share('gzip -6'),
    xdelta3_pct: share('xdelta3 -9'),
    enc_vs_gzip6: speed(OURS),
    dec_mb_s: Number((total / sum(results.get(OURS)!, 'decodeMs') / 1e3).toFixed(1)),
    quick: { total_pct: share('switchyard quick'), enc_vs_gzip6: speed('switchyard quick') },
    series,
  }),
);
