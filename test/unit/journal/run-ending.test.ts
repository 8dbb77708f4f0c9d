import { expect, test } from 'vitest';
import type { RunEvent, RunOutcome, RunRecord } from '../../../src/journal/records.ts';
import { isResumable, runEnding } from '../../../src/journal/run-ending.ts';

const started = { type: 'run.started' } as RunEvent;
const resumed: RunEvent = { type: 'run.resumed', by: { host: 'here', pid: 7 }, seatrialVersion: '0.1.0', code: 'c' };
const end = (outcome: RunOutcome): RunEvent => ({
  type: 'run.finished',
  outcome,
  exitCode: 0,
  after: [],
  observations: 'o',
});
const records = (...events: RunEvent[]): RunRecord[] =>
  events.map((event, seq) => ({ ...event, seq, at: '2026-01-01T00:00:00.000Z', monoMs: seq, prev: '0'.repeat(64) }));

test('an end that is followed by a resumption is not the end, the next one is', () => {
  expect(runEnding(records(started, end('interrupted'), resumed))).toMatchObject({ outcome: 'unfinished', resumed: 1 });
  expect(runEnding(records(started, end('interrupted'), resumed, end('passed')))).toMatchObject({
    outcome: 'passed',
    finished: { outcome: 'passed' },
  });
});

test('what is written down after an end without a resumption leaves the end as it is', () => {
  const late: RunEvent[] = [
    { type: 'note', level: 'info', text: 'late' },
    { type: 'abort.requested', by: 'someone' },
  ];
  expect(runEnding(records(started, end('held'), ...late)).outcome).toBe('held');
});

test('a run is paused until somebody lets it go on, another process takes it up, or it ends', () => {
  const paused: RunEvent = { type: 'paused', by: 'someone' };
  expect(runEnding(records(started, paused)).isPaused).toBe(true);
  expect(runEnding(records(started, paused, { type: 'continued', by: 'someone' })).isPaused).toBe(false);
  expect(runEnding(records(started, paused, resumed)).isPaused).toBe(false);
  expect(runEnding(records(started, paused, end('aborted'))).isPaused).toBe(false);
});

test.each<[RunOutcome, boolean]>([
  ['interrupted', true],
  ['held', true],
  ['error', true],
  ['passed', false],
  ['failed', false],
  ['rolled-back', false],
  ['rollback-failed', false],
  ['inconclusive', false],
  ['refused', false],
  ['aborted', false],
])('a run that ended as %s can be resumed: %s', (outcome, expected) => {
  expect(isResumable(records(started, end(outcome)))).toBe(expected);
});

test('a run that was cut off or paused can be resumed, one that never wrote its start cannot', () => {
  expect(isResumable(records(started))).toBe(true);
  expect(isResumable(records(started, { type: 'paused', by: 'someone' }))).toBe(true);
  expect(isResumable([])).toBe(false);
});
