import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { readJournal } from '../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import { ask, decision, recordsOf, runAsked } from '../../helpers/ask-of-run.ts';
import { killedAt, resumeRun } from '../../helpers/crash.ts';
import { runWorld, type UpgradeOptions } from '../../helpers/run-world.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];
const minute = 60_000;

/** One node, then somebody is asked, then the rest. */
function asking(given: { onTimeout?: 'continue' | 'stop' } = {}): UpgradeOptions {
  const [first = '', ...rest] = names;
  const change = (id: string, nodes: string[]): RunbookStage => ({
    kind: 'change',
    id,
    changes: nodes.map((node) => ({ node, version: '2.0.0' })),
  });
  const question = `go on with ${rest.join(', ')}?`;
  return {
    stages: [
      change('first', [first]),
      { kind: 'approval', id: 'ask', question, timeoutMs: 10 * minute, ...given },
      change('rest', rest),
    ],
  };
}

const isAsked = ({ type }: RunRecord): boolean => type === 'approval.requested';
const launched = (deeds: readonly string[]): string[] => deeds.filter((deed) => deed.startsWith('launch'));

describe('an approval', () => {
  test('that is given lets the run go on, and names who gave it', async () => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, asking(), (record, inputs) => {
      if (isAsked(record)) void ask(inputs, decision(inputs, 'ask', 'approved'));
    });
    expect(result.outcome, result.reason).toBe('passed');
    expect(recordsOf(records, 'approval.decided')).toMatchObject([{ decision: 'approved', by: 'operator@desk' }]);
    expect(launched(world.deeds())).toEqual(names.map((name) => `launch ${name} 2.0.0`));
  });

  test('that is refused touches nothing more and takes back what was done', async () => {
    const world = await runWorld();
    const { result } = await runAsked(world, asking(), (record, inputs) => {
      if (isAsked(record)) void ask(inputs, decision(inputs, 'ask', 'rejected'));
    });
    expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: 1 });
    expect(result.reason).toMatch(/ask: operator@desk rejected it/);
    expect(launched(world.deeds())).toEqual(['launch node-0 2.0.0', 'launch node-0 1.0.0']);
  });

  test('that nobody gives in time stops the run by default', async () => {
    const world = await runWorld();
    const startedMs = world.clock.monotonicMs();
    const { result } = await world.upgrade(asking());
    expect(result.outcome).toBe('rolled-back');
    expect(result.reason).toMatch(/ask: nobody approved it within 600 s/);
    expect(world.clock.monotonicMs() - startedMs).toBeGreaterThan(10 * minute);
  });

  test('that nobody gives in time lets the run go on where the plan says so', async () => {
    const world = await runWorld();
    const { result, records } = await world.upgrade(asking({ onTimeout: 'continue' }));
    expect(result.outcome).toBe('passed');
    expect(recordsOf(records, 'approval.decided')).toMatchObject([{ decision: 'timed-out', by: 'nobody' }]);
  });

  test('for another plan does not count and is told, and the right one beside it does', async () => {
    const world = await runWorld();
    const { result, records } = await runAsked(world, asking(), (record, inputs) => {
      if (!isAsked(record)) return;
      void ask(inputs, decision(inputs, 'ask', 'approved')).then(() =>
        ask(inputs, decision(inputs, 'ask', 'rejected', { planHash: 'f'.repeat(64) })),
      );
    });
    expect(result.outcome, result.reason).toBe('passed');
    const other = await runWorld();
    const wrong = await runAsked(other, asking(), (record, inputs) => {
      if (isAsked(record)) void ask(inputs, decision(inputs, 'ask', 'approved', { planHash: 'f'.repeat(64) }));
    });
    expect(wrong.result.reason).toMatch(/ask: nobody approved it/);
    expect(recordsOf(wrong.records, 'note').map(({ text }) => text)).toEqual([
      'a request was ignored: operator@desk approved ask of another plan (ffffffffffff)',
    ]);
    expect(recordsOf(records, 'approval.decided')).toHaveLength(1);
  });

  test('of another step does not count', async () => {
    const world = await runWorld();
    const { result } = await runAsked(world, asking(), (record, inputs) => {
      if (isAsked(record)) void ask(inputs, decision(inputs, 'first/node-0', 'approved'));
    });
    expect(result.reason).toMatch(/ask: nobody approved it/);
  });
});

