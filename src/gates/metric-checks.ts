import type { MetricCheck, RatioCondition, ValueCondition } from '../spec/profile.ts';
import { CounterWindow, spanToJudge } from './counter-window.ts';
import { selectorTest } from './metric-selector.ts';
import type { NodeSeries, SeriesJudge } from './node-series.ts';
import { quantileJudge } from './quantile-check.ts';
import { metricNumber, type MetricSample, type MetricValue } from './readings.ts';
import { bad, unknown, type Sample } from './verdict.ts';

/** A judge of one check on one node. It remembers what it has counted, so it must see every slot, in order. */
export function seriesJudge({ condition }: MetricCheck, windowMs: number): SeriesJudge {
  switch (condition.kind) {
    case 'value':
      return valueJudge(condition);
    case 'ratio':
      return ratioJudge(condition, windowMs);
    case 'quantile':
      return quantileJudge(condition, windowMs);
  }
}

function valueJudge({ metric, ...limits }: ValueCondition): SeriesJudge {
  const isSelected = selectorTest(metric);
  return (series) => {
    const selected = series.samples.filter(isSelected);
    if (selected.length === 0) return unknown('empty', `${metric.metric} is absent`);
    let last: Sample = unknown('empty');
    for (const sample of selected) {
      last = judgeValue(metric.metric, sample.value, limits);
      if (last.state !== 'OK') return last;
    }
    return last;
  };
}

/** A number against its limits. NaN is UNKNOWN; ±Inf is BAD on the bad side of a limit, else UNKNOWN. */
export function judgeValue(name: string, given: MetricValue, limits: { min?: number; max?: number }): Sample {
  const { min, max } = limits;
  const value = metricNumber(given);
  if (Number.isNaN(value)) return unknown('nan', name);
  if (max !== undefined && value > max) return bad(`${name} is ${value}, at most ${max} is good`, value);
  if (min !== undefined && value < min) return bad(`${name} is ${value}, at least ${min} is good`, value);
  // On the good side of every limit, an infinite value is still no measurement.
  if (!Number.isFinite(value)) return unknown('nan', `${name} is ${value}`);
  return { state: 'OK', value };
}

/** Σ bad ÷ Σ total over the last window, never across a restart; see CounterWindow. */
function ratioJudge(condition: RatioCondition, windowMs: number): SeriesJudge {
  const isBad = selectorTest(condition.bad);
  const isCounted = selectorTest(condition.total);
  const minEvents = Math.max(condition.minEvents ?? 1, Number.MIN_VALUE);
  const window = new CounterWindow(windowMs);
  const { metric } = condition.total;

  return (series) => {
    const total = sumOf(series, isCounted);
    const badSum = sumOf(series, isBad);
    for (const { metric: name } of [condition.total, condition.bad]) {
      if (!series.isExposed(name)) return unknown('empty', `${name} is absent`);
    }
    if (badSum === Infinity && Number.isFinite(total)) return bad(`${condition.bad.metric} is infinite`, badSum);
    if (!Number.isFinite(total) || !Number.isFinite(badSum)) return unknown('nan', metric);
    const counted = window.count(series, [badSum, total]);
    if (!counted) return unknown('series-set-mismatch', `${metric} went back without a restart`);
    const span = spanToJudge(counted, 1, minEvents);
    const [badEvents = 0, events = 0] = span === 'in the window' ? counted.inWindow : counted.sinceStart;
    if (events < minEvents) {
      return unknown('too-few-samples', `${metric} counted ${events} ${span}, ${minEvents} are needed`);
    }
    const value = badEvents / events;
    if (value <= condition.max) return { state: 'OK', value };
    return bad(`${badEvents} of ${events} ${metric} ${span} were bad, at most ${condition.max} is good`, value);
  };
}

function sumOf(series: NodeSeries, isSelected: (sample: MetricSample) => boolean): number {
  let sum = 0;
  for (const sample of series.samples) if (isSelected(sample)) sum += metricNumber(sample.value);
  return sum;
}
