import { expect, test } from 'vitest';
import { executeRun } from '../../../../src/engine/run.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { standingMilestones } from '../../../../src/journal/drill-records.ts';
import { readJournal } from '../../../../src/journal/read-journal.ts';
import { runWorld } from '../../../helpers/run-world.ts';
import { busyWorld } from '../../../helpers/verified-run.ts';

const stages: RunbookStage[] = [
  { kind: 'lose', id: 'lose', nodes: ['node-3'], data: 'keep' },
  { kind: 'takeover', id: 'go-on', timeoutMs: 30_000 },
  { kind: 'soak', id: 'without', nodes: ['node-0', 'node-1', 'node-2'], forMs: 10_000 },
  { kind: 'recover', id: 'recover', nodes: ['node-3'] },
  { kind: 'soak', id: 'after', nodes: ['node-3'], forMs: 10_000 },
];

/** How often the node was killed in a run that was interrupted at the gate of this step, and in all when it has gone on. */
async function interruptedAt(step: string): Promise<[number, number]> {
  const world = await runWorld();
  const kills = (): number =>
    world.lab.world.events.filter(({ node, action }) => node === 'node-3' && action === 'kill').length;
  const controller = new AbortController();
  const inputs = await world.inputs({
    stages,
    onFailure: 'hold',
    signal: controller.signal,
    onRecord: (record) => {
      if (record.type === 'gate.started' && record.step === step) controller.abort();
    },
  });
  const cut = await world.untilSettled(executeRun(inputs));
  expect(cut.outcome, cut.reason).toBe('interrupted');
  expect((await world.lab.observe(world.node('node-3'))).state).toBe('running');
  const first = kills();
  const resumed = await world.untilSettled(executeRun(await world.resumed(inputs)));
  expect(resumed.outcome, resumed.reason).toBe('passed');
  return [first, kills()];
}

test('a node that was given back before its recovery is lost again when the run goes on', async () => {
  expect(await interruptedAt('without')).toEqual([1, 2]);
});

test('a recovery that was begun goes on, and nothing is lost again', async () => {
  expect(await interruptedAt('after')).toEqual([1, 1]);
});

const slow: RunbookStage = {
  kind: 'fault',
  id: 'slow',
  fault: { kind: 'delay', targets: ['node-6'], parameters: { delay: '100ms' }, durationMs: 60_000 },
};
const stop: RunbookStage = {
  kind: 'fault',
  id: 'stop',
  fault: { kind: 'pause', targets: ['node-1'], parameters: {}, durationMs: 60_000 },
};
const drills: [string, RunbookStage[], RunbookStage[]][] = [
  ['a loss and its take-over', stages.slice(0, 2), [{ kind: 'recover', id: 'recover', nodes: ['node-3'] }]],
  ['two faults', [slow, stop], []],
  ['a loss beside a fault', [slow, ...stages.slice(0, 2)], [{ kind: 'recover', id: 'recover', nodes: ['node-3'] }]],
];

test.each(drills)('a drill of %s that was interrupted while it waits is shown once more, and passes', async (...of) => {
  const [, disaster, recovery] = of;
  const world = await busyWorld({}, { nodeCount: 7 });
  const controller = new AbortController();
  const inputs = await world.inputs({
    stages: [
      { kind: 'baseline', id: 'baseline', drill: 'loss', forMs: 5_000 },
      ...disaster,
      { kind: 'soak', id: 'without', nodes: ['node-0', 'node-2'], forMs: 10_000 },
      ...recovery,
    ],
    onFailure: 'hold',
    hasLoad: true,
    drill: { exercises: { loss: { title: 'something is gone', objectives: {} } } },
    signal: controller.signal,
    onRecord: (record) => {
      if (record.type === 'gate.started' && record.step === 'without') controller.abort();
    },
  });
  const broken = await world.untilSettled(executeRun(inputs));
  expect(broken.outcome, broken.reason).toBe('interrupted');
  const resumed = await world.untilSettled(executeRun(await world.resumed(inputs)));
  expect(resumed.outcome, resumed.reason).toBe('passed');
  const { records } = await readJournal(resumed.runDir);
  const reached = records.flatMap((record) => (record.type === 'drill.milestone' ? [record] : []));
  expect(reached.filter(({ detail }) => detail === 'taken again')).toHaveLength(1);
  const standing = standingMilestones(reached).map(({ milestone }) => milestone);
  expect(standing.slice(0, 3)).toEqual(['begun', 'injected', 'verified']);
});

test('of a disaster that was taken again the first time counts no more', () => {
  const reached = (['begun', 'backup', 'injected', 'verified', 'detected', 'injected', 'verified'] as const).map(
    (milestone, atMs) => ({ milestone, atMs }),
  );
  expect(standingMilestones(reached).map(({ atMs }) => atMs)).toEqual([0, 1, 5, 6]);
  expect(standingMilestones(reached.slice(0, 5))).toEqual(reached.slice(0, 5));
});