describe('an approval of a run that was killed while it waited', () => {
  const killed = async () => {
    const world = await runWorld();
    const inputs = await killedAt(world, asking(), { kind: 'type', type: 'approval.requested' });
    return { world, inputs };
  };

  test('counts when it is given while nobody runs it, be the run resumed after the deadline', async () => {
    for (const waitMs of [minute, 60 * minute]) {
      const { world, inputs } = await killed();
      const atMs = world.clock.wallMs() + minute / 2;
      await ask(inputs, decision(inputs, 'ask', 'approved', { atMs }));
      await world.untilSettled(world.clock.advance(waitMs));
      const { result } = await resumeRun(world, inputs);
      expect(result.outcome, `${waitMs}: ${result.reason}`).toBe('passed');
    }
  });

  test('comes too late when it is given after the deadline', async () => {
    const { world, inputs } = await killed();
    await world.untilSettled(world.clock.advance(20 * minute));
    await ask(inputs, decision(inputs, 'ask', 'approved', { atMs: world.clock.wallMs() }));
    const { result } = await resumeRun(world, inputs);
    expect(result.outcome).toBe('rolled-back');
    expect(result.reason).toMatch(/nobody approved it/);
  });

  test('is waited for no longer than the deadline that was set at first', async () => {
    const { world, inputs } = await killed();
    await world.untilSettled(world.clock.advance(7 * minute));
    const resumedAtMs = world.clock.monotonicMs();
    const { records } = await resumeRun(world, inputs);
    const [asked] = recordsOf(records, 'approval.requested');
    const decided = recordsOf(records, 'approval.decided');
    expect(recordsOf(records, 'approval.requested')).toHaveLength(1);
    expect(decided).toMatchObject([{ decision: 'timed-out' }]);
    expect(Date.parse(decided[0]?.at ?? '') - (asked?.deadlineAtMs ?? 0)).toBeLessThan(5 * minute);
    expect(world.clock.monotonicMs() - resumedAtMs).toBeLessThan(9 * minute);
  });

  test('between the decision and its record finds the decision again', async () => {
    const world = await runWorld();
    const inputs = await killedAt(
      world,
      asking(),
      { kind: 'before-type', type: 'approval.decided' },
      (record, given) => {
        if (isAsked(record)) void ask(given, decision(given, 'ask', 'approved'));
      },
    );
    const runDir = runFolder(world.topology.stateDir, inputs.runId);
    expect(recordsOf((await readJournal(runDir)).records, 'approval.decided')).toEqual([]);
    const { result, records } = await resumeRun(world, inputs);
    expect(result.outcome, result.reason).toBe('passed');
    expect(recordsOf(records, 'approval.decided')).toMatchObject([{ decision: 'approved', by: 'operator@desk' }]);
  });

  test('after the record of a refusal is not asked again, whatever else is asked', async () => {
    const world = await runWorld();
    const inputs = await killedAt(world, asking(), { kind: 'type', type: 'approval.decided' }, (record, given) => {
      if (isAsked(record)) void ask(given, decision(given, 'ask', 'rejected'));
    });
    await ask(inputs, decision(inputs, 'ask', 'approved'));
    const { result, records } = await resumeRun(world, inputs);
    expect(result.outcome).toBe('rolled-back');
    expect(recordsOf(records, 'approval.decided')).toMatchObject([{ decision: 'rejected' }]);
  });
});

test('requests of a run that has ended are forgotten, so that nobody meets them later', async () => {
  const world = await runWorld();
  const { result } = await runAsked(world, asking(), (record, inputs) => {
    if (isAsked(record)) void ask(inputs, decision(inputs, 'ask', 'approved'));
  });
  expect(result.outcome).toBe('passed');
  expect(await readdir(result.runDir)).toContain('journal.jsonl');
  expect(await readdir(result.runDir)).not.toContain('requests');
});
