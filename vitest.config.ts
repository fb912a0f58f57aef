/**
 * Tests mirror src/. Nothing here waits on a clock, so a test that takes longer than this is stuck. All but the drills: those run after
 * everything else, one file at a time, since they measure and would measure the other tests.
 */
import { defineConfig } from 'vitest/config';

const DRILLS = 'test/drill/drills/**/*.test.ts';

export default defineConfig({
  test: {
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The standard, one less than there are cores, is one at a time on a small machine.
    maxWorkers: '100%',
    // Some tests read what others would only see under a terminal or in another zone.
    env: { TZ: 'UTC', NO_COLOR: '1' },
    // Group 0 would not do: with one worker vitest plays it last.
    projects: [
      {
        extends: true,
        test: { name: 'all', include: ['test/**/*.test.ts'], exclude: [DRILLS], sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'drills', include: [DRILLS], fileParallelism: false, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
