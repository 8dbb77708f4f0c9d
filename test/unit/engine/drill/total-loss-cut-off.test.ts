import { describe, expect, test } from 'vitest';
import { executeRun, type RunResult } from '../../../../src/engine/run.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { backupWorld, names } from '../../../helpers/backup-world.ts';
import { crashAndResume, type CrashPoint } from '../../../helpers/crash.ts';
import type { RunWorld, UpgradeOptions } from '../../../helpers/run-world.ts';

const stages: RunbookStage[] = [
  { kind: 'take-backup', id: 'copy' },
  { kind: 'lose', id: 'lose', nodes: names, data: 'wipe', mayHalt: true },
  { kind: 'restore-backup', id: 'back', backup: 'this-run' },
];
const drill: UpgradeOptions = { stages, runbook: 'total-loss', onFailure: 'hold' };
const quorum = 3;

/** Starts that could make a second chain: without data beside too few that have theirs, or with a backup's data before its turn. */
function harmfulStarts(world: RunWorld): string[] {
  const data = new Map(names.map((name) => [name, 'own']));
  const harm: string[] = [];
  const alive = new Set(names);
  for (const { node, action } of world.lab.world.events) {
    if (action === 'wipe') data.set(node, 'none');
    if (action === 'restore') data.set(node, 'backup');
    if (action === 'kill' || action === 'end' || action === 'stop') alive.delete(node);
    if (action !== 'start' && action !== 'launch') continue;
    alive.add(node);
    const holders = names.filter((name) => alive.has(name) && data.get(name) !== 'none').length;
    if (data.get(node) === 'none' && holders < quorum) harm.push(`${node} started empty beside ${holders}`);
    if (data.get(node) !== 'backup') continue;
    // They were copied from the first to the last, so that the last one knows most.
    const newer = names.slice(names.indexOf(node) + 1).filter((name) => !alive.has(name));
    if (newer.length > 0) harm.push(`${node} started before ${newer.join(', ')}`);
    const others = names.filter((name) => data.get(name) !== 'backup');
    if (others.length > 0) harm.push(`${node} started while ${others.join(', ')} had no data of the backup`);
  }
  return harm;
}

async function notRunning(world: RunWorld): Promise<string[]> {
  const states = await Promise.all(names.map(async (name) => (await world.lab.observe(world.node(name))).state));
  return names.filter((_, index) => states[index] !== 'running');
}

/** Number of the record with which the nodes begin to be lost, and of the last one, in a run that nobody disturbs. */
async function measured(): Promise<{ first: number; last: number }> {
  const world = await backupWorld();
  const { result, records } = await world.upgrade(drill);
  expect(result.outcome, result.reason).toBe('passed');
  expect(harmfulStarts(world)).toEqual([]);
  const first = records.find((record) => record.type === 'step.started' && record.step === 'lose')?.seq ?? 0;
  expect(first).toBeGreaterThan(0);
  return { first, last: records.length - 2 };
}

/** From the begin of the loss to the end of the run. */
async function atRecords(check: (seq: number) => Promise<void>, step = 1): Promise<void> {
  const { first, last } = await measured();
  for (let seq = first; seq < last; seq += step) await check(seq);
  expect(last - first).toBeGreaterThan(30);
}

const at = (seq: number): CrashPoint => ({ kind: 'record', seq });

