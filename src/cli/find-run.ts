import { UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { stateFolder } from '../engine/state.ts';
import { testnetNames } from '../engine/testnet-files.ts';
import { listRuns } from '../journal/list-runs.ts';
import { runFolder } from '../journal/run-files.ts';
import { findRoot } from './root.ts';

export interface FoundRun {
  root: string;
  testnet: string;
  runId: string;
  runDir: string;
  /** `.seatrial/<testnet>`. */
  stateDir: string;
}

/** A run by its id, or the newest run of a testnet by the testnet's name. Throws UsageError naming the nearest ids. */
export async function findRun(reference: string): Promise<FoundRun> {
  const root = findRoot();
  const found = (testnet: string, runId: string): FoundRun => {
    const stateDir = stateFolder(root, testnet);
    return { root, testnet, runId, stateDir, runDir: runFolder(stateDir, runId) };
  };
  const names = await testnetNames(root);
  if (names.includes(reference)) {
    const [newest] = await listRuns(stateFolder(root, reference));
    if (!newest) throw new UsageError(`${reference} has no runs yet`);
    return found(reference, newest.id);
  }
  const ids: string[] = [];
  for (const name of names) {
    for (const run of await listRuns(stateFolder(root, name))) {
      if (run.id === reference) return found(name, run.id);
      ids.push(run.id);
    }
  }
  throw new UsageError(`there is no run ${reference}${didYouMean(reference, ids.slice(0, 20))}`);
}
