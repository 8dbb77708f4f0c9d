import { expect, test } from 'vitest';
import { LabError } from '../../../src/core/errors.ts';
import type { RunOutcome } from '../../../src/journal/records.ts';
import type { Attempt } from '../../../src/cli/shrink-attempt.ts';
import { searchFewer, type SearchEnd } from '../../../src/cli/shrink-search.ts';

/** A search among four steps, of which the second alone loses writes; `nth` answers the attempt of its number instead. */
async function search(nth: Record<number, () => Attempt | undefined>): Promise<SearchEnd> {
  let number = 0;
  return searchFewer({
    begun: [1, 2, 3, 4],
    way: 'lost writes',
    attempt: async (steps) => {
      const answer = nth[++number];
      if (answer) return answer();
      return steps.includes(2) ? attempt(steps, 'failed', ['lost writes']) : attempt(steps, 'failed', ['gate']);
    },
  });
}

const attempt = (steps: readonly number[], outcome: RunOutcome, ways: string[] = []): Attempt => ({
  ...{ steps, outcome, ways },
  runId: `run-of-${steps.join('-')}`,
});

test('a failure in another way is none', async () => {
  const end = await search({});
  expect(end).toMatchObject({ smallest: [2], hasFailedAgain: true, isCutShort: false });
  expect(end.attempts.map(({ steps }) => steps)).toEqual([[1, 2], [1], [2]]);
});

test.each<RunOutcome>(['error', 'refused', 'interrupted', 'aborted', 'rollback-failed'])(
  'an attempt that ended as %s ends the search, which keeps what it found and names the run',
  async (outcome) => {
    const end = await search({ 2: () => attempt([1], outcome) });
    expect(end).toMatchObject({ smallest: [1, 2], hasFailedAgain: true, isCutShort: true });
    expect(end.unsettled).toMatchObject({ outcome, runId: 'run-of-1' });
    expect(end.attempts).toHaveLength(2);
  },
);

test.each<RunOutcome>(['passed', 'rolled-back', 'void', 'inconclusive', 'held'])(
  'an attempt that ended as %s did not fail, and the search goes on',
  async (outcome) => {
    const end = await search({ 2: () => attempt([1], outcome) });
    expect(end).toMatchObject({ smallest: [2], isCutShort: false });
    expect(end.unsettled).toBeUndefined();
  },
);

test('an error, and an attempt that is not made any more, leave what was found so far', async () => {
  const error = new LabError('it could not be brought up');
  const broken = await search({
    2: () => {
      throw error;
    },
  });
  expect(broken).toMatchObject({ smallest: [1, 2], hasFailedAgain: true, isCutShort: true, error });
  const ended = await search({ 2: () => undefined });
  expect(ended).toMatchObject({ smallest: [1, 2], hasFailedAgain: true, isCutShort: true });
  expect(ended.error).toBeUndefined();
  expect(ended.attempts).toHaveLength(1);
});
