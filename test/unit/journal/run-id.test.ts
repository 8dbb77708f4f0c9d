import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newRunId, timeOfRunId } from '../../../src/journal/run-id.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';

test('a run id holds the UTC time and four random digits', () => {
  const clock = new SettableClock('2026-03-04T05:06:07.999Z');
  expect(newRunId(clock, () => 0)).toBe('20260304-050607-0000');
  expect(newRunId(clock, () => 0.9999999)).toBe('20260304-050607-ffff');
});

test('ids of different seconds sort by time, and the time can be read back', () => {
  const second = fc.integer({ min: Date.UTC(2020, 0) / 1000, max: Date.UTC(2099, 0) / 1000 });
  fc.assert(
    fc.property(second, second, fc.float({ min: 0, max: Math.fround(0.999), noNaN: true }), (a, b, random) => {
      fc.pre(a < b);
      const [idA, idB] = [a, b].map((at) =>
        newRunId(new SettableClock(new Date(at * 1000).toISOString()), () => random),
      );
      expect(idA !== undefined && idB !== undefined && idA < idB).toBe(true);
      expect(timeOfRunId(idA ?? '')).toBe(new Date(a * 1000).toISOString());
    }),
  );
});

test('other names are no run ids', () => {
  for (const name of ['', 'latest', '20260304-050607', '20260304-050607-xyzw', '20261399-050607-0000']) {
    expect(timeOfRunId(name), name).toBeUndefined();
  }
});
