import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../src/core/seeded-random.ts';

const draw = (count: number, seed: number, stream?: number): number[] => {
  const random = seededRandom(seed, stream);
  return Array.from({ length: count }, () => random());
};

describe('seeded randomness', () => {
  test('gives the numbers that verdicts of the past were made with', () => {
    expect(draw(4, 1)).toEqual([0.8061533514410257, 0.8806310018990189, 0.1590170250274241, 0.8872161614708602]);
  });

  test('differs by seed and by stream, neighbours included', () => {
    const starts = [draw(3, 1), draw(3, 2), draw(3, 1, 1), draw(3, 1, 2), draw(3, 2, 1), draw(3, 0)];
    expect(new Set(starts.map(String)).size).toBe(starts.length);
    expect(draw(3, 1)).toEqual(draw(3, 1, 0));
  });

  test('is spread evenly over [0, 1), also over first numbers of neighbouring streams', () => {
    for (const numbers of [
      draw(20_000, 5),
      Array.from({ length: 20_000 }, (_, stream) => draw(1, 5, stream)[0] ?? NaN),
    ]) {
      const tenths = new Array<number>(10).fill(0);
      for (const one of numbers) tenths[Math.floor(one * 10)] = (tenths[Math.floor(one * 10)] ?? 0) + 1;
      expect(Math.min(...tenths)).toBeGreaterThan(1850);
      expect(Math.max(...tenths)).toBeLessThan(2150);
    }
  });
});
