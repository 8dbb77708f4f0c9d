import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../core/files.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import type { Plan } from '../../journal/records.ts';
import { runFolder } from '../../journal/run-files.ts';

/**
 * Removes the copies of nodes' data that earlier runs left in the staging folder of a testnet. Those stay that `plan`, which is about to begin, restores
 * from, and those of runs that can be gone on with: what they took, and what they restore.
 */
export async function dropLeftStaging(stateDir: string, plan: Pick<Plan, 'steps'>): Promise<void> {
  const staging = join(stateDir, 'staging');
  const ids = await readdir(staging).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  if (ids.length === 0) return;
  const open = (await listRuns(stateDir)).filter(({ isResumable }) => isResumable);
  const needed = new Set(plan.steps.flatMap(({ backup }) => backup ?? []));
  for (const { id } of open) {
    const { records } = await readJournal(runFolder(stateDir, id));
    for (const record of records) {
      if (record.type === 'choice' && record.name === 'backup') needed.add(String(record.value));
      if (record.type === 'run.started') for (const { backup } of record.plan.steps) if (backup) needed.add(backup);
    }
  }
  for (const id of ids) {
    const isOpen = open.some((run) => id === run.id || id.startsWith(`${run.id}-`));
    if (!isOpen && !needed.has(id)) await rm(join(staging, id), { recursive: true, force: true });
  }
}
