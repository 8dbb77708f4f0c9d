import { cp, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyBackup } from '../../../../src/backup/find-backups.ts';
import { spoilings } from '../../../../src/backup/spoil-copy.ts';
import { executeRun } from '../../../../src/engine/run.ts';
import type { RunInputs } from '../../../../src/engine/run-context.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { loadEvidence } from '../../../../src/journal/evidence.ts';
import type { RunRecord } from '../../../../src/journal/records.ts';
import { archivePath } from '../../../../src/lab/snapshot-manifest.ts';
import { backupWorld, names } from '../../../helpers/backup-world.ts';
import { crashAndResume, killedAt, resumeRun, type CrashPoint } from '../../../helpers/crash.ts';
import type { RunWorld, UpgradeOptions } from '../../../helpers/run-world.ts';

type World = Awaited<ReturnType<typeof backupWorld>>;

const stages: RunbookStage[] = [
  { kind: 'take-backup', id: 'copy', nodes: ['node-1'] },
  { kind: 'spoiled-backup', id: 'spoil', node: 'node-1' },
];
const drill: UpgradeOptions = { stages, runbook: 'corrupt-backup', onFailure: 'hold' };

interface Evidence {
  backup: string;
  refusal?: string;
  tried: { damage: string; difference: string; refusal?: string }[];
  isUntouched: boolean;
}

function findingsOf(records: readonly RunRecord[]): (RunRecord & { type: 'finding' })[] {
  return records.flatMap((record) => (record.type === 'finding' && record.finding === 'restore' ? [record] : []));
}

async function evidenceOf(records: readonly RunRecord[], runDir: string): Promise<Evidence> {
  const finding = findingsOf(records).at(-1);
  if (!finding) throw new Error('nothing was found');
  return (await loadEvidence(runDir, finding.evidence)) as Evidence;
}

/** That the backup is there and whole, nothing else of the drill is left, and all nodes run. */
async function expectAllAsBefore(world: World, where: string): Promise<void> {
  const found = await world.untilSettled(world.backups.list());
  for (const backup of found) expect(await world.untilSettled(verifyBackup(backup)), where).toBeUndefined();
  await expect(stat(join(world.topology.stateDir, 'spoiled')), where).rejects.toThrow(/ENOENT/);
  for (const name of names) {
    expect((await world.lab.observe(world.node(name))).state, `${where} ${name}`).toBe('running');
  }
  expect(world.deeds().filter((deed) => deed.startsWith('restore'))).toEqual([]);
}

