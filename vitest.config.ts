import { defineConfig } from 'vitest/config';

const longTest = { testTimeout: 120_000, hookTimeout: 300_000 };
/**
 * Most of their time they wait: for a time to live, for a program to start, for a network that needs little of a core. Not among them is
 * test/e2e/drills, whose gates ask monitored containers twice a second for minutes: a neighbour's bursts silence a node for too long.
 */
const waiting = [
  'test/contract/{backup,docker-provider,lab}/**/*.test.ts',
  'test/integration/{lab-docker,lab-process,pulumi-deploy,toolchain}/**/*.test.ts',
  'test/integration/node/{bad-releases,unsafe-releases}.test.ts',
  'test/cli/{attach,backup,bad-input,bad-release-drill,bad-releases,chaos,down-keep,drills,fault,interrupted-drill,killed-drill,resume,schedule,second-system,shrink,snapshot,unsafe-drills}.test.ts',
  'test/e2e/{bad-releases,down-keep,fault,pulumi-story,releases-and-testnets,resume,snapshot}.test.ts',
];

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
          exclude: waiting,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          ...longTest,
        },
      },
      { test: { name: 'waiting', include: waiting, maxWorkers: 2, sequence: { groupOrder: 2 }, ...longTest } },
    ],
  },
});
