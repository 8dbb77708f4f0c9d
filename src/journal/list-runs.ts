import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LabError, messageOf } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';
import { JournalCorruptError, readJournal } from './read-journal.ts';
import type { RunOutcome, RunRecord } from './records.ts';
import { isResumable, runEnding } from './run-ending.ts';
import { timeOfRunId } from './run-id.ts';

export interface RunSummary {
  id: string;
  testnet: string;
  /** Absent when not even the first record can be read. */
  runbook?: string;
  /** ISO 8601. */
  startedAt: string;
  finishedAt?: string;
  /** `unfinished`: it is under way, or was killed. `corrupt`: its journal cannot be trusted; `problem` says why. */
  outcome: RunOutcome | 'unfinished' | 'corrupt';
  exitCode?: number;
  /** `seatrial resume` has something to go on with. Never set where the journal cannot be trusted. */
  isResumable?: boolean;
  /** Somebody paused it, and nobody has let it go on since. */
  isPaused?: boolean;
  problem?: string;
}

/**
 * All runs of a testnet, newest first; `stateDir` is `.seatrial/<testnet>`. A run whose journal is broken is listed as such, never
 * hidden. No runs, no folder: an empty list.
 */
export async function listRuns(stateDir: string): Promise<RunSummary[]> {
  const folder = join(stateDir, 'runs');
  let entries;
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return [];
    throw new LabError(`${folder}: the runs cannot be listed: ${messageOf(cause)}`, { cause });
  }
  const runs: RunSummary[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) runs.push(await summarise(join(folder, entry.name), basename(stateDir)));
  }
  return runs.sort((a, b) => compare(b.startedAt, a.startedAt) || compare(b.id, a.id));
}

async function summarise(runDir: string, testnet: string): Promise<RunSummary> {
  const id = basename(runDir);
  try {
    const { records } = await readJournal(runDir);
    return { id, testnet, startedAt: await startOf(runDir, records), ...outcomeOf(records) };
  } catch (error) {
    const records = error instanceof JournalCorruptError ? error.soundRecords : [];
    const { runbook } = outcomeOf(records);
    return {
      id,
      testnet,
      ...(runbook === undefined ? {} : { runbook }),
      startedAt: await startOf(runDir, records),
      outcome: 'corrupt',
      problem: messageOf(error),
    };
  }
}

function outcomeOf(
  records: readonly RunRecord[],
): Pick<RunSummary, 'runbook' | 'finishedAt' | 'outcome' | 'exitCode' | 'isResumable' | 'isPaused'> {
  const started = records.find((record) => record.type === 'run.started');
  const { finished, outcome, isPaused } = runEnding(records);
  return {
    ...(started && { runbook: started.runbook }),
    ...(finished && { finishedAt: finished.at, exitCode: finished.exitCode }),
    outcome,
    ...(isResumable(records) && { isResumable: true }),
    ...(isPaused && { isPaused }),
  };
}

async function startOf(runDir: string, records: readonly RunRecord[]): Promise<string> {
  const known = records[0]?.at ?? timeOfRunId(basename(runDir));
  return known ?? (await stat(runDir)).mtime.toISOString();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
