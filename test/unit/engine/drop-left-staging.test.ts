import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LabError, RefusedError } from '../../../src/core/errors.ts';
import { dropLeftStaging } from '../../../src/engine/backups/drop-left-staging.ts';
import type { RunbookStage } from '../../../src/engine/runbook.ts';
import { forgetTestnet } from '../../../src/engine/state.ts';
import type { RunOutcome } from '../../../src/journal/records.ts';
import { backupWorld } from '../../helpers/backup-world.ts';

type World = Awaited<ReturnType<typeof backupWorld>>;

const nothing = { steps: [] };

async function staged({ topology }: World): Promise<string[]> {
  return (await readdir(join(topology.stateDir, 'staging')).catch(() => [])).sort();
}

/** A run that copies a node and cannot store the copy: what it ended with. */
async function failing(world: World, error: Error): Promise<RunOutcome> {
  const stages: RunbookStage[] = [{ kind: 'take-backup', id: 'copy', nodes: ['node-1'] }];
  world.backups.store = () => Promise.reject(error);
  const { result } = await world.upgrade({ stages, runbook: 'backup', onFailure: 'hold' });
  return result.outcome;
}

async function copyOf({ topology }: World, id: string): Promise<void> {
  const folder = join(topology.stateDir, 'staging', id, 'node-1');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'data.tar.gz'), 'copied');
}

test('copies of a run that has ended go when the next one begins, and those of one that can go on stay', async () => {
  const world = await backupWorld();
  const { stateDir } = world.topology;
  expect(await failing(world, new RefusedError('unsafe', 'the target is full'))).toBe('refused');
  expect(await failing(world, new LabError('the target does not answer'))).toBe('error');
  await Promise.all(['run-2-again', 'run-20', 'older'].map((id) => copyOf(world, id)));
  expect(await staged(world)).toEqual(['older', 'run-1', 'run-2', 'run-2-again', 'run-20']);
  await dropLeftStaging(stateDir, nothing);
  expect(await staged(world)).toEqual(['run-2', 'run-2-again']);
});

test('what is about to be restored stays, and what a run that can go on restores', async () => {
  const world = await backupWorld();
  const { stateDir } = world.topology;
  const restore: RunbookStage = { kind: 'restore-backup', id: 'back', backup: 'older', nodes: ['node-1'] };
  world.backups.find = () => Promise.reject(new LabError('the target does not answer'));
  const { result } = await world.upgrade({ stages: [restore], runbook: 'restore', onFailure: 'hold' });
  expect(result.outcome).toBe('error');
  await Promise.all(['older', 'wanted', 'other'].map((id) => copyOf(world, id)));
  const step = { id: 'restore', kind: 'restore-backup' as const, nodes: [], backup: 'wanted' };
  await dropLeftStaging(stateDir, { steps: [step] });
  expect(await staged(world)).toEqual(['older', 'wanted']);
});

test('a testnet without copies has none to drop, and one that is forgotten keeps none', async () => {
  const world = await backupWorld();
  const { stateDir } = world.topology;
  await dropLeftStaging(stateDir, nothing);
  await copyOf(world, 'older');
  await mkdir(join(stateDir, 'spoiled'));
  await mkdir(join(stateDir, 'runs'));
  await forgetTestnet(stateDir);
  expect(await readdir(stateDir)).toEqual(['runs']);
});
