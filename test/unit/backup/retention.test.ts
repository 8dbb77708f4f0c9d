import fc from 'fast-check';
import { expect, test } from 'vitest';
import { superfluous } from '../../../src/backup/retention.ts';

const at = (text: string): { id: string; createdAt: string } => ({ id: text, createdAt: `${text}:00.000Z` });

test('without rules every backup stays', () => {
  expect(superfluous([at('2026-01-01T00:00'), at('2026-01-02T00:00')], {})).toEqual([]);
});

test('the newest so many stay, and the oldest of the others goes first', () => {
  const all = ['2026-01-03T00:00', '2026-01-01T00:00', '2026-01-02T00:00', '2026-01-04T00:00'].map(at);
  expect(superfluous(all, { last: 2 })).toEqual(['2026-01-01T00:00', '2026-01-02T00:00']);
});

test('of each day and of each week the newest stays; days without a backup do not count', () => {
  const all = [
    '2026-01-05T08:00', // Monday
    '2026-01-05T20:00',
    '2026-01-09T08:00',
    '2026-01-11T23:59', // Sunday of the same week
    '2026-01-12T00:00', // Monday
    '2026-01-12T09:00',
  ].map(at);
  expect(superfluous(all, { daily: 3 })).toEqual(['2026-01-05T08:00', '2026-01-05T20:00', '2026-01-12T00:00']);
  expect(superfluous(all, { weekly: 2 })).toEqual([
    '2026-01-05T08:00',
    '2026-01-05T20:00',
    '2026-01-09T08:00',
    '2026-01-12T00:00',
  ]);
});

test('the newest backup always stays, and more rules never remove more', () => {
  const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 60 * 24 * 60 }), { minLength: 1, maxLength: 40 });
  const rules = fc.record({ last: fc.nat(5), daily: fc.nat(5), weekly: fc.nat(5) });
  fc.assert(
    fc.property(minutes, rules, fc.constantFrom('last', 'daily', 'weekly'), (starts, keep, more) => {
      const all = starts.map((minute) => {
        const createdAt = new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
        return { id: createdAt, createdAt };
      });
      const gone = superfluous(all, keep);
      const newest = all
        .map(({ id }) => id)
        .sort()
        .at(-1);
      expect(gone).not.toContain(newest);
      if (keep.last + keep.daily + keep.weekly === 0) return;
      const fewer = superfluous(all, { ...keep, [more]: keep[more as 'last'] + 1 });
      expect(gone).toEqual(expect.arrayContaining(fewer));
      expect(all.length - gone.length).toBeLessThanOrEqual(Math.max(1, keep.last) + keep.daily + keep.weekly);
    }),
  );
});
