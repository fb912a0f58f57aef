/** Tests mirror src/. Nothing here waits on a clock, so a test that takes longer than this is stuck. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Some tests read what others would only see under a terminal or in another zone.
    env: { TZ: 'UTC', NO_COLOR: '1' },
  },
});
