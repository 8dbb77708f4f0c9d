import { hostname, userInfo } from 'node:os';
import { systemClock } from '../core/clock.ts';
import { random } from '../core/random.ts';
import { requestOf } from '../engine/run-control.ts';
import type { RunRequest } from '../engine/run-request.ts';
import { readJournal } from '../journal/read-journal.ts';
import { runEnding } from '../journal/run-ending.ts';
import type { FoundRun } from './find-run.ts';

/** Who asks, as it will stand in the journal. */
export function operatorName(): string {
  return `${userInfo().username}@${hostname()}`;
}

/** Leaves a request for a run that has not ended; false when it has. */
export async function requestRun({ runDir }: FoundRun, request: RunRequest): Promise<boolean> {
  const { records } = await readJournal(runDir);
  if (runEnding(records).finished) return false;
  // Sorted by name, requests are taken in the order in which they were made.
  const id = `${systemClock.wallMs().toString().padStart(15, '0')}-${random().toString(36).slice(2, 8)}`;
  await requestOf(runDir, request, id);
  return true;
}
