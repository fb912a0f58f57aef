/**
 * Tests mirror src/. Nothing here waits on a clock, so a test that takes longer than its project allows is stuck. Three groups, by what
 * they need of the machine: `all` needs nothing but time; `sockets` has sockets, processes and files that are watched; `drills` measure,
 * so they run after everything else, one file at a time, or they would measure the other tests.
 */
import { defineConfig } from 'vitest/config';

const DRILLS = 'test/drill/drills/**/*.test.ts';
const SOCKETS = [
  'test/live/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/package/**/*.test.ts',
  'test/drill/lab/**/*.test.ts',
  'test/drill/{bad-input,own-server,short}.test.ts',
];

/**
 * Of tests that talk to the kernel and to other processes: a process that was given no processor for a second is no finding about this
 * program, so what fails is played once more; what fails twice is a finding. Drills, of a dozen processes that measure each other, are played
 * twice more. The output says `retry x1` of what was repeated.
 */
const ONCE_MORE = { retry: 1, testTimeout: 180_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The standard, one less than there are cores, is one at a time on a small machine.
    maxWorkers: '100%',
    // Some tests read what others would only see under a terminal or in another zone.
    env: { TZ: 'UTC', NO_COLOR: '1' },
    // Group 0 would not do: with one worker vitest plays it last. One group runs side by side, so the machine is never idle for a project.
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [DRILLS, ...SOCKETS],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'sockets', include: SOCKETS, sequence: { groupOrder: 1 }, ...ONCE_MORE },
      },
      {
        extends: true,
        test: {
          name: 'drills',
          include: [DRILLS],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...ONCE_MORE,
          retry: 2,
        },
      },
    ],
  },
});
