/** One measured replay in a process of its own: `play-one.ts REQUESTS [PATH=VALUE…]` (as `--set`). Prints requests, CPU seconds of the run, and peak memory. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { filesBeside } from '../../src/cli/files.ts';
import { prepareReplay } from '../../src/replay/load.ts';
import { replay } from '../../src/replay/run.ts';

/** Up to this the same twenty minutes get busier; beyond it they get longer, since what is under way at once takes memory, and rightly. */
const MOST_PER_SECOND = 8_334;
const wanted = Number(process.argv[2] ?? 100_000);
const rate = Math.min(MOST_PER_SECOND, Math.ceil(wanted / 1200));
const file = fileURLToPath(new URL('world.yaml', import.meta.url));
const prepared = await prepareReplay(readFileSync(file, 'utf8'), file, filesBeside(file, undefined), {
  version: 'bench',
  repeat: '',
  set: [...process.argv.slice(3), `traffic[0].clients.rate=${rate}/s`, `duration=${Math.ceil(wanted / rate)}s`],
});
if (!prepared.ok) throw new Error(JSON.stringify(prepared.problems));
const before = process.cpuUsage();
const report = await replay(prepared.value);
const used = process.cpuUsage(before);
console.log(
  JSON.stringify({
    requests: report.totals.requests,
    failed: report.totals.failed,
    seconds: (used.user + used.system) / 1e6,
    rssMib: process.resourceUsage().maxRSS / 1024,
  }),
);
