import { expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunInputs } from '../../../src/engine/run-context.ts';
import { resumeRun } from '../../helpers/crash.ts';
import { busyWorld, verified } from '../../helpers/verified-run.ts';

test('a run that is left in a hurry before its ledger was checked has not passed, and passes when it goes on', async () => {
  const world = await busyWorld();
  const hurry = new AbortController();
  const plain = await world.inputs({
    hasLoad: true,
    stages: [{ kind: 'stop', id: 'stop', node: 'node-3' }],
    onRecord: (record) => {
      // All steps are done; what the run has stopped is started again.
      if (record.type === 'effect.intent' && record.step === 'compensation') hurry.abort();
    },
  });
  const inputs: RunInputs = { ...plain, hurry: hurry.signal };
  const result = await world.untilSettled(executeRun(inputs));
  expect(hurry.signal.aborted).toBe(true);
  expect(result).toMatchObject({
    outcome: 'interrupted',
    reason: 'nobody waited until its traffic was accounted for; the run does that when it goes on',
  });
  const resumed = await resumeRun(world, { ...plain, hurry: undefined });
  expect(resumed.result.outcome, resumed.result.reason).toBe('passed');
  expect(resumed.records.filter(({ type }) => type === 'load.finished')).toHaveLength(1);
  expect((await verified(resumed.result.runDir)).findings.filter(({ kind }) => kind !== 'note')).toEqual([]);
});
