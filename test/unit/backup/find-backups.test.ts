import { expect, test } from 'vitest';
import { backupWorld } from '../../helpers/backup-world.ts';

test('a mistyped "newest" is told so where there is a backup, and nothing is offered where there is none', async () => {
  const world = await backupWorld();
  const find = (id: string): Promise<unknown> => world.untilSettled(world.backups.find(id));
  await expect(find('newst')).rejects.toThrow(/there is no such backup of world in [^;]*$/);
  const stages = [{ kind: 'take-backup', id: 'all' } as const];
  const { result } = await world.upgrade({ stages, runbook: 'backup', onFailure: 'hold' });
  expect(result.outcome, result.reason).toBe('passed');
  await expect(find('newst')).rejects.toThrow(/there is no such backup of world in .*; did you mean newest\?$/);
  await expect(find('rum-1')).rejects.toThrow(/; did you mean run-1\?$/);
});
