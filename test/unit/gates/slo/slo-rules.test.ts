import { expect, test } from 'vitest';
import { budgetShareOf, referenceLengthMs, sloRules } from '../../../../src/gates/slo/slo-rules.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

test('a budget of seven days has the windows and burn rates that were chosen for it', () => {
  expect(referenceLengthMs).toBe(7 * day);
  expect(sloRules(7 * day)).toEqual([
    { name: 'page-fast', severity: 'page', burnRate: 13.44, longMs: hour, shortMs: 5 * minute },
    { name: 'page-slow', severity: 'page', burnRate: 3.5, longMs: 6 * hour, shortMs: 30 * minute },
    { name: 'ticket', severity: 'ticket', burnRate: 1.4, longMs: day, shortMs: 2 * hour },
    { name: 'trend', severity: 'trend', burnRate: 0.98, longMs: 3 * day, shortMs: 6 * hour },
  ]);
});

test('windows are in proportion to the length, burn rates are not', () => {
  const [fast, slow] = sloRules(10 * minute);
  expect(fast?.longMs).toBeCloseTo(3571.4, 0);
  expect(fast?.shortMs).toBeCloseTo(297.6, 0);
  expect(slow).toMatchObject({ burnRate: 3.5 });
  expect(sloRules(30 * day)[0]?.longMs).toBeCloseTo((30 / 7) * hour, 3);
});

test('a rule stands for the same part of the budget at every length', () => {
  for (const length of [10 * minute, day, 7 * day, 30 * day]) {
    const shares = sloRules(length).map((rule) => budgetShareOf(rule, length));
    [0.08, 0.125, 0.2, 0.42].forEach((share, index) => expect(shares[index]).toBeCloseTo(share, 6));
  }
});
