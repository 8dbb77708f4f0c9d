import { expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import { resumeRun } from '../../helpers/crash.ts';
import { runWorld, type UpgradeOptions } from '../../helpers/run-world.ts';

const hourMs = 3_600_000;
const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const options: UpgradeOptions = {
  runbook: 'soak',
  stages: [{ kind: 'soak', id: 'soak', nodes: names, forMs: 2 * hourMs }],
};

test('a soak of hours that is cut off goes on with what was seen; the time in which nobody looked counts as missed', async () => {
  const world = await runWorld();
  let isDead = false;
  const grave = Promise.withResolvers<never>();
  grave.promise.catch(() => undefined);
  const inputs = await world.inputs({
    ...options,
    journal: (plain) => ({
      append: (event) => (isDead ? grave.promise : plain.append(event)),
      close: () => plain.close(),
    }),
  });
  const first = executeRun(inputs);
  await world.untilSettled(world.clock.sleep(hourMs));
  isDead = true;
  const cutAtMs = world.clock.monotonicMs();
  const { result, records } = await resumeRun(world, inputs);
  expect(result.outcome, result.reason).toBe('passed');
  const tookMs = world.clock.monotonicMs() - cutAtMs;
  // An hour was seen before: what is left is the other one, and a short gate of nothing in between.
  expect(tookMs).toBeLessThan(1.2 * hourMs);
  expect(records.filter((record) => record.type === 'gate.started' && record.step === 'soak')).toHaveLength(1);
  expect(records.filter(({ type }) => type === 'gate.segment').length).toBeGreaterThan(5);
  grave.reject(new Error('this process was killed'));
  await world.untilSettled(first.catch(() => undefined));
  expect((await readJournal(runFolder(world.topology.stateDir, inputs.runId))).records).toHaveLength(records.length);
});
