import { systemClock } from '../core/clock.ts';
import { listRuns } from '../journal/list-runs.ts';
import { readJournal } from '../journal/read-journal.ts';
import { runFolder } from '../journal/run-files.ts';
import type { Lab, LabLease } from '../lab/lab.ts';
import { leaseOwner } from '../lab/lease.ts';

/** The testnet's lease on its lab, for this process. Throws RefusedError('locked') naming the holder when somebody else has it. */
export async function takeLease(
  lab: Lab,
  stateDir: string,
  testnet: string,
  purpose: string,
  signal?: AbortSignal,
): Promise<LabLease> {
  const owner = await leaseOwner(purpose, new Date(systemClock.wallMs()).toISOString());
  return lab.takeLease(testnet, owner, { lastToken: await lastToken(stateDir), signal });
}

/** The newest token that a run of this testnet had. */
async function lastToken(stateDir: string): Promise<number> {
  for (const { id, outcome } of await listRuns(stateDir)) {
    if (outcome === 'corrupt') continue;
    const { records } = await readJournal(runFolder(stateDir, id));
    const taken = records.findLast((record) => record.type === 'lease.taken');
    if (taken) return taken.token;
  }
  return 0;
}
