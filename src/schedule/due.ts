import type { RunSummary } from '../journal/list-runs.ts';
import type { RunOutcome } from '../journal/records.ts';
import { nextTime, parseCalendar } from './calendar.ts';
import type { Schedule } from './schedule.ts';

/** How late a run may begin before it is overdue. */
const graceMs = 3_600_000;

const verdicts: readonly (RunOutcome | 'unfinished' | 'corrupt')[] = [
  'passed',
  'failed',
  'rolled-back',
  'rollback-failed',
];

export interface DueState {
  /** The newest run of the runbook, whatever became of it. */
  last?: RunSummary;
  /** When the next one is due, or was. */
  dueAt: Date;
  isOverdue: boolean;
}

/**
 * Whether a schedule is kept. Counted are runs that came to a verdict, good or bad; one that was refused, cut off, void or inconclusive has
 * shown nothing, and leaves its slot open.
 */
export function dueState(schedule: Schedule, runs: readonly RunSummary[], now: Date): DueState {
  const ofRunbook = runs.filter(({ runbook }) => runbook === schedule.runbook);
  const judged = ofRunbook.find(({ outcome }) => verdicts.includes(outcome));
  const since = new Date(Math.max(Date.parse(schedule.since), judged ? Date.parse(judged.startedAt) : 0));
  const dueAt = nextTime(parseCalendar(schedule.every), since);
  if (!dueAt) throw new RangeError(`${schedule.every} never comes`);
  const [last] = ofRunbook;
  return { ...(last && { last }), dueAt, isOverdue: now.getTime() > dueAt.getTime() + graceMs };
}
