import type { RunOutcome, RunRecord } from './records.ts';

export type FinishedRecord = Extract<RunRecord, { type: 'run.finished' }>;

/** How far a run came. */
export interface RunEnding {
  /** The end that stands: the last one, unless the run was resumed after it. */
  finished?: FinishedRecord;
  /** `unfinished`: it is under way, waits, or was killed. */
  outcome: RunOutcome | 'unfinished';
  /** Somebody paused it, and nobody has let it go on since. */
  isPaused: boolean;
  /** How often it went on in another process. */
  resumed: number;
}

/** Outcomes that left something to go on with. The others are final: passed, undone, or refused for good. */
const resumable: readonly string[] = ['unfinished', 'interrupted', 'held', 'error'];

/** Whether a run of this outcome has something to go on with. */
export function isResumableOutcome(outcome: RunEnding['outcome']): boolean {
  return resumable.includes(outcome);
}

/** The end of a run by its journal. An end that is followed by `run.resumed` was not the last one; notes may follow any end. */
export function runEnding(records: readonly RunRecord[]): RunEnding {
  let finished: FinishedRecord | undefined;
  let isPaused = false;
  let resumed = 0;
  for (const record of records) {
    switch (record.type) {
      case 'run.finished':
        finished = record;
        isPaused = false;
        break;
      case 'run.resumed':
        finished = undefined;
        isPaused = false;
        resumed++;
        break;
      case 'paused':
        isPaused = true;
        break;
      case 'continued':
        isPaused = false;
        break;
      default:
    }
  }
  return { ...(finished && { finished }), outcome: finished?.outcome ?? 'unfinished', isPaused, resumed };
}

/**
 * Whether `resume` has something to go on with: the run has started, and is unfinished (killed or paused), was interrupted, held, or
 * ended with an error. Whether its process still lives is for the lock to say.
 */
export function isResumable(records: readonly RunRecord[]): boolean {
  return records.some(({ type }) => type === 'run.started') && isResumableOutcome(runEnding(records).outcome);
}
