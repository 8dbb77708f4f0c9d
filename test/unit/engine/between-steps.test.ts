import { describe, expect, test } from 'vitest';
import { executeRun } from '../../../src/engine/run.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import { ask, plainRequest, recordsOf, runAsked } from '../../helpers/ask-of-run.ts';
import { runWorld } from '../../helpers/run-world.ts';

const change: RunbookStage = { kind: 'change', id: 'first', changes: [{ node: 'node-0', version: '2.0.0' }] };

describe('a run that is told to stop between two steps', () => {
  test('begins no further step, not even one that touches no node', async () => {
    const world = await runWorld();
    const interrupt = new AbortController();
    const inputs = await world.inputs({
      stages: [change, { kind: 'finalise', id: 'final' }],
      signal: interrupt.signal,
      onRecord: (record) => {
        if (record.type === 'step.done' && record.step === 'first/node-0') interrupt.abort();
      },
    });
    const result = await world.untilSettled(executeRun(inputs));
    expect(result).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    const { records } = await readJournal(result.runDir);
    expect(recordsOf(records, 'step.started').map(({ step }) => step)).toEqual(['preflight', 'first/node-0']);
    expect(recordsOf(records, 'finalised')).toEqual([]);
  });
});

describe('a preflight', () => {
  test('is not held to its end when the run is aborted meanwhile', async () => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, {}, (record, inputs) => {
      if (record.type === 'gate.started' && record.step === 'preflight') void ask(inputs, plainRequest('abort'));
    });
    expect(result.outcome).toBe('aborted');
    expect(recordsOf(records, 'gate.started')).toHaveLength(1);
    expect(recordsOf(records, 'gate.verdict')).toEqual([]);
    expect(world.deeds()).toEqual([]);
  });
});

describe('harm on a changed node', () => {
  test('ends the wait for an approval, without an answer', async () => {
    const world = await runWorld();
    const stages: RunbookStage[] = [change, { kind: 'approval', id: 'ask', question: 'go on?', timeoutMs: 86_400_000 }];
    const { result, records } = await world.upgrade({
      stages,
      onRecord: ({ type }) => {
        if (type === 'approval.requested') world.lab.world.change('node-0', { blocksPerSecond: 0 });
      },
    });
    expect(result).toMatchObject({ outcome: 'rolled-back', versions: { 'node-0': '1.0.0' } });
    expect(result.reason).toMatch(/node-0/);
    expect(recordsOf(records, 'guard.failed')).toMatchObject([{ node: 'node-0' }]);
    expect(recordsOf(records, 'approval.decided')).toEqual([]);
  });

  test('during the last step keeps the run from passing', async () => {
    const world = await runWorld();
    const height = (world.lab.world.heightOf('node-1') ?? 0) + 200;
    const { result, records } = await world.upgrade({
      stages: [change, { kind: 'await-height', id: 'wait', height, timeoutMs: 600_000 }],
      onRecord: (record) => {
        if (record.type === 'step.started' && record.step === 'wait') {
          world.lab.world.change('node-0', { blocksPerSecond: 0 });
        }
      },
    });
    expect(recordsOf(records, 'step.done').map(({ step }) => step)).toContain('wait');
    expect(recordsOf(records, 'guard.failed')).toMatchObject([{ node: 'node-0' }]);
    expect(result).toMatchObject({ outcome: 'rolled-back', versions: { 'node-0': '1.0.0' } });
  });
});
