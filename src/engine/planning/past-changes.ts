import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import { runFolder } from '../../journal/run-files.ts';
import type { PastChange } from '../runbook.ts';

/** What earlier runs changed, newest first; runs whose journal is broken cannot tell. */
export async function pastChanges(stateDir: string): Promise<PastChange[]> {
  const past: PastChange[] = [];
  for (const run of await listRuns(stateDir)) {
    if (run.outcome === 'corrupt') continue;
    const { records } = await readJournal(runFolder(stateDir, run.id));
    const started = records.find((record) => record.type === 'run.started');
    if (!started) continue;
    // What the run was about to do counts like what it did: a killed run may have done it.
    const after: Record<string, string> = {};
    const flagsSet: PastChange['flagsSet'] = {};
    for (const record of records) {
      if (record.type === 'intent') after[record.node] = record.toVersion;
      if (record.type === 'intent' && record.flags)
        flagsSet[record.node] = { ...flagsSet[record.node], ...record.flags };
      if (record.type === 'done') after[record.node] = record.version;
    }
    const before = started.before.filter(({ node, state }) => node in after && state !== 'absent');
    past.push({
      runId: run.id,
      runbook: started.runbook,
      outcome: run.outcome,
      before: Object.fromEntries(before.map(({ node, version }) => [node, version])),
      after,
      flagsBefore: Object.fromEntries(before.map(({ node, flags = {} }) => [node, flags])),
      flagsSet,
      isFinal: records.some(({ type }) => type === 'finalised'),
    });
  }
  return past;
}