describe('a total loss', { timeout: 240_000 }, () => {
  test('whose orchestrator is killed goes on to the same end, and no node starts before it may', async () => {
    await atRecords(async (seq) => {
      const world = await backupWorld();
      const crashed = await crashAndResume(world, drill, at(seq));
      expect(crashed?.result.outcome, `${seq}: ${crashed?.result.reason}`).toBe('passed');
      expect(harmfulStarts(world), `${seq}`).toEqual([]);
      expect(await notRunning(world), `${seq}`).toEqual([]);
    });
  });

  test('whose orchestrator is killed gives all nodes their data back when it is ended by somebody', async () => {
    await atRecords(async (seq) => {
      const world = await backupWorld();
      const crashed = await crashAndResume(world, drill, at(seq), { abortBy: 'somebody' });
      const reason = `${seq}: ${crashed?.result.reason}`;
      expect(crashed?.result.outcome, reason).toBe('aborted');
      expect(harmfulStarts(world), reason).toEqual([]);
      expect(await notRunning(world), reason).toEqual([]);
    });
  });

  test('that is interrupted gives all nodes their data back, and goes on to the same end', async () => {
    await atRecords(async (seq) => {
      const world = await backupWorld();
      const { result, inputs } = await interruptedAt(world, seq);
      expect(['interrupted', 'passed'], `${seq}: ${result.reason}`).toContain(result.outcome);
      expect(harmfulStarts(world), `${seq}`).toEqual([]);
      expect(await notRunning(world), `${seq}: ${result.reason}`).toEqual([]);
      if (result.outcome === 'passed') return;
      const resumed = await world.untilSettled(executeRun(await world.resumed(inputs)));
      expect(resumed.outcome, `${seq}: ${resumed.reason}`).toBe('passed');
      expect(harmfulStarts(world), `${seq}`).toEqual([]);
    });
  });

  test('whose backup cannot be put back leaves the nodes stopped, and says how to restore them', async () => {
    const world = await backupWorld();
    const lab = (plain: RunWorld['lab']): RunWorld['lab'] => ({
      ...plain,
      restore: async () => Promise.reject(new Error('the disk is full')),
    });
    const { result } = await world.upgrade({ ...drill, lab });
    expect(result).toMatchObject({ outcome: 'error', exitCode: 5 });
    expect(result.reason).toMatch(/node-1, node-2, node-3 are left stopped without data.*seatrial restore world run-1/);
    expect(await notRunning(world)).toEqual(names);
    expect(harmfulStarts(world)).toEqual([]);
  });

  test('after which a node knows less than it was given fails, and nobody else starts beside it', async () => {
    const world = await backupWorld();
    const lab = (plain: RunWorld['lab']): RunWorld['lab'] => ({
      ...plain,
      start: async (node, call) => {
        await plain.start(node, call);
        const wasRestored = world.deeds().some((deed) => deed.startsWith(`restore ${node.name}`));
        if (wasRestored) world.lab.world.setHeight(node.name, 1);
      },
    });
    const { result } = await world.upgrade({ ...drill, lab });
    expect(result.outcome, result.reason).toBe('failed');
    expect(result.reason).toMatch(
      /node-3 was given the data of backup run-1, which holds height \d+, .* holds no more than \d+/,
    );
    expect(result.reason).toMatch(/node-2, node-1, node-0 are left stopped: they have the data of a backup/);
    expect(await notRunning(world)).toEqual(['node-0', 'node-1', 'node-2']);
  });

  test('without a backup in the plan leaves what must not start empty stopped', async () => {
    const world = await backupWorld();
    const losing = stages.filter(({ kind }) => kind === 'lose');
    const { result } = await world.upgrade({ ...drill, stages: losing });
    expect(result.reason).toMatch(/are left stopped without data.*seatrial restore world newest/);
    expect(await notRunning(world)).toEqual(names);
  });

  test('is not answered by starting the nodes empty', async () => {
    const world = await backupWorld();
    const recovering: RunbookStage[] = [
      ...stages.filter(({ kind }) => kind === 'lose'),
      { kind: 'recover', id: 'recover', nodes: names },
    ];
    const { result } = await world.upgrade({ ...drill, stages: recovering });
    expect(result.outcome).toBe('refused');
    expect(result.reason).toMatch(/must not start empty/);
    expect(harmfulStarts(world)).toEqual([]);
  });
});

describe('one lost node', () => {
  test('starts empty when the run ends early: the others can tell it what the chain is', async () => {
    const world = await backupWorld();
    const losing: RunbookStage[] = [{ kind: 'lose', id: 'lose', nodes: ['node-3'], data: 'wipe' }];
    const { result } = await world.upgrade({ ...drill, stages: losing });
    expect(result.outcome, result.reason).toBe('passed');
    expect(await notRunning(world)).toEqual([]);
    expect(world.deeds().slice(-1)).toEqual(['start node-3 1.0.0']);
  });
});

/** Interrupts the run, as Ctrl-C does, once this record is on the disk. */
async function interruptedAt(
  world: RunWorld,
  seq: number,
): Promise<{ result: RunResult; inputs: Awaited<ReturnType<RunWorld['inputs']>> }> {
  const controller = new AbortController();
  const inputs = await world.inputs({
    ...drill,
    signal: controller.signal,
    onRecord: (record) => {
      if (record.seq === seq) controller.abort();
    },
  });
  return { result: await world.untilSettled(executeRun(inputs)), inputs };
}
