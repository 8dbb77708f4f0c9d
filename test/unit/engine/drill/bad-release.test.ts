import { describe, expect, test } from 'vitest';
import badRelease from '../../../../runbooks/bad-release.ts';
import { readJournal } from '../../../../src/journal/read-journal.ts';
import { runFolder } from '../../../../src/journal/run-files.ts';
import type { FakeScript } from '../../../../src/lab/fake/fake-world.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { verifyRun } from '../../../../src/verify/verify-run.ts';
import { crashAndResume } from '../../../helpers/crash.ts';
import { prepareIn } from '../../../helpers/run-runbook.ts';
import { runWorld, type RunWorld } from '../../../helpers/run-world.ts';

/** As the runbook has them, without what needs traffic. */
const stages: RunbookStage[] = [
  {
    kind: 'fault',
    id: 'partition',
    fault: { kind: 'partition', targets: ['node-6'], parameters: { topology: 'isolate' }, durationMs: 20_000 },
  },
  { kind: 'change', id: 'upgrade', changes: [{ node: 'node-0', version: '2.0.0' }] },
  { kind: 'heal', id: 'heal', fault: 'partition' },
];
const options = { stages, runbook: 'bad-release', drill: { expects: 'rolled-back', exercises: {} } } as const;
const standsStill: FakeScript = (node) => (node.release.version === '2.0.0' ? { blocksPerSecond: 0 } : {});

const world = (script?: FakeScript): Promise<RunWorld> => runWorld({ nodeCount: 7, ...(script && { script }) });

describe('a run that is to take a bad release back', () => {
  test('passes when the gate found it, and takes it back before the node that is cut off is let in again', async () => {
    const { result, records } = await (await world(standsStill)).upgrade({ ...options, stages: [...stages] });
    expect(result.outcome, result.reason).toBe('passed');
    expect(result.versions['node-0']).toBe('1.0.0');
    const order = records.flatMap(({ type }) =>
      ['fault.verified', 'rollback.started', 'fault.healing', 'fault.heal-verified'].includes(type) ? [type] : [],
    );
    expect(order).toEqual(['fault.verified', 'rollback.started', 'fault.healing', 'fault.heal-verified']);
    const gated = records.flatMap((record) =>
      record.type === 'gate.verdict' ? [[record.step, record.verdict.kind]] : [],
    );
    // The others have no PASS on record here, and are gated as they are.
    expect(gated.filter(([step]) => !/^upgrade.node-[1-5]$/.test(step ?? ''))).toEqual([
      ['preflight', 'PASS'],
      ['upgrade/node-0', 'FAIL'],
      ['rollback/node-0', 'PASS'],
      ['heal', 'PASS'],
    ]);
  });

  test('does not pass when every gate of it passed, and takes it back all the same', async () => {
    const struck = await world();
    const { result } = await struck.upgrade({ ...options, stages: [...stages] });
    expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: 1 });
    expect(result.reason).toContain('2.0.0 was not found to be bad');
    expect(result.versions['node-0']).toBe('1.0.0');
    expect(struck.lab.world.faults.all()).toEqual([]);
  });

  test('comes to the same end when it is killed at a record of each kind', { timeout: 200_000 }, async () => {
    const calm = await world(standsStill);
    const { records } = await calm.upgrade({ ...options, stages: [...stages] });
    const kinds = [...new Set(records.slice(0, -1).map(({ type }) => type))];
    expect(kinds.length).toBeGreaterThan(12);
    for (const kind of kinds) {
      const seq = records.findLastIndex(({ type }) => type === kind);
      const struck = await world(standsStill);
      const crashed = await crashAndResume(struck, { ...options, stages: [...stages] }, { kind: 'record', seq });
      const where = `record ${seq} (${kind})`;
      expect(crashed?.result.outcome, `${where}: ${crashed?.result.reason}`).toBe('passed');
      expect(crashed?.result.versions['node-0'], where).toBe('1.0.0');
      expect(struck.lab.world.faults.all(), where).toEqual([]);
      const runDir = runFolder(struck.topology.stateDir, 'run-1');
      const { findings } = await verifyRun({ runDir, loadProfile: async () => struck.profile });
      expect(
        findings.filter(({ kind }) => kind === 'disagrees'),
        where,
      ).toEqual([]);
      expect((await readJournal(runDir)).records.filter(({ type }) => type === 'rollback.started').length, where).toBe(
        1,
      );
    }
  });
});

describe('the plan of a bad release', () => {
  const submit = async (): Promise<{ id: string; accepted: boolean }> => ({ id: 'x', accepted: true });
  const loaded = { profile: { submit }, topology: { loadPerSecond: 1 } } as never;

  test('is refused where a change beside the cut-off node would cost the quorum', async () => {
    const four = await runWorld({ nodeCount: 4, ...(loaded as object) });
    await expect(prepareIn(four, badRelease, { version: '2.0.0' })).rejects.toThrow(
      'upgrade: to change node-0 while the fault partition acts is not safe: without node-0 2 of 4 voting power is left and 3 is needed (bft); node-3 is faulted: the system would halt. Change a node without voting power, or heal first',
    );
    const { plan } = await prepareIn(four, badRelease, { version: '2.0.0', cut: 'none' });
    expect(plan.steps.map(({ kind }) => kind)).toEqual([
      'load',
      'preflight',
      'baseline',
      'replace',
      'service',
      'verify',
    ]);
  });

  test('names a release, a node and a cut that exist and fit together', async () => {
    const seven = await runWorld({ nodeCount: 7, ...(loaded as object) });
    const refused = (set: Record<string, string>): Promise<unknown> => prepareIn(seven, badRelease, set);
    await expect(refused({ version: '9.0.0' })).rejects.toThrow('unknown release 9.0.0');
    await expect(refused({ version: '1.0.0' })).rejects.toThrow('node-0 runs 1.0.0 already');
    await expect(refused({ version: '2.0.0', node: 'node-9' })).rejects.toThrow('there is no node node-9');
    await expect(refused({ version: '2.0.0', node: 'node-6' })).rejects.toThrow('node-6 is cut off then');
    const { plan } = await prepareIn(seven, badRelease, { version: '2.0.0' });
    expect(plan.drill).toMatchObject({ expects: 'rolled-back', exercises: [{ id: 'bad-release', hasService: true }] });
    expect(plan.steps.find(({ kind }) => kind === 'replace')).toMatchObject({ nodes: ['node-0'], quorumMargin: 0 });
  });
});
