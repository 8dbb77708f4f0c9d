import { expect, test } from 'vitest';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { runWorld } from '../../../helpers/run-world.ts';

const stages: RunbookStage[] = [
  { kind: 'lose', id: 'lose', nodes: ['node-1'], data: 'wipe' },
  { kind: 'recover', id: 'recover', nodes: ['node-1'] },
];

test.each([
  ['is empty', 4096, 'passed', undefined],
  ['still has data', 1_000_000, 'void', 'lose: the loss cannot be shown: node-1 still has 1000000 bytes of data'],
  ['is not measured', undefined, 'void', 'lose: the loss cannot be shown: how much data node-1 has cannot be told'],
])('a node whose disk %s after its wipe (%s bytes): %s', async (_what, sizeBytes, outcome, reason) => {
  const world = await runWorld();
  const { result } = await world.upgrade({
    ...{ stages, runbook: 'node-loss', onFailure: 'hold' },
    lab: (plain) => ({ ...plain, dataSizeBytes: async () => sizeBytes }),
  });
  expect([result.outcome, result.reason]).toEqual([
    outcome,
    reason === undefined ? undefined : expect.stringContaining(reason),
  ]);
});