describe('copies of a backup that are spoiled', () => {
  test('are each refused for what is wrong with them, with the node as it was', async () => {
    const world = await backupWorld();
    const { result, records } = await world.upgrade(drill);
    expect(result.outcome, result.reason).toBe('passed');
    const { tried, backup, refusal, isUntouched } = await evidenceOf(records, result.runDir);
    expect({ backup, refusal, isUntouched }).toEqual({ backup: 'run-1', refusal: undefined, isUntouched: true });
    const reasons = {
      'flipped-bit': /nodes\/node-1\/data\.tar\.gz is damaged: SHA-256/,
      truncated: /nodes\/node-1\/data\.tar\.gz has \d+ bytes, not \d+/,
      missing: /nodes\/node-1\/data\.tar\.gz is missing/,
      unfinished: /was cut off/,
      edited: /its backup\.json is damaged/,
      foreign: /it is of testnet world-else, not of world/,
      outdated: /it is too old: .* at most 24 h are allowed/,
    };
    expect(tried.map(({ damage }) => damage)).toEqual([...spoilings]);
    for (const how of spoilings) {
      expect(tried.find(({ damage }) => damage === how)?.refusal, how).toMatch(reasons[how]);
    }
    expect(world.deeds()).toEqual(
      ['stop', 'snapshot', 'start', 'stop', 'snapshot', 'snapshot', 'start'].map((deed) => `${deed} node-1 1.0.0`),
    );
    expect(findingsOf(records).map(({ verdict }) => verdict)).toEqual(['pass']);
    await expectAllAsBefore(world, 'passed');
    await expect(stat(join(world.topology.stateDir, 'staging', 'run-1'))).rejects.toThrow(/ENOENT/);
  });

  test('are as old as the testnet file allows no more, and a file that says nothing of it is told so', async () => {
    const limited = await backupWorld({ maxAge: '2h' });
    const { result, records } = await limited.upgrade(drill);
    const { tried } = await evidenceOf(records, result.runDir);
    expect(tried.at(-1)?.refusal).toMatch(/at most 2 h are allowed/);
    const warned = (all: readonly RunRecord[]): RunRecord[] =>
      all.filter((record) => record.type === 'note' && record.text.includes('no backups.maxAge'));
    expect(warned(records)).toEqual([]);
    expect(warned((await (await backupWorld()).upgrade(drill)).records)).toHaveLength(1);
  });

  test('fail the drill when one would be put back, which names it', async () => {
    const world = await backupWorld();
    // Whatever a target has is taken, and not a byte of it looked at.
    world.backups.stage = async () => undefined;
    const { result, records } = await world.upgrade(drill);
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(/a spoiled backup would be put back \(flipped-bit\).*\(truncated\).*\(missing\)/);
    expect(result.reason).not.toMatch(/unfinished|edited|foreign|outdated|is not what it was/);
    const { tried } = await evidenceOf(records, result.runDir);
    expect(tried.flatMap(({ refusal }) => refusal ?? [])).toHaveLength(4);
    await expectAllAsBefore(world, 'failed');
  });

  test('show nothing when the backup itself is refused: the drill fails, and no node is stopped for it', async () => {
    const world = await backupWorld({ maxAge: '1ms' });
    const { result, records } = await world.upgrade(drill);
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(/the backup is refused: .*it is too old.*, though nobody has spoiled it/);
    expect((await evidenceOf(records, result.runDir)).tried).toEqual([]);
    expect(world.deeds().filter((deed) => deed.startsWith('stop'))).toHaveLength(1);
    await expectAllAsBefore(world, 'failed');
  });

  test('show nothing when a whole copy is refused as well: the drill fails, and no node is stopped for it', async () => {
    const world = await backupWorld();
    const find = world.backups.find.bind(world.backups);
    world.backups.find = async (id, named, options) => {
      const found = await find(id, named, options);
      return named?.length
        ? { ...found, manifest: { ...found.manifest, createdAt: new Date(0).toISOString() } }
        : found;
    };
    const { result, records } = await world.upgrade(drill);
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(/a copy of the backup is refused: .*it is too old.*, though nobody has spoiled it/);
    expect((await evidenceOf(records, result.runDir)).tried).toEqual([]);
    expect(world.deeds().filter((deed) => deed.startsWith('stop'))).toHaveLength(1);
    await expectAllAsBefore(world, 'failed');
  });

  test('count as refused only when it is for what is wrong with them', async () => {
    const world = await backupWorld();
    const find = world.backups.find.bind(world.backups);
    world.backups.find = async (id, named, options) => {
      if (named?.length) throw new Error('the folder cannot be read');
      return find(id, named, options);
    };
    const { result } = await world.upgrade(drill);
    expect(result.outcome).toBe('error');
    expect(result.reason).toMatch(/the folder cannot be read/);
    await expectAllAsBefore(world, 'error');
  });

  test('make the run void when a copy is the same as the backup', async () => {
    const world = await backupWorld();
    // In nothing there is no bit to be flipped.
    const lab = (plain: RunWorld['lab']): RunWorld['lab'] => ({
      ...plain,
      snapshot: async (node, folder, options) => {
        const manifest = await plain.snapshot(node, folder, options);
        await truncate(archivePath(folder));
        return manifest;
      },
    });
    const { result } = await world.upgrade({ ...drill, lab });
    expect(result.outcome).toBe('void');
    expect(result.reason).toMatch(/could not be spoiled \(flipped-bit\): it is the same as the backup/);
    await expectAllAsBefore(world, 'void');
  });

  test('fail the drill when the data of the node has changed meanwhile', async () => {
    const world = await backupWorld();
    let copies = 0;
    const lab = (plain: RunWorld['lab']): RunWorld['lab'] => ({
      ...plain,
      snapshot: async (node, folder, options) => {
        if (++copies === 3) world.lab.world.setHeight(node.name, 1);
        return plain.snapshot(node, folder, options);
      },
    });
    const { result } = await world.upgrade({ ...drill, lab });
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(/the data of node-1 is not what it was/);
  });

  test('are of the backup that was taken last, whose id is one folder', async () => {
    const world = await backupWorld();
    const [copy, spoil] = stages as [RunbookStage, RunbookStage];
    const { result, records } = await world.upgrade({
      ...drill,
      stages: [{ ...copy, id: 'first' }, { ...copy, id: 'corrupt-backup/copy' }, spoil],
    });
    expect(result.outcome, result.reason).toBe('passed');
    expect((await evidenceOf(records, result.runDir)).backup).toBe('run-1-corrupt-backup.copy');
    const found = await world.untilSettled(world.backups.list());
    expect(found.map(({ id, problem }) => [id, problem])).toEqual([
      ['run-1-corrupt-backup.copy', undefined],
      ['run-1', undefined],
    ]);
  });
});

