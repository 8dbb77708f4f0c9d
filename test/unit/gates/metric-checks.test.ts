import { describe, expect, test } from 'vitest';
import { seriesJudge } from '../../../src/gates/metric-checks.ts';
import type { NodeSeries } from '../../../src/gates/node-series.ts';
import { selectorQuery } from '../../../src/gates/metric-selector.ts';
import { parsePrometheusText } from '../../../src/gates/prometheus-text.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';

const windowMs = 10_000;
const errors: MetricCheck = {
  name: 'errors',
  source: 'direct',
  condition: {
    kind: 'ratio',
    bad: { metric: 'requests_total', labels: { code: { matches: '5..' } } },
    total: { metric: 'requests_total' },
    max: 0.1,
    minEvents: 10,
  },
};

/** The node was started at time 0; `at` is the slot's time. */
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

function counted(good: number, bad: number): string {
  return `# TYPE requests_total counter\nrequests_total{code="200"} ${good}\nrequests_total{code="503"} ${bad}\n`;
}

describe('a ratio', () => {
  test('of a node that just started is taken from its raw counters, what came before the first look included', () => {
    const judge = seriesJudge(errors, windowMs);
    expect(judge(series(1000, counted(50, 50)))).toMatchObject({ state: 'BAD', value: 0.5 });
    expect(judge(series(2000, counted(950, 50)))).toMatchObject({ state: 'OK', value: 0.05 });
  });

  test('never reaches over a restart', () => {
    const judge = seriesJudge(errors, windowMs);
    judge(series(60_000, counted(1_000_000, 0)));
    judge(series(61_000, counted(1_000_100, 0)));
    const restarted = { instance: 'second', startedAtMs: 61_500 };
    // A restart hidden between two looks: 540 errors of 600, though the sums fell.
    expect(judge(series(62_000, counted(60, 540), restarted))).toMatchObject({ state: 'BAD', value: 0.9 });
  });

  test('of an old node is taken over the last window, so that a burst does not drown in its past', () => {
    const judge = seriesJudge(errors, windowMs);
    judge(series(1_000_000, counted(1_000_000, 0)));
    expect(judge(series(1_001_000, counted(1_000_020, 20)))).toMatchObject({ state: 'BAD', value: 0.5 });
  });

  test('of an old node forgets what lies before the window', () => {
    const judge = seriesJudge(errors, windowMs);
    judge(series(1_000_000, counted(0, 0)));
    judge(series(1_001_000, counted(0, 1000)));
    let last;
    for (let second = 2; second <= 12; second++)
      last = judge(series(1_000_000 + second * 1000, counted(100 * second, 1000)));
    expect(last).toMatchObject({ state: 'OK', value: 0 });
  });

  test('of an old node without traffic rests on its past at first, and is unknown after a whole window', () => {
    const judge = seriesJudge(errors, windowMs);
    expect(judge(series(1_000_000, counted(1000, 0)))).toMatchObject({ state: 'OK' });
    expect(judge(series(1_009_000, counted(1000, 0)))).toMatchObject({ state: 'OK' });
    expect(judge(series(1_010_000, counted(1000, 0)))).toMatchObject({ state: 'UNKNOWN', reason: 'too-few-samples' });
  });

  test('with fewer events than needed is unknown', () => {
    const judge = seriesJudge(errors, windowMs);
    expect(judge(series(1000, counted(4, 5)))).toMatchObject({ state: 'UNKNOWN', reason: 'too-few-samples' });
    expect(judge(series(2000, counted(5, 5)))).toMatchObject({ state: 'BAD' });
  });

  test('without the family is unknown, and with a declared family that counted nothing too', () => {
    expect(seriesJudge(errors, windowMs)(series(1000, 'other 1\n'))).toMatchObject({
      state: 'UNKNOWN',
      reason: 'empty',
    });
    expect(seriesJudge(errors, windowMs)(series(1000, '# TYPE requests_total counter\n'))).toMatchObject({
      state: 'UNKNOWN',
      reason: 'too-few-samples',
    });
  });

  test('takes no bad series in a family that is there for none bad, but an absent bad family for unknown', () => {
    expect(seriesJudge(errors, windowMs)(series(1000, 'requests_total{code="200"} 50\n'))).toMatchObject({
      state: 'OK',
      value: 0,
    });
    const other: MetricCheck = {
      ...errors,
      condition: { kind: 'ratio', bad: { metric: 'failures_total' }, total: { metric: 'requests_total' }, max: 0 },
    };
    expect(seriesJudge(other, windowMs)(series(1000, 'requests_total 50\n'))).toMatchObject({
      state: 'UNKNOWN',
      reason: 'empty',
      detail: 'failures_total is absent',
    });
  });

  test('of counters that went back without a restart is unknown', () => {
    const judge = seriesJudge(errors, windowMs);
    judge(series(1000, counted(100, 0)));
    expect(judge(series(2000, counted(50, 0)))).toMatchObject({ state: 'UNKNOWN', reason: 'series-set-mismatch' });
  });

  test('of NaN is unknown, of infinitely many errors bad', () => {
    expect(seriesJudge(errors, windowMs)(series(1000, 'requests_total{code="200"} NaN\n'))).toMatchObject({
      reason: 'nan',
    });
    const other: MetricCheck = {
      ...errors,
      condition: { kind: 'ratio', bad: { metric: 'failures_total' }, total: { metric: 'requests_total' }, max: 0 },
    };
    const text = 'requests_total 50\nfailures_total +Inf\n';
    expect(seriesJudge(other, windowMs)(series(1000, text))).toMatchObject({ state: 'BAD' });
  });
});

describe('a value', () => {
  const check = (limits: { min?: number; max?: number }): MetricCheck => ({
    name: 'queue',
    source: 'direct',
    condition: { kind: 'value', metric: { metric: 'queue', labels: { lane: 'a' } }, ...limits },
  });
  const judgeOnce = (limits: { min?: number; max?: number }, text: string) =>
    seriesJudge(check(limits), windowMs)(series(1000, text));

  test.each([
    ['queue{lane="a"} 5', 'OK'],
    ['queue{lane="a"} 11', 'BAD'],
    ['queue{lane="a"} 1', 'BAD'],
    ['queue{lane="a"} +Inf', 'BAD'],
    ['queue{lane="a"} -Inf', 'BAD'],
    ['queue{lane="a"} NaN', 'UNKNOWN'],
    ['queue{lane="b"} 5', 'UNKNOWN'],
    ['', 'UNKNOWN'],
  ])('of %s between 2 and 10 is %s', (text, state) => {
    expect(judgeOnce({ min: 2, max: 10 }, text).state).toBe(state);
  });

  test('that is infinite on the good side is unknown', () => {
    expect(judgeOnce({ min: 2 }, 'queue{lane="a"} +Inf')).toMatchObject({ state: 'UNKNOWN', reason: 'nan' });
    expect(judgeOnce({ max: 2 }, 'queue{lane="a"} -Inf')).toMatchObject({ state: 'UNKNOWN', reason: 'nan' });
  });

  test('of several series is bad when one of them is', () => {
    expect(judgeOnce({ max: 10 }, 'queue{lane="a",shard="1"} 5\nqueue{lane="a",shard="2"} 50').state).toBe('BAD');
  });
});

test('a selection becomes a query with its labels escaped', () => {
  const selector = { metric: 'requests_total', labels: { code: { matches: '5..' }, path: '/a"b\\c' } };
  expect(selectorQuery(selector, 'local')).toBe('requests_total{testnet="local",code=~"5..",path="/a\\"b\\\\c"}');
});
