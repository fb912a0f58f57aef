/**
 * How large V8's space for young objects may grow; one setting for the whole process.
 *
 * A proxy makes short-lived objects at a steady rate; left alone the space grows to 32 MiB, which costs memory and does not fit the
 * processor's cache. The size itself can only be set before V8 starts (`--max-semi-space-size`, which brought 115 to 129 MiB where it was
 * tried); growing can be stopped at any time, which helps less surely: 130 and 163 MiB in two runs on a busy machine.
 *
 * A process that carries pages over the link wants no growth at all: each request handles half a dozen buffers of the page's size,
 * outside the heap, and hardly any objects. With a large space scavenges, which would free those buffers cheaply, come so rarely that
 * the limit on outside memory forces full collections instead: measured on a 92 kB page, 63 of them in 500 requests and 7.3 ms of CPU
 * per request for edge, listener, origin and visitor in one process; with a space that stays small 11, and 5.1 ms.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const ENOUGH_BYTES = 8 * 1024 * 1024;
const LOOK_MS = 50;

let bounded = false;

/** Let it grow until it is enough, then no further. */
export function boundYoungSpace(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    if (!bounded && (young === undefined || young.space_size < ENOUGH_BYTES)) return;
    clearInterval(timer);
    keepYoungSpace();
  }, LOOK_MS);
  timer.unref();
}

/** No further from now on. */
export function keepYoungSpace(): void {
  if (bounded) return;
  bounded = true;
  setFlagsFromString('--semi-space-growth-factor=1');
}
