import { describe, expect, test } from 'vitest';
import { verifyBackup } from '../../../src/backup/find-backups.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { backupWorld, names } from '../../helpers/backup-world.ts';
import { crashAndResume, type CrashPoint } from '../../helpers/crash.ts';
import type { RunWorld } from '../../helpers/run-world.ts';

const backup = { runbook: 'backup', onFailure: 'hold' } as const;

function taking(records: readonly RunRecord[], effect: string): string[] {
  return records.flatMap((record) => (record.type === 'effect.done' && record.effect === effect ? [record.node] : []));
}

const scenarios: { name: string; stages: RunbookStage[]; restores: readonly string[] }[] = [
  { name: 'a backup', stages: [{ kind: 'take-backup', id: 'copy' }], restores: [] },
  {
    name: 'a backup that is put back as a whole',
    stages: [
      { kind: 'take-backup', id: 'copy' },
      { kind: 'restore-backup', id: 'back', backup: 'this-run', acceptDoubleSignRisk: true },
    ],
    restores: names,
  },
];

/** False when the run was over before it came to the point. */
async function expectSameEnd({ stages, restores }: (typeof scenarios)[number], point: CrashPoint): Promise<boolean> {
  const world = await backupWorld();
  const crashed = await crashAndResume(world, { ...backup, stages }, point);
  if (!crashed) return false;
  const where = JSON.stringify(point);
  const { records, result } = crashed;
  expect(result.outcome, `${where}: ${result.reason}`).toBe('passed');
  for (const name of names) {
    expect((await world.lab.observe(world.node(name))).state, `${where} ${name}`).toBe('running');
  }
  const found = await world.untilSettled(world.backups.list());
  expect(
    found.map(({ id, manifest }) => [id, manifest?.nodes.length]),
    where,
  ).toEqual([['run-1', names.length]]);
  for (const backup of found) expect(await world.untilSettled(verifyBackup(backup)), where).toBeUndefined();
  expect(new Set(taking(records, 'snapshot')), where).toEqual(new Set(names));
  expect(new Set(taking(records, 'restore')), where).toEqual(new Set(restores));
  // Nothing is put back on a node that was started with the backup's data already.
  for (const name of restores) {
    const deeds = world.deeds().filter((deed) => deed.includes(name));
    const back = deeds.findIndex((deed) => deed.startsWith('restore'));
    const started = deeds.findIndex((deed, index) => index > back && deed.startsWith('start'));
    expect(
      deeds.slice(started).some((deed) => deed.startsWith('restore')),
      `${where} ${deeds.join()}`,
    ).toBe(false);
  }
  const proven = records.flatMap((record) =>
    record.type === 'finding' && record.finding === 'restore' && record.verdict === 'pass' ? record.nodes : [],
  );
  expect(new Set(proven), where).toEqual(new Set(restores));
  return true;
}

describe.each(scenarios)('$name whose orchestrator is killed', (scenario) => {
  test('at any record goes on to the same end', { timeout: 240_000 }, async () => {
    let seq = 0;
    while (await expectSameEnd(scenario, { kind: 'record', seq })) seq++;
    console.info(`${scenario.name}: killed at each of ${seq} records`);
    expect(seq).toBeGreaterThan(30);
  });

  test('in the middle of any call of the lab goes on to the same end', { timeout: 240_000 }, async () => {
    let number = 0;
    while (await expectSameEnd(scenario, { kind: 'call', number, effect: 'before' })) {
      expect(await expectSameEnd(scenario, { kind: 'call', number, effect: 'after' })).toBe(true);
      number++;
    }
    console.info(`${scenario.name}: killed before and after each of ${number} calls`);
    expect(number).toBeGreaterThanOrEqual(12);
  });
});

describe('a backup that is put back as a whole', () => {
  test('starts the newest data first, and each other node only when those before it are level', async () => {
    const world = await backupWorld();
    const { records } = await world.upgrade({ ...backup, stages: scenarios[1]?.stages ?? [] });
    const deeds = world.deeds();
    const back = deeds.slice(deeds.findIndex((deed) => deed.startsWith('restore')));
    const starts = back.flatMap((deed) => (deed.startsWith('start') ? [deed.split(' ')[1]] : []));
    expect(starts).toEqual([...names].reverse());
    const lastRestore = back.findLastIndex((deed) => deed.startsWith('restore'));
    expect(back.findIndex((deed) => deed.startsWith('start'))).toBeGreaterThan(lastRestore);
    expect(records.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'passed' });
  });

  test('leaves nodes that have its data stopped when it cannot be finished: they must not go on by themselves', async () => {
    const world = await backupWorld();
    const broken = {
      lab: (plain: RunWorld['lab']): RunWorld['lab'] => ({
        ...plain,
        restore: async (node, folder, options) => {
          if (node.name === 'node-2') throw new Error('the disk is full');
          await plain.restore(node, folder, options);
        },
      }),
    };
    const { result } = await world.upgrade({ ...backup, stages: scenarios[1]?.stages ?? [], ...broken });
    expect(result.outcome).toBe('error');
    expect(result.reason).toMatch(/the disk is full.*node-1, node-0 are left stopped: they have the data of a backup/);
    const states = await Promise.all(names.map(async (name) => (await world.lab.observe(world.node(name))).state));
    expect(states).toEqual(['stopped', 'stopped', 'stopped', 'running']);
  });

  test('is refused while the chain went on and nobody accepts the risk; nothing is touched', async () => {
    const world = await backupWorld();
    const stages: RunbookStage[] = [
      { kind: 'take-backup', id: 'copy', nodes: ['node-1'] },
      { kind: 'restore-backup', id: 'back', backup: 'this-run', nodes: ['node-1'] },
    ];
    const { result } = await world.upgrade({ ...backup, stages });
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 });
    expect(result.reason).toMatch(/can sign those heights a second time/);
    expect(world.deeds().filter((deed) => deed.startsWith('restore'))).toEqual([]);
    expect(world.deeds().filter((deed) => deed.startsWith('stop'))).toEqual(['stop node-1 1.0.0']);
  });
});
