import { describe, expect, test } from 'vitest';
import { gateProfile, prometheusOffsetMs, scrapeIntervalMs, settleMsFor } from '../../../src/gates/profiles.ts';

describe('gate profiles', () => {
  test.each([
    ['smoke', { intervalMs: 500, windowSlots: 8, tailSlots: 4, settleMs: 1000, deadlineMs: 30_000, isWeak: true }],
    ['quick', { intervalMs: 1000, windowSlots: 15, tailSlots: 5, settleMs: 2000, deadlineMs: 90_000, isWeak: true }],
    [
      'standard',
      { intervalMs: 5000, windowSlots: 60, tailSlots: 12, settleMs: 30_000, deadlineMs: 900_000, isWeak: false },
    ],
    ['soak', { intervalMs: 5000, windowSlots: 4320, tailSlots: 120, settleMs: 30_000, deadlineMs: 23_760_000 }],
  ] as const)('%s has the figures of the table', (name, expected) => {
    expect(gateProfile(name)).toMatchObject({ name, ...expected });
  });

  test('a soak takes its window from the user and a tenth more to its deadline', () => {
    const week = gateProfile('soak', { windowMs: 7 * 24 * 3_600_000 });
    expect(week.windowSlots).toBe(120_960);
    expect(week.deadlineMs).toBe(7 * 24 * 3_600_000 * 1.1);
  });

  test('Prometheus is scraped as often as the gate looks, at most once a second, and asked for the past', () => {
    expect(scrapeIntervalMs(gateProfile('smoke'))).toBe(1000);
    expect(scrapeIntervalMs(gateProfile('standard'))).toBe(5000);
    expect(prometheusOffsetMs(gateProfile('smoke'))).toBe(2000);
  });

  test('settling lasts until a query can find a scrape of the new start', () => {
    expect(settleMsFor(gateProfile('smoke'), false)).toBe(1000);
    expect(settleMsFor(gateProfile('smoke'), true)).toBe(3000);
    expect(settleMsFor(gateProfile('standard'), true)).toBe(30_000);
  });
});
