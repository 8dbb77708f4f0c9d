import { describe, expect, test } from 'vitest';
import { comparedHarm, excessHarm, harmOf } from '../../../../src/gates/canary/harm.ts';

describe('harm', () => {
  test('is what the counters of each node rose by', () => {
    const before = { 'node-0': { bad: 3, total: 100 }, 'node-1': { bad: 0, total: 50 } };
    const after = { 'node-0': { bad: 5, total: 180 }, 'node-1': { bad: 0, total: 50 } };
    expect(harmOf(before, after)).toEqual({ 'node-0': { bad: 2, total: 80 }, 'node-1': { bad: 0, total: 0 } });
  });

  test('is unknown, not zero, for a node that was not read twice or whose counters went back', () => {
    const before = { gone: { bad: 1, total: 1 }, restarted: { bad: 5, total: 100 }, half: { bad: 5, total: 100 } };
    const after = { fresh: { bad: 1, total: 9 }, restarted: { bad: 0, total: 4 }, half: { bad: 4, total: 300 } };
    expect(harmOf(before, after)).toEqual({});
  });

  test('is compared by ratio, exactly', () => {
    expect(comparedHarm({ bad: 1, total: 10 }, { bad: 5, total: 100 })).toBe(1);
    expect(comparedHarm({ bad: 1, total: 100 }, { bad: 5, total: 100 })).toBe(-1);
    expect(comparedHarm({ bad: 1, total: 3 }, { bad: 7, total: 21 })).toBe(0);
  });

  test('of a node beside the middle one of the others is not moved by one bad neighbour or by a burst for all', () => {
    const others = [
      { bad: 10, total: 1000 },
      { bad: 12, total: 1000 },
      { bad: 900, total: 1000 },
    ];
    const excess = excessHarm({ bad: 24, total: 1000 }, others);
    expect(excess).toBeCloseTo(Math.log(2), 1);
    const burst = others.slice(0, 2).map(({ bad, total }) => ({ bad: bad * 20, total }));
    expect(excessHarm({ bad: 480, total: 1000 }, [...burst, { bad: 1000, total: 1000 }])).toBeCloseTo(excess, 1);
  });
});
