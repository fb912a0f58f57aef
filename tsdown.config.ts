/** The publishable package: plain JavaScript with types, dependencies left outside. Development needs no build. */
import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { main: 'src/cli/main.ts', report: 'src/core/report.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node26',
  dts: true,
  clean: true,
  sourcemap: false,
});
