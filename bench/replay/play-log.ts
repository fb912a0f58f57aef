/** One measured replay of an access log: `play-log.ts FILE`. Prints requests, CPU seconds, and peak memory. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { filesBeside } from '../../src/cli/files.ts';
import { prepareReplay } from '../../src/replay/load.ts';
import { replay } from '../../src/replay/run.ts';

const file = fileURLToPath(new URL('world.yaml', import.meta.url));
const before = process.cpuUsage();
const prepared = await prepareReplay(readFileSync(file, 'utf8'), file, filesBeside(file, undefined), {
  version: 'bench',
  repeat: '',
  set: [`traffic=[{ log: ${process.argv[2]} }]`, 'duration=24h', 'resolution=60s', 'timeline=[]'],
});
if (!prepared.ok) throw new Error(JSON.stringify(prepared.problems));
const report = await replay(prepared.value);
const used = process.cpuUsage(before);
console.log(
  JSON.stringify({
    requests: report.totals.requests,
    seconds: (used.user + used.system) / 1e6,
    rssMib: process.resourceUsage().maxRSS / 1024,
  }),
);
