import { expect, test } from 'vitest';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import type { RunRecord } from '../../../src/journal/records.ts';
import { backupWorld, names } from '../../helpers/backup-world.ts';

const ofAll: RunbookStage = { kind: 'take-backup', id: 'all' };
const ofOne: RunbookStage = { kind: 'take-backup', id: 'one', nodes: ['node-1'] };
const back = { kind: 'restore-backup', id: 'back', acceptDoubleSignRisk: true } as const;

function chosen(records: readonly RunRecord[]): unknown {
  return records.find((record) => record.type === 'choice' && record.step === 'back');
}

test('a backup of one node neither pushes out one of the whole testnet nor stands in for it as the newest', async () => {
  const world = await backupWorld({ keep: { last: 1 } });
  const stages = [ofAll, { ...ofAll, id: 'again' }, ofOne, { ...back, backup: 'newest' }];
  const { result, records } = await world.upgrade({ stages, runbook: 'several', onFailure: 'hold' });
  expect(result.outcome, result.reason).toBe('passed');
  expect(chosen(records)).toMatchObject({ value: 'run-1-again' });
  const left = await world.untilSettled(world.backups.list());
  expect(left.map(({ id, manifest }) => [id, manifest?.nodes.length])).toEqual([
    ['run-1-one', 1],
    ['run-1-again', names.length],
  ]);
});

test('the newest of one node may be one of that node alone', async () => {
  const world = await backupWorld();
  const stages = [ofAll, ofOne, { ...back, backup: 'newest', nodes: ['node-1'] }];
  const { records } = await world.upgrade({ stages, runbook: 'several', onFailure: 'hold' });
  expect(chosen(records)).toMatchObject({ value: 'run-1-one' });
});

test('where no backup holds what is wanted, the refusal says what the newest lacks', async () => {
  const world = await backupWorld();
  const stages = [ofOne, { ...back, backup: 'newest' }];
  const { result } = await world.upgrade({ stages, runbook: 'several', onFailure: 'hold' });
  expect(result).toMatchObject({ outcome: 'refused' });
  expect(result.reason).toMatch(/it is not of the whole testnet; name its nodes: node-1/);
});

test('of several backups of a run that of this run is the last', async () => {
  const world = await backupWorld();
  const lose: RunbookStage = { kind: 'lose', id: 'lose', nodes: names, data: 'wipe', mayHalt: true };
  const stages = [ofOne, ofAll, lose, { ...back, backup: 'this-run' }];
  const { result, records } = await world.upgrade({ stages, runbook: 'several', onFailure: 'hold' });
  expect(result.outcome, result.reason).toBe('passed');
  expect(chosen(records)).toMatchObject({ value: 'run-1-all' });
});
