import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ObservationLine } from '../../../src/journal/records.ts';
import { coarsenTimeline } from '../../../src/report/html/coarsen.ts';
import { SeriesAccumulator, sumSeries } from '../../../src/report/series.ts';

const seen = (over: Partial<ObservationLine> = {}): ObservationLine => ({
  atMs: 0,
  node: 'a',
  state: 'running',
  alive: true,
  acknowledged: 0,
  errors: 0,
  ...over,
});

function seriesOf(lines: [number, Partial<ObservationLine>][], endMs: number) {
  const accumulator = new SeriesAccumulator();
  for (const [atMs, line] of lines) accumulator.add(seen(line), atMs);
  accumulator.coverUntil(endMs);
  return { ...accumulator.seriesOf('a', endMs), bucketMs: accumulator.bucketMs };
}

test('what was acknowledged since the line before is spread over that time', () => {
  const { acknowledgedPerSecond } = seriesOf(
    [
      [0, {}],
      [4000, { acknowledged: 40 }],
    ],
    4000,
  );
  expect(acknowledgedPerSecond).toEqual([10, 10, 10, 10]);
});

test('a last bucket that the end of the run cuts keeps its rate', () => {
  const { acknowledgedPerSecond } = seriesOf(
    [
      [0, {}],
      [1500, { acknowledged: 15 }],
    ],
    1500,
  );
  expect(acknowledgedPerSecond).toEqual([10, 10]);
});

test('errors stand where they were seen', () => {
  expect(
    seriesOf(
      [
        [500, { errors: 2 }],
        [900, { errors: 1 }],
        [2100, { errors: 4 }],
      ],
      3000,
    ).errors,
  ).toEqual([3, 0, 4]);
});

describe('heights', () => {
  test('stay as they were between two looks, and are unknown where there was none', () => {
    const { heights } = seriesOf(
      [
        [1500, { height: 7 }],
        [4500, { height: 9 }],
      ],
      7000,
    );
    expect(heights).toEqual([null, 7, 7, 7, 9, null, null]);
  });

  test('are unknown while a node gives none', () => {
    const { heights } = seriesOf(
      [
        [500, { height: 7 }],
        [1500, { alive: false }],
        [2500, { height: 8 }],
      ],
      3000,
    );
    expect(heights).toEqual([7, null, 8]);
  });

  test('are unknown for the time when nobody looked', () => {
    const { heights } = seriesOf(
      [
        [500, { height: 7 }],
        [60_500, { height: 8 }],
      ],
      61_000,
    );
    expect(heights.slice(1, 60).every((height) => height === null)).toBe(true);
    expect(heights).toHaveLength(61);
  });
});

test('a node is down from the first look that it did not answer to the next that it did', () => {
  const lines: [number, Partial<ObservationLine>][] = [
    [0, {}],
    [500, { alive: false }],
    [1000, { alive: false }],
    [1500, {}],
    [4000, {}],
  ];
  expect(seriesOf(lines, 5000).down).toEqual([{ fromMs: 500, toMs: 1500 }]);
});

test('a node that was never seen has series of nothing', () => {
  expect(new SeriesAccumulator().seriesOf('b', 2000)).toEqual({
    acknowledgedPerSecond: [0, 0],
    errors: [0, 0],
    heights: [null, null],
    down: [],
  });
});

test('a week in slots of five seconds becomes a few hundred buckets', () => {
  const accumulator = new SeriesAccumulator();
  const endMs = 7 * 86_400_000;
  for (let atMs = 0; atMs <= endMs; atMs += 5000) {
    accumulator.add(seen({ acknowledged: 50, height: atMs / 5000, alive: (atMs / 5000) % 7 !== 0 }), atMs);
  }
  accumulator.coverUntil(endMs);
  const { acknowledgedPerSecond, heights, down } = accumulator.seriesOf('a', endMs);
  expect(acknowledgedPerSecond.length).toBeGreaterThan(200);
  expect(acknowledgedPerSecond.length).toBeLessThanOrEqual(480);
  for (const rate of acknowledgedPerSecond.slice(0, -1)) expect(rate).toBeCloseTo(10, 0);
  expect(heights).not.toContain(null);
  expect(down.length).toBeLessThanOrEqual(480);
});

test('however long the run, no transaction and no error is lost or made up', () => {
  const gap = fc.integer({ min: 1, max: 29_000 });
  const count = fc.nat(100);
  fc.assert(
    fc.property(fc.array(fc.tuple(gap, count, count), { minLength: 1, maxLength: 300 }), (steps) => {
      const accumulator = new SeriesAccumulator();
      let atMs = 0;
      for (const [gapMs, acknowledged, errors] of steps) {
        atMs += gapMs;
        accumulator.add(seen({ acknowledged, errors }), atMs);
      }
      const { bucketMs } = accumulator;
      const endMs = (Math.floor(atMs / bucketMs) + 1) * bucketMs;
      const series = accumulator.seriesOf('a', endMs);
      const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
      const acknowledged = sum(steps.map(([, amount]) => amount));
      const slack = series.errors.length * 0.005 * (bucketMs / 1000) + 0.01;
      expect(Math.abs((sum(series.acknowledgedPerSecond) * bucketMs) / 1000 - acknowledged)).toBeLessThanOrEqual(slack);
      expect(sum(series.errors)).toBe(sum(steps.map(([, , amount]) => amount)));
    }),
  );
});

test('the sum over nodes is taken bucket by bucket', () => {
  expect(
    sumSeries([
      [1, 2],
      [0.5, 0.25],
    ]),
  ).toEqual([1.5, 2.25]);
});

test('a chart with few pixels joins buckets: rates are averaged, errors added up, the last height stays', () => {
  const series = { acknowledgedPerSecond: [2, 4, 6], errors: [1, 2, 4], heights: [5, null, null] };
  const lane = { node: 'a', releases: [], changes: [], gates: [], down: [], guards: [], effects: [], ...series };
  const timeline = {
    endMs: 3000,
    bucketMs: 1000,
    versions: [],
    lanes: [lane],
    total: series,
    rollbacks: [],
    marks: [],
  };
  const coarse = coarsenTimeline(timeline, 2);
  expect(coarse).toMatchObject({ bucketMs: 2000, total: { acknowledgedPerSecond: [3, 6], errors: [3, 4] } });
  expect(coarse.lanes[0]).toMatchObject({ acknowledgedPerSecond: [3, 6], errors: [3, 4], heights: [5, null] });
  expect(coarsenTimeline(timeline, 3)).toEqual(timeline);
});
