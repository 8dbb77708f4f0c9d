import { describe, expect, test } from 'vitest';
import { seriesJudge } from '../../../src/gates/metric-checks.ts';
import type { NodeSeries } from '../../../src/gates/node-series.ts';
import { parsePrometheusText } from '../../../src/gates/prometheus-text.ts';
import { minObservations, quantileOf } from '../../../src/gates/quantile-check.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';

const windowMs = 10_000;

function check(quantile: number, max: number): MetricCheck {
  return {
    name: 'latency',
    source: 'direct',
    condition: { kind: 'quantile', histogram: { metric: 'latency_seconds' }, quantile, max },
  };
}

/** Observations up to 0.1 s, up to 1 s, and in all, of two routes that together have these. */
function page(fast: number, upToOne: number, all: number): string {
  const route = (name: string, share: number): string =>
    [
      ['0.1', fast],
      ['1', upToOne],
      ['+Inf', all],
    ]
      .map(([bound, count]) => `latency_seconds_bucket{route="${name}",le="${bound}"} ${Number(count) * share}\n`)
      .join('');
  return `# TYPE latency_seconds histogram\n${route('a', 0.25)}${route('b', 0.75)}`;
}

function series(at: number, text: string, start: { instance?: string; startedAtMs?: number } = {}): NodeSeries {
  const { exposed, samples } = parsePrometheusText(text);
  return {
    monoMs: at,
    instance: start.instance ?? 'first',
    ageMs: at - (start.startedAtMs ?? 0),
    samples,
    isExposed: (metric) => exposed.includes(metric),
  };
}

describe('a quantile', () => {
  test('needs 100 observations, the 99th percentile 1000, and any above it ten that are higher', () => {
    expect([0.5, 0.95, 0.99, 0.999].map(minObservations)).toEqual([100, 100, 1000, 10_000]);
    const judge = seriesJudge(check(0.95, 1), windowMs);
    expect(judge(series(1000, page(99, 99, 99)))).toMatchObject({ state: 'UNKNOWN', reason: 'too-few-samples' });
    expect(judge(series(2000, page(100, 100, 100)))).toMatchObject({ state: 'OK' });
    const high = seriesJudge(check(0.99, 1), windowMs);
    expect(high(series(1000, page(999, 999, 999)))).toMatchObject({ state: 'UNKNOWN', reason: 'too-few-samples' });
  });

  test('is linear within its bucket, over all series together', () => {
    expect(quantileOf([0.1, 1, Infinity], [80, 100, 100], 0.9)).toBeCloseTo(0.55);
    expect(quantileOf([0.1, 1, Infinity], [80, 100, 100], 0.4)).toBeCloseTo(0.05);
    const judge = seriesJudge(check(0.9, 0.5), windowMs);
    expect(judge(series(1000, page(800, 1000, 1000)))).toMatchObject({ state: 'BAD' });
  });

  test('above the last bucket is infinite and BAD, not the bound of that bucket', () => {
    const judge = seriesJudge(check(0.9, 60), windowMs);
    expect(judge(series(1000, page(800, 850, 1000)))).toMatchObject({ state: 'BAD', value: Infinity });
  });

  test('of an old node is that of the window, so that slow answers do not drown in a fast past', () => {
    const judge = seriesJudge(check(0.5, 0.2), windowMs);
    judge(series(1_000_000, page(100_000, 100_000, 100_000)));
    expect(judge(series(1_005_000, page(100_000, 100_200, 100_200)))).toMatchObject({ state: 'BAD' });
  });

  test('of a node that was restarted is that of all since its start', () => {
    const judge = seriesJudge(check(0.5, 0.2), windowMs);
    judge(series(1_000_000, page(100_000, 100_000, 100_000)));
    const restarted = { instance: 'second', startedAtMs: 1_000_500 };
    expect(judge(series(1_001_000, page(0, 400, 400), restarted))).toMatchObject({ state: 'BAD' });
  });

  test('of no buckets, of buckets without the last one, and of NaN is unknown', () => {
    const judgeOnce = (text: string) => seriesJudge(check(0.5, 1), windowMs)(series(1000, text));
    expect(judgeOnce('latency_seconds_count 500\n')).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
    expect(judgeOnce('latency_seconds_bucket{le="1"} 500\n')).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
    expect(judgeOnce('latency_seconds_bucket{le="+Inf"} NaN\n')).toMatchObject({ state: 'UNKNOWN', reason: 'nan' });
  });
});
