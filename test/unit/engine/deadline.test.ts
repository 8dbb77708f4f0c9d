import { describe, expect, test } from 'vitest';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { isResumable } from '../../../src/journal/run-ending.ts';
import { ask, plainRequest, recordsOf, runAsked } from '../../helpers/ask-of-run.ts';
import { killedAt, resumeRun } from '../../helpers/crash.ts';
import { runWorld } from '../../helpers/run-world.ts';

const minute = 60_000;

/** Half of the nodes, an hour of watching, the other half. */
const slow: RunbookStage[] = [
  { kind: 'change', id: 'first', changes: [{ node: 'node-0', version: '2.0.0' }] },
  { kind: 'soak', id: 'soak', nodes: ['node-0'], forMs: 60 * minute },
  { kind: 'change', id: 'rest', changes: [{ node: 'node-1', version: '2.0.0' }] },
];

describe('the deadline of a whole run', () => {
  test('ends it inconclusive where it is, with nothing taken back', async () => {
    const world = await runWorld();
    const startedMs = world.clock.monotonicMs();
    const { result, records } = await world.upgrade({ stages: slow, deadlineMs: 10 * minute });
    expect(result).toMatchObject({ outcome: 'inconclusive', exitCode: 3 });
    expect(result.reason).toMatch(/the run's deadline of 600 s has passed/);
    expect(result.versions).toMatchObject({ 'node-0': '2.0.0', 'node-1': '1.0.0' });
    expect(recordsOf(records, 'rollback.started')).toEqual([]);
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(30 * minute);
    expect(isResumable(records)).toBe(false);
  });

  test('that is long enough changes nothing', async () => {
    const world = await runWorld();
    const { result } = await world.upgrade({ nodes: ['node-0'], deadlineMs: 10 * minute });
    expect(result.outcome).toBe('passed');
  });

  test('ends a run that is paused, and one that waits for an approval', async () => {
    const paused = await runWorld();
    const { result } = await runAsked(paused, { deadlineMs: 10 * minute }, (record, inputs) => {
      if (record.type === 'gate.started' && record.step === 'preflight') void ask(inputs, plainRequest('pause'));
    });
    expect(result).toMatchObject({ outcome: 'inconclusive' });
    expect(paused.deeds()).toEqual([]);
    const asking = await runWorld();
    const stages: RunbookStage[] = [{ kind: 'approval', id: 'ask', question: 'go on?', timeoutMs: 60 * minute }];
    const waited = await asking.upgrade({ stages, deadlineMs: 10 * minute });
    expect(waited.result).toMatchObject({ outcome: 'inconclusive' });
    expect(recordsOf(waited.records, 'approval.decided')).toEqual([]);
  });

  test('is no longer for a run that goes on later', async () => {
    const world = await runWorld();
    const options = { stages: slow, deadlineMs: 10 * minute };
    const inputs = await killedAt(world, options, { kind: 'type', type: 'gate.started', step: 'soak' });
    await world.untilSettled(world.clock.advance(6 * minute));
    const resumedAtMs = world.clock.monotonicMs();
    const { result } = await resumeRun(world, inputs);
    expect(result).toMatchObject({ outcome: 'inconclusive' });
    expect(world.clock.monotonicMs() - resumedAtMs).toBeLessThan(9 * minute);
  });

  test('that passed while nobody ran it lets nothing more begin', async () => {
    const world = await runWorld();
    const options = { deadlineMs: 10 * minute };
    const inputs = await killedAt(world, options, { kind: 'type', type: 'step.done', step: 'rolling-upgrade/node-1' });
    const before = world.deeds();
    await world.untilSettled(world.clock.advance(11 * minute));
    const { result, records } = await resumeRun(world, inputs);
    expect(result).toMatchObject({ outcome: 'inconclusive', exitCode: 3 });
    expect(world.deeds()).toEqual(before);
    expect(recordsOf(records, 'rollback.started')).toEqual([]);
  });

  test('does not cut off a rollback that has begun', async () => {
    const world = await runWorld({
      script: (node, start) => ({
        ...(node.release.version === '2.0.0' ? { blocksPerSecond: 0 } : {}),
        ...(start === 3 ? { launchTakesMs: 2 * minute } : {}),
      }),
    });
    const { result } = await world.upgrade({ nodes: ['node-0'], deadlineMs: minute });
    expect(result).toMatchObject({ outcome: 'rolled-back', versions: { 'node-0': '1.0.0' } });
  });
});