/** False when the run was over before it came to the point. */
async function expectSameEnd(point: CrashPoint, abortBy?: string): Promise<boolean> {
  const world = await backupWorld();
  const crashed = await crashAndResume(world, drill, point, { ...(abortBy !== undefined && { abortBy }) });
  if (!crashed) return false;
  const where = JSON.stringify(point);
  const { result, records } = crashed;
  expect(result.outcome, `${where}: ${result.reason}`).toBe(abortBy === undefined ? 'passed' : 'aborted');
  await expectAllAsBefore(world, where);
  if (abortBy !== undefined) return true;
  expect(findingsOf(records).at(-1)?.verdict, where).toBe('pass');
  expect((await evidenceOf(records, result.runDir)).tried, where).toHaveLength(spoilings.length);
  return true;
}

/** As if the orchestrator was killed while it spoiled copies, and while it looked at one. */
async function killedWithCopies(world: World): Promise<RunInputs> {
  const cut = await killedAt(world, drill, { kind: 'before-type', type: 'finding', step: 'spoil' });
  const { stateDir } = world.topology;
  const [target] = await world.backups.targets();
  const root = target?.name.replace('folder ', '') ?? '';
  for (const how of spoilings) await cp(root, join(stateDir, 'spoiled', how), { recursive: true });
  await cp(join(root, 'world', 'run-1', 'nodes'), join(stateDir, 'staging', 'run-1'), { recursive: true });
  return cut;
}

describe('a drill of spoiled backups whose orchestrator is killed', { timeout: 240_000 }, () => {
  test('at any record goes on to the same end, and leaves nothing behind', async () => {
    let seq = 0;
    while (await expectSameEnd({ kind: 'record', seq })) seq++;
    console.info(`killed at each of ${seq} records`);
    expect(seq).toBeGreaterThan(20);
  });

  test('at any record leaves nothing behind when somebody ends it', async () => {
    let seq = 0;
    while (await expectSameEnd({ kind: 'record', seq }, 'somebody')) seq++;
    expect(seq).toBeGreaterThan(20);
  });

  test('in the middle of any call of the lab goes on to the same end', async () => {
    let number = 0;
    while (await expectSameEnd({ kind: 'call', number, effect: 'before' })) {
      expect(await expectSameEnd({ kind: 'call', number, effect: 'after' })).toBe(true);
      number++;
    }
    console.info(`killed before and after each of ${number} calls`);
    expect(number).toBe(7);
  });

  test('takes nothing that it has left for what it makes anew', async () => {
    const world = await backupWorld();
    const { result, records } = await resumeRun(world, await killedWithCopies(world));
    expect(result.outcome, result.reason).toBe('passed');
    expect((await evidenceOf(records, result.runDir)).tried.flatMap(({ refusal }) => refusal ?? [])).toHaveLength(7);
    await expectAllAsBefore(world, 'resumed');
  });

  test('removes what it has left when somebody ends it', async () => {
    const world = await backupWorld();
    const { result } = await resumeRun(world, await killedWithCopies(world), { abortBy: 'somebody' });
    expect(result.outcome, result.reason).toBe('aborted');
    await expectAllAsBefore(world, 'aborted');
  });

  test('that is interrupted gives the node back and leaves nothing behind, and goes on to the same end', async () => {
    const { records } = await (await backupWorld()).upgrade(drill);
    const first = records.find((record) => record.type === 'step.started' && record.step === 'spoil')?.seq ?? 0;
    const last = findingsOf(records)[0]?.seq ?? 0;
    expect(last - first).toBeGreaterThan(4);
    for (let seq = first; seq < last; seq++) {
      const world = await backupWorld();
      const controller = new AbortController();
      const inputs = await world.inputs({
        ...drill,
        signal: controller.signal,
        onRecord: (record) => {
          if (record.seq === seq) controller.abort();
        },
      });
      const cut = await world.untilSettled(executeRun(inputs));
      expect(cut.outcome, `${seq}: ${cut.reason}`).toBe('interrupted');
      await expectAllAsBefore(world, `${seq}`);
      const resumed = await world.untilSettled(executeRun(await world.resumed(inputs)));
      expect(resumed.outcome, `${seq}: ${resumed.reason}`).toBe('passed');
      await expectAllAsBefore(world, `${seq}`);
    }
  });
});
