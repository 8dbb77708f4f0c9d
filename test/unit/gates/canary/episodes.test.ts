import { describe, expect, test } from 'vitest';
import { comparisonBins } from '../../../../src/gates/canary/comparison-bins.ts';
import { episodesOf, type ErrorEvent } from '../../../../src/gates/canary/episodes.ts';

const error = (atMs: number, node = 'node-0', kind = 'timeout'): ErrorEvent => ({ node, class: kind, atMs });

describe('error episodes', () => {
  test('are one for all errors of a class on a node within 60 s of the first', () => {
    expect(episodesOf([error(0), error(10), error(59_999)])).toEqual([
      { node: 'node-0', class: 'timeout', atMs: 0, errors: 3 },
    ]);
  });

  test('go on once a minute while a fault lasts', () => {
    const lasting = Array.from({ length: 600 }, (_, second) => error(second * 1000));
    expect(episodesOf(lasting).map(({ atMs, errors }) => [atMs, errors])).toEqual(
      Array.from({ length: 10 }, (_, minute) => [minute * 60_000, 60]),
    );
  });

  test('are separate for other nodes and other classes, in whatever order the errors come', () => {
    const events = [error(50), error(20, 'node-1'), error(10, 'node-0', 'refused'), error(0), error(60, 'node-1')];
    expect(episodesOf(events)).toEqual([
      { node: 'node-0', class: 'timeout', atMs: 0, errors: 2 },
      { node: 'node-0', class: 'refused', atMs: 10, errors: 1 },
      { node: 'node-1', class: 'timeout', atMs: 20, errors: 2 },
    ]);
  });

  test('can be of another length', () => {
    expect(episodesOf([error(0), error(999), error(1000)], 1000)).toHaveLength(2);
  });
});

describe('the bins of a comparison', () => {
  const options = {
    episodes: episodesOf([
      error(1000),
      error(2000, 'node-1'),
      error(61_000, 'node-2'),
      error(130_000),
      error(5, 'gone'),
    ]),
    exposure: [
      { node: 'node-0', atMs: 0, amount: 10 },
      { node: 'node-1', atMs: 30_000, amount: 5 },
      { node: 'node-2', atMs: 59_999, amount: 7 },
      { node: 'node-2', atMs: 60_000, amount: 9 },
    ],
    canary: ['node-0'],
    control: ['node-1', 'node-2'],
    fromMs: 0,
    toMs: 150_000,
    binMs: 60_000,
  };

  test('count episodes and use by side, in whole bins only', () => {
    expect(comparisonBins(options)).toEqual([
      { fromMs: 0, canary: { episodes: 1, exposure: 10 }, control: { episodes: 1, exposure: 12 } },
      { fromMs: 60_000, canary: { episodes: 0, exposure: 0 }, control: { episodes: 1, exposure: 9 } },
    ]);
  });

  test('are refused for a node on both sides and for a bin without length', () => {
    expect(() => comparisonBins({ ...options, control: ['node-0'] })).toThrow('node-0 cannot be canary and control');
    expect(() => comparisonBins({ ...options, binMs: 0 })).toThrow('a length in ms; got 0');
  });
});
