import { UsageError } from '../core/errors.ts';
import type { RunEvent, RunRecord } from '../journal/records.ts';
import { isResumable, runEnding } from '../journal/run-ending.ts';

export type EventOf<Type extends RunEvent['type']> = Extract<RunRecord, { type: Type }>;
export type Timed<R extends RunRecord> = R & { offsetMs: number };

/** Records with their time since the start of the run. Wall time may jump back; on the chart it stands still instead. */
export class RunLog {
  readonly started: EventOf<'run.started'>;
  /** Undefined when the run did not finish, or went on after it had. */
  readonly finished: EventOf<'run.finished'> | undefined;
  /** Somebody paused the run, and nobody has let it go on since. */
  readonly isPaused: boolean;
  readonly isResumable: boolean;
  readonly records: readonly Timed<RunRecord>[];
  readonly startedAtMs: number;
  /** Time of the last record. */
  readonly lastMs: number;

  constructor(records: readonly RunRecord[]) {
    const started = records.find((record) => record.type === 'run.started');
    if (!started) throw new UsageError('the run has no record of its start, so there is nothing to report');
    this.started = started;
    const { finished, isPaused } = runEnding(records);
    this.finished = finished;
    this.isPaused = isPaused;
    this.isResumable = isResumable(records);
    this.startedAtMs = Date.parse(started.at);
    let offsetMs = 0;
    this.records = records.map((record) => {
      offsetMs = Math.max(offsetMs, Date.parse(record.at) - this.startedAtMs);
      return { ...record, offsetMs };
    });
    this.lastMs = offsetMs;
  }

  ofType<Type extends RunEvent['type']>(type: Type): Timed<EventOf<Type>>[] {
    return this.records.filter((record): record is Timed<EventOf<Type>> => record.type === type);
  }
}
