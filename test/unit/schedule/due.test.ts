import { expect, test } from 'vitest';
import type { RunSummary } from '../../../src/journal/list-runs.ts';
import { dueState } from '../../../src/schedule/due.ts';
import type { Schedule } from '../../../src/schedule/schedule.ts';

const schedule: Schedule = {
  testnet: 'local',
  runbook: 'partition',
  every: 'daily',
  form: 'cron',
  isSystemUnit: false,
  parameters: {},
  since: new Date(2026, 4, 1, 12).toISOString(),
  files: [],
};
const run = (outcome: RunSummary['outcome'], startedAt: Date, runbook = 'partition'): RunSummary => ({
  id: `${outcome}-${startedAt.getTime()}`,
  testnet: 'local',
  runbook,
  startedAt: startedAt.toISOString(),
  outcome,
});

test('what never ran is overdue an hour after its first time, not before', () => {
  expect(dueState(schedule, [], new Date(2026, 4, 2, 3, 59)).isOverdue).toBe(false);
  const state = dueState(schedule, [], new Date(2026, 4, 2, 4, 1));
  expect(state).toEqual({ dueAt: new Date(2026, 4, 2, 3), isOverdue: true });
});

test.each(['passed', 'failed', 'rolled-back'] as const)('a run that %s has kept its time', (outcome) => {
  const state = dueState(schedule, [run(outcome, new Date(2026, 4, 2, 3, 0, 5))], new Date(2026, 4, 2, 12));
  expect(state.isOverdue).toBe(false);
  expect(state.dueAt).toEqual(new Date(2026, 4, 3, 3));
});

test.each([
  'refused',
  'interrupted',
  'void',
  'inconclusive',
  'held',
  'aborted',
  'error',
  'unfinished',
  'corrupt',
] as const)('a run that ended as %s has not, and is told all the same', (outcome) => {
  const last = run(outcome, new Date(2026, 4, 2, 3, 0, 5));
  expect(dueState(schedule, [last], new Date(2026, 4, 2, 12))).toMatchObject({ last, isOverdue: true });
});

test('runs of other runbooks do not count', () => {
  const other = run('passed', new Date(2026, 4, 2, 3), 'node-loss');
  const state = dueState(schedule, [other], new Date(2026, 4, 2, 12));
  expect(state.isOverdue).toBe(true);
  expect(state.last).toBeUndefined();
});

test('a run from before the schedule counts only as the last one', () => {
  const old = run('passed', new Date(2026, 3, 1));
  const state = dueState(schedule, [old], new Date(2026, 4, 2, 2));
  expect(state).toMatchObject({ last: old, isOverdue: false, dueAt: new Date(2026, 4, 2, 3) });
});
