#!/usr/bin/env node
// Plain old JavaScript, so that even an old Node can read it and say what is missing. The program itself is src/cli/main.ts in a
// checkout and dist/main.mjs in the published package.
import { existsSync } from 'node:fs';
import module from 'node:module';

const NEEDED = 26;
if (Number(process.versions.node.split('.')[0]) < NEEDED) {
  console.error(
    `switchyard needs Node ${NEEDED} or newer, and this is ${process.version}: install it from nodejs.org or run "npx -p node@${NEEDED} switchyard"`,
  );
  process.exit(2);
}
// A process that passes bytes on makes short-lived objects at a steady rate, and V8 gives those up to 32 MiB. 4 MiB a half fit the
// processor's cache and cost no more collections that matter, but can only be asked for before V8 starts: the process starts over as itself.
const YOUNG_SPACE = '--max-semi-space-size';
if (
  ['serve', 'listener'].includes(process.argv[2]) &&
  process.execve !== undefined &&
  process.channel === undefined &&
  ![...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((flag) => flag.includes(YOUNG_SPACE))
) {
  const flags = [`${YOUNG_SPACE}=4`, ...process.execArgv];
  try {
    process.execve(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)]);
  } catch {
    // Not on this system: it works as it is, with a little more memory.
  }
}
// Compiled code is kept between runs in the folder for temporary files: a cold start costs a quarter less.
module.enableCompileCache?.();
const inCheckout = existsSync(new URL('../src/cli/main.ts', import.meta.url));
const { main } = await import(inCheckout ? '../src/cli/main.ts' : '../dist/main.mjs');
process.exitCode = await main(process.argv.slice(2));
