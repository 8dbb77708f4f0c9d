import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../src/core/seeded-random.ts';
import { detectableShare } from '../../../../src/gates/canary/detectable-share.ts';
import { createEProcess, wealthAfter } from '../../../../src/gates/canary/e-process.ts';
import { shareOf } from './worlds.ts';

function peakOf(share: number, mean: number, steps: number, seed: number): number {
  const random = seededRandom(seed);
  const process = createEProcess();
  for (let step = 0; step < steps; step++) process.bet(random() < share ? 1 : 0, mean);
  return process.peak;
}

describe('the e-process', () => {
  test.each([0.2, 0.25, 1 / 3, 0.5])(
    'reaches 20 and 100 no more often than Ville allows when the mean is %d and every step is looked at',
    (mean) => {
      const at20 = shareOf(2000, (seed) => peakOf(mean, mean, 200, seed) >= 20);
      expect(at20).toBeGreaterThan(0);
      expect(at20).toBeLessThan(0.05);
      expect(shareOf(2000, (seed) => peakOf(mean, mean, 200, seed) >= 100)).toBeLessThan(0.01);
    },
  );

  test('tells the wealth after hits and misses whatever their order', () => {
    const process = createEProcess();
    for (const value of [1, 0, 1, 1, 0, 1]) process.bet(value, 0.25);
    expect(process.value).toBeCloseTo(wealthAfter(4, 2, 0.25), 10);
    expect(process.peak).toBeGreaterThanOrEqual(process.value);
  });

  test('stays a number after ten thousand hits', () => {
    const process = createEProcess();
    for (let step = 0; step < 10_000; step++) process.bet(1, 0.2);
    expect(process.value).toBeGreaterThan(1e290);
    expect(process.value).toBeLessThan(Infinity);
  });
});

describe('the detectable share', () => {
  test.each([
    [0.25, 20],
    [0.5, 20],
    [0.5, 60],
    [0.2, 100],
  ])('against %d in %i steps is found with the stated probability, and less is not', (mean, steps) => {
    const share = detectableShare({ mean, steps, threshold: 100, power: 0.8 }) ?? NaN;
    const powerAt = (real: number) => shareOf(2000, (seed) => peakOf(real, mean, steps, seed) >= 100);
    expect(powerAt(share)).toBeGreaterThan(0.77);
    expect(powerAt(share)).toBeLessThan(0.83);
    expect(powerAt(share - 0.1)).toBeLessThan(0.7);
  });

  test('does not exist where too few steps were made, and shrinks with more of them', () => {
    const shareIn = (steps: number) => detectableShare({ mean: 0.5, steps, threshold: 100, power: 0.8 });
    expect(shareIn(0)).toBeUndefined();
    expect(shareIn(8)).toBeUndefined();
    const shares = [10, 20, 40, 80, 160].map((steps) => shareIn(steps) ?? NaN);
    expect(shares).toEqual(shares.toSorted((one, other) => other - one));
    expect(shares[4]).toBeLessThan(0.75);
    expect(shareIn(5000)).toBe(shareIn(600));
  });
});
