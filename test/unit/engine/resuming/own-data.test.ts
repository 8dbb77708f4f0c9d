import { expect, test } from 'vitest';
import { requireOwnData } from '../../../../src/engine/resuming/own-data.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { backupWorld, names } from '../../../helpers/backup-world.ts';
import type { RunWorld, UpgradeOptions } from '../../../helpers/run-world.ts';

const stages: RunbookStage[] = [
  { kind: 'take-backup', id: 'copy' },
  { kind: 'lose', id: 'lose', nodes: names, data: 'wipe', mayHalt: true },
  { kind: 'restore-backup', id: 'back', backup: 'this-run' },
];
const drill: UpgradeOptions = { stages, runbook: 'total-loss', onFailure: 'hold' };

const may = ({ topology }: RunWorld, stopped: string[]): Promise<void> =>
  requireOwnData(topology.stateDir, topology, stopped);

test('nodes whose data a run has wiped and not put back are not started empty, unless the others hold a quorum', async () => {
  const world = await backupWorld();
  const { result } = await world.upgrade({ ...drill, stages: stages.slice(1, 2) });
  expect(result.exitCode, result.reason).toBe(5);
  await expect(may(world, names)).rejects.toThrow(
    /run-1 left nodes.*: node-0, node-1, node-2, node-3 have no data, .*seatrial resume run-1.*seatrial restore world newest.*seatrial down world/,
  );
  await expect(may(world, ['node-2', 'node-3'])).rejects.toThrow(/node-2, node-3 have no data/);
  await may(world, ['node-3']);
  await may(world, []);
});

test('nodes with the data of a backup do not start before their turn, and one with part of it does not at all', async () => {
  const world = await backupWorld();
  let restored = 0;
  const lab = (plain: RunWorld['lab']): RunWorld['lab'] => ({
    ...plain,
    restore: async (...call) => {
      if (restored++ >= 2) throw new Error('the disk is full');
      return plain.restore(...call);
    },
  });
  const { result } = await world.upgrade({ ...drill, lab });
  expect(result.exitCode, result.reason).toBe(5);
  await expect(may(world, names)).rejects.toThrow(
    /node-2 has data that was put back in part only; node-0, node-1 have the data of a backup/,
  );
  await expect(may(world, ['node-2'])).rejects.toThrow(/node-2 has data that was put back in part only/);
});

test('after a whole run nothing keeps a node from its start', async () => {
  const world = await backupWorld();
  const { result } = await world.upgrade(drill);
  expect(result.outcome, result.reason).toBe('passed');
  await may(world, names);
});
