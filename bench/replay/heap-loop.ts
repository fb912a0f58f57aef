/**
 * The bound to compare with: a bare event loop, `heap-loop.ts REQUESTS`. Each request is an arrival and a completion through the heap, one
 * random number and one counter, and nothing else is done. What a replay needs beyond this is what its decisions cost.
 */
import { seededRandom } from '../../src/core/random.ts';
import { EventQueue } from '../../src/sim/event-queue.ts';

const wanted = Number(process.argv[2] ?? 1_000_000);
const queue = new EventQueue();
const random = seededRandom(1);
const counts = new Float64Array(16);
const before = process.cpuUsage();
let arrivals = 0;
queue.push(0, 0, 0);
while (queue.size > 0) {
  const at = queue.nextAt;
  const { kind, operand } = queue;
  queue.drop();
  if (kind === 0) {
    arrivals += 1;
    if (arrivals < wanted) queue.push(at + 1_000, 0, 0);
    queue.push(at + 60_000 + Math.floor(random.next() * 80_000), 1, arrivals & 15);
  } else counts[operand]! += 1;
}
const used = process.cpuUsage(before);
console.log(
  JSON.stringify({ requests: counts.reduce((sum, one) => sum + one, 0), seconds: (used.user + used.system) / 1e6 }),
);
