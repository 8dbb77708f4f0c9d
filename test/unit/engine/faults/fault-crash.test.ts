import { describe, expect, test } from 'vitest';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { readJournal } from '../../../../src/journal/read-journal.ts';
import { runFolder } from '../../../../src/journal/run-files.ts';
import { verifyRun } from '../../../../src/verify/verify-run.ts';
import { countedFaultCalls, crashAndResume, killedAtPoint, type CrashPoint } from '../../../helpers/crash.ts';
import { runWorld, type RunWorld } from '../../../helpers/run-world.ts';

const ttlMs = 80_000;

/** Two faults at once, one of them across an upgrade. */
const stages: RunbookStage[] = [
  {
    kind: 'fault',
    id: 'cut',
    fault: { kind: 'partition', targets: ['node-3'], parameters: { topology: 'isolate' }, durationMs: 20_000 },
  },
  { kind: 'change', id: 'upgrade', changes: [{ node: 'node-0', version: '2.0.0' }] },
  { kind: 'fault', id: 'stop', fault: { kind: 'pause', targets: ['node-1'], parameters: {}, durationMs: 20_000 } },
  { kind: 'hold', id: 'hold', forMs: 6_000, expects: 'computed' },
  { kind: 'heal', id: 'go', fault: 'stop' },
  { kind: 'heal', id: 'join', fault: 'cut' },
];
const options = { stages, runbook: 'drill' };
const world = (): Promise<RunWorld> => runWorld({ nodeCount: 7 });

async function undisturbed(): Promise<{ records: number; calls: number }> {
  const calm = await world();
  const calls = await countedFaultCalls(calm, options);
  const [run] = await readAll(calm);
  return { records: run.length, calls };
}

async function readAll(of: RunWorld): Promise<[Awaited<ReturnType<typeof readJournal>>['records']]> {
  const { records } = await readJournal(runFolder(of.topology.stateDir, 'run-1'));
  return [records];
}

/** The second process comes to the same end, nothing acts any more, and the journal is sound. */
async function expectSameEnd(point: CrashPoint): Promise<void> {
  const struck = await world();
  const crashed = await crashAndResume(struck, options, point);
  const where = JSON.stringify(point);
  expect(crashed, where).toBeDefined();
  expect(crashed?.result.outcome, `${where}: ${crashed?.result.reason}`).toBe('passed');
  expect(crashed?.result.versions['node-0'], where).toBe('2.0.0');
  expect(struck.lab.world.faults.all(), where).toEqual([]);
  expect(
    struck.deeds().filter((deed) => deed.startsWith('launch ')),
    where,
  ).toEqual(['launch node-0 2.0.0']);
  const runDir = runFolder(struck.topology.stateDir, 'run-1');
  const { findings } = await verifyRun({ runDir, loadProfile: async () => struck.profile });
  // Files that the dead process of this test still has open are another matter than what was written down.
  const disagreeing = findings.filter(({ kind }) => kind === 'disagrees');
  expect(disagreeing, where).toEqual([]);
}

/** Nobody comes: what was broken ends on its target by the time that its dead-man was given. */
async function expectHealedAlone(point: CrashPoint): Promise<void> {
  const struck = await world();
  const wasKilled = await killedAtPoint(struck, options, point);
  const where = JSON.stringify(point);
  expect(wasKilled, where).toBe(true);
  for (const held of struck.lab.world.faults.all()) {
    const { remainingMs = 0 } = struck.lab.world.faults.stateOf(held);
    expect(remainingMs, `${where}: ${held.lease.id} has no dead-man`).toBeGreaterThan(0);
    expect(remainingMs, where).toBeLessThanOrEqual(ttlMs);
  }
  await struck.clock.advance(ttlMs);
  expect(struck.lab.world.faults.all(), where).toEqual([]);
  for (const { name } of struck.topology.nodes) {
    expect(struck.lab.world.nodes.get(name)?.isPaused, `${where}: ${name}`).toBe(false);
  }
}

describe('a run with faults whose orchestrator is killed', () => {
  test(
    'at any record goes on to the same end, or leaves a network that heals itself',
    { timeout: 300_000 },
    async () => {
      const { records } = await undisturbed();
      for (let seq = 0; seq < records - 1; seq++) {
        await expectSameEnd({ kind: 'record', seq });
        await expectHealedAlone({ kind: 'record', seq });
      }
      console.info(`a run with faults: killed at each of ${records - 1} records`);
      expect(records).toBeGreaterThan(40);
    },
  );

  test('in the middle of any call likewise', { timeout: 300_000 }, async () => {
    const { calls } = await undisturbed();
    for (let number = 0; number < calls; number++) {
      for (const effect of ['before', 'after'] as const) {
        await expectSameEnd({ kind: 'call', number, effect });
        await expectHealedAlone({ kind: 'call', number, effect });
      }
    }
    console.info(`a run with faults: killed before and after each of ${calls} calls`);
    expect(calls).toBeGreaterThan(6);
  });
});
