/**
 * `npm run bench:replay [-- --quick]`: simulated requests per second of one core at several sizes, interleaved with a bare heap loop; memory
 * at the smallest and largest size; lines per second of a generated access log; and the flagship from a cold start. CPU time, not wall time,
 * except for the cold start, so a busy neighbour disturbs less.
 */
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const quick = process.argv.includes('--quick');
const long = process.argv.includes('--long');
const sizes = quick
  ? [100_000, 1_000_000]
  : long
    ? [100_000, 1_000_000, 10_000_000, 100_000_000]
    : [100_000, 1_000_000, 10_000_000];
const rounds = quick ? 2 : 3;
const logLines = quick ? 200_000 : long ? 10_000_000 : 1_000_000;

interface Result {
  readonly requests: number;
  readonly seconds: number;
  readonly rssMib: number;
}

function child(file: string, ...words: readonly string[]): Result {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return JSON.parse(
    execFileSync(process.execPath, [path, ...words], { encoding: 'utf8', maxBuffer: 1 << 26 }),
  ) as Result;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const million = (value: number): string => `${(value / 1e6).toFixed(2)} M/s`;

const rates = new Map<number, number[]>(sizes.map((size) => [size, []]));
const memory = new Map<number, number>();
const loops: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  for (const size of sizes) {
    const loop = child('heap-loop.ts', '2000000');
    loops.push(loop.requests / loop.seconds);
    if (size >= 100_000_000 && round > 0) continue;
    const one = child('play-one.ts', String(size));
    rates.get(size)!.push(one.requests / one.seconds);
    memory.set(size, Math.max(memory.get(size) ?? 0, one.rssMib));
    process.stderr.write(
      `round ${round + 1}: ${size} requests, ${million(one.requests / one.seconds)}, ${one.rssMib.toFixed(0)} MiB\n`,
    );
  }
}

const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
const bin = fileURLToPath(new URL('../../bin/switchyard.js', import.meta.url));
let log = { lines: 0, seconds: 0, rssMib: 0 };
let coldSeconds: number[] = [];
try {
  const file = join(folder, 'access.log');
  await writeLog(file, logLines);
  const played = child('play-log.ts', file);
  log = { lines: logLines, seconds: played.seconds, rssMib: played.rssMib };
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    try {
      execFileSync(process.execPath, [bin, 'replay', '--quiet', '--out', join(folder, 'out')], { stdio: 'ignore' });
    } catch (error) {
      if ((error as { status?: number }).status !== 3) throw error;
    }
    coldSeconds = [...coldSeconds, (performance.now() - begun) / 1000];
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const loopRps = median(loops);
const small = sizes[0]!;
const large = sizes.at(-1)!;
const best = median(rates.get(sizes.filter((size) => size <= 10_000_000).at(-1)!)!);
console.log(
  `${'requests'.padStart(12)}  ${'replay'.padStart(10)}  ${'of the loop'.padStart(11)}  ${'peak memory'.padStart(11)}`,
);
for (const size of sizes) {
  const rate = median(rates.get(size)!);
  console.log(
    `${size.toLocaleString('en-US').padStart(12)}  ${million(rate).padStart(10)}  ${(rate / loopRps).toFixed(2).padStart(11)}  ${`${memory.get(size)!.toFixed(0)} MiB`.padStart(11)}`,
  );
}
console.log(`bare heap loop ${million(loopRps)}`);
console.log(
  `access log of ${log.lines.toLocaleString('en-US')} lines: ${Math.round(log.lines / log.seconds).toLocaleString('en-US')} lines/s, ${log.rssMib.toFixed(0)} MiB`,
);
console.log(`flagship (10,000 lines, report included) from a cold start: ${median(coldSeconds).toFixed(2)} s wall`);
console.log(
  JSON.stringify({
    replay_rps: Math.round(best),
    loop_rps: Math.round(loopRps),
    ratio: Number((best / loopRps).toFixed(3)),
    rss_mib_small: Math.round(memory.get(small)!),
    rss_mib_large: Math.round(memory.get(large)!),
    log_lines_per_second: Math.round(log.lines / log.seconds),
    log_rss_mib: Math.round(log.rssMib),
    cold_start_seconds: Number(median(coldSeconds).toFixed(2)),
  }),
);

/** A log of one day from 5,000 addresses, seeded, in combined format. */
async function writeLog(file: string, lines: number): Promise<void> {
  const out = createWriteStream(file);
  let block = '';
  const step = 86_400 / lines;
  for (let line = 0; line < lines; line += 1) {
    const second = Math.floor(line * step);
    const two = (value: number): string => String(value).padStart(2, '0');
    const clock = `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
    const client = (Math.imul(line, 2654435761) >>> 0) % 5_000;
    block += `10.${client >> 8}.${client & 255}.7 - - [01/Mar/2026:${clock} +0000] "GET /page/${client % 300} HTTP/1.1" 200 ${2_000 + (client % 90_000)} "-" "bench"\n`;
    if (block.length > 1 << 20) {
      if (!out.write(block)) await once(out, 'drain');
      block = '';
    }
  }
  out.end(block);
  await once(out, 'finish');
}
