import { stateFolder } from '../../engine/state.ts';
import { testnetFile } from '../../engine/testnet-files.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { print, printJson, table } from '../output.ts';
import { resolveReference } from '../root.ts';

/** `seatrial runs <testnet>`: all runs, newest first. */
export async function runs(name: string, options: { json?: boolean }): Promise<void> {
  const reference = resolveReference(name);
  const found = await listRuns(stateFolder(reference.root, reference.name));
  // The runs of a testnet outlive its file.
  if (found.length === 0) await testnetFile(reference.root, reference.name);
  if (options.json) {
    printJson({ testnet: reference.name, runs: found });
    return;
  }
  if (found.length === 0) {
    print(`${reference.name} has no runs yet`);
    return;
  }
  const rows = found.map((run) => [
    run.id,
    run.runbook ?? '-',
    run.outcome,
    run.exitCode?.toString() ?? '-',
    run.startedAt,
    run.problem ?? (run.isPaused ? 'paused; can be resumed' : run.isResumable ? 'can be resumed' : ''),
  ]);
  print(table([['RUN', 'RUNBOOK', 'OUTCOME', 'EXIT', 'STARTED', ''], ...rows]));
}
