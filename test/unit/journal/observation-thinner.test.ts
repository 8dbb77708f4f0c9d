import { describe, expect, test } from 'vitest';
import { ObservationThinner } from '../../../src/journal/observation-thinner.ts';
import type { ObservationLine } from '../../../src/journal/records.ts';
import { SeriesAccumulator } from '../../../src/report/series.ts';

const line = (atMs: number, given: Partial<ObservationLine> = {}): ObservationLine => ({
  atMs,
  node: 'node-0',
  state: 'running',
  height: Math.floor(atMs / 1000),
  alive: true,
  acknowledged: 50,
  errors: 0,
  ...given,
});

const day = 86_400_000;

function thinned(lines: Iterable<ObservationLine>): ObservationLine[] {
  const thinner = new ObservationThinner();
  const written: ObservationLine[] = [];
  for (const each of lines) written.push(...thinner.add(each));
  return [...written, ...thinner.rest()];
}

function* slots(toMs: number, changed: (atMs: number) => Partial<ObservationLine> = () => ({})) {
  for (let atMs = 0; atMs <= toMs; atMs += 5000) yield line(atMs, changed(atMs));
}

describe('observations of a long run', () => {
  test('are few when nothing changes, and none is lost of what they counted', () => {
    const written = thinned(slots(7 * day));
    expect(written.length).toBeGreaterThan(1000);
    expect(written.length).toBeLessThan(9000);
    const sum = written.reduce((total, { acknowledged }) => total + acknowledged, 0);
    expect(sum).toBe((7 * day * 50) / 5000 + 50);
    for (const [index, { atMs, sinceMs }] of written.entries()) {
      if (sinceMs !== undefined) expect(sinceMs).toBe(written[index - 1]?.atMs);
      if (index > 0) expect(atMs - (written[index - 1]?.atMs ?? 0)).toBeLessThanOrEqual(125_000);
    }
  });

  test('show a change at its own slot', () => {
    const downAt = 3 * day + 7_265_000;
    const written = thinned(slots(4 * day, (atMs) => ({ alive: atMs !== downAt })));
    const down = written.findIndex(({ alive }) => !alive);
    expect(written.slice(down - 1, down + 2).map(({ atMs }) => atMs)).toEqual([downAt - 5000, downAt, downAt + 5000]);
  });

  test('of a short run are all there', () => {
    expect(thinned(slots(900_000))).toEqual([...slots(900_000)]);
  });

  test('draw the same chart as all of them', () => {
    const lines = [...slots(2 * day)];
    const [all, few] = [lines, thinned(lines)].map((each) => {
      const series = new SeriesAccumulator();
      for (const one of each) series.add(one, one.atMs);
      return series.seriesOf('node-0', 2 * day);
    });
    expect(few?.heights).toHaveLength(all?.heights.length ?? 0);
    expect(few?.heights.filter((height) => height === null)).toHaveLength(0);
    for (const [index, rate] of (all?.acknowledgedPerSecond ?? []).entries()) {
      expect(Math.abs((few?.acknowledgedPerSecond[index] ?? 0) - rate)).toBeLessThan(0.5);
    }
  });
});
