import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shrinkSteps } from '../../../../src/engine/chaos/shrink.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

test('a failure that needs certain steps is shrunk to exactly these, and never by more attempts than the square of their number', async () => {
  const guilty = fc.integer({ min: 1, max: 24 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      needed: fc.uniqueArray(fc.integer({ min: 1, max: count }), { minLength: 1, maxLength: 4 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(guilty, async ({ count, needed }) => {
      let attempts = 0;
      const found = await shrinkSteps(upTo(count), async (steps) => {
        attempts++;
        return needed.every((step) => steps.includes(step));
      });
      expect(found).toEqual([...needed].sort((a, b) => a - b));
      expect(attempts).toBeLessThanOrEqual(count * count + 3 * count);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test('of a failure with any of several causes one is left, and without a step less nothing fails', async () => {
  const fails = async (steps: readonly number[]): Promise<boolean> =>
    steps.includes(9) || (steps.includes(2) && steps.includes(5));
  const found = await shrinkSteps(upTo(10), fails);
  expect(await fails(found)).toBe(true);
  for (const step of found) expect(await fails(found.filter((one) => one !== step))).toBe(false);
});

test('what fails only as a whole stays whole', async () => {
  expect(await shrinkSteps(upTo(5), async (steps) => steps.length === 5)).toEqual(upTo(5));
});

test('when nobody may ask any more, the smallest that was seen to fail is told', async () => {
  let left = 2;
  const found = await shrinkSteps(upTo(8), async (steps) => (left-- > 0 ? steps.includes(1) : undefined));
  expect(found).toEqual([1, 2]);
});
