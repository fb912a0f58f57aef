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
// Compiled code is kept between runs in the folder for temporary files: a cold start costs a quarter less.
module.enableCompileCache?.();
const inCheckout = existsSync(new URL('../src/cli/main.ts', import.meta.url));
const { main } = await import(inCheckout ? '../src/cli/main.ts' : '../dist/main.mjs');
process.exitCode = await main(process.argv.slice(2));
