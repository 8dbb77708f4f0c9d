import { defineConfig } from 'vitest/config';

const longTest = { testTimeout: 120_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    retry: 0,
    allowOnly: false,
    reporters: [['default', { summary: false }], './test/helpers/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,architecture}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      // Real processes, engines and clocks: one file at a time, so that they do not take each other's time away.
      {
        test: {
          name: 'real',
          include: ['test/{contract,integration,cli,e2e}/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          ...longTest,
        },
      },
    ],
  },
});
