import type { QuantileCondition } from '../spec/profile.ts';
import { CounterWindow, spanToJudge } from './counter-window.ts';
import { bucketSelector, selectorTest } from './metric-selector.ts';
import type { SeriesJudge } from './node-series.ts';
import { parseValue } from './prometheus-text.ts';
import { metricNumber } from './readings.ts';
import { bad, unknown, type Sample } from './verdict.ts';

/** Fewer observations say nothing of a quantile: above the 99th percentile there must be ten. */
export function minObservations(quantile: number): number {
  return quantile < 0.99 ? 100 : Math.round(10 / (1 - quantile));
}

/** A quantile of what was observed in the window, from the raw buckets, never across a restart; see CounterWindow. */
export function quantileJudge(condition: QuantileCondition, windowMs: number): SeriesJudge {
  const buckets = bucketSelector(condition.histogram);
  const isSelected = selectorTest(buckets);
  const minEvents = minObservations(condition.quantile);
  const window = new CounterWindow(windowMs);

  return (series) => {
    const counts = new Map<number, number>();
    for (const { name, labels, value } of series.samples) {
      if (name !== buckets.metric || !isSelected({ name, labels, value })) continue;
      const bound = boundOf(labels['le']);
      if (bound === undefined) return unknown('empty', `a bucket of ${buckets.metric} has no bound`);
      counts.set(bound, (counts.get(bound) ?? 0) + metricNumber(value));
    }
    if (counts.size === 0) return unknown('empty', `${buckets.metric} is absent`);
    if (!counts.has(Infinity)) return unknown('empty', `${buckets.metric} has no bucket without bound`);
    const bounds = [...counts.keys()].sort((a, b) => a - b);
    const values = bounds.map((bound) => counts.get(bound) ?? 0);
    if (!values.every(Number.isFinite)) return unknown('nan', buckets.metric);
    const counted = window.count(series, values);
    if (!counted) return unknown('series-set-mismatch', `${buckets.metric} went back without a restart`);
    const span = spanToJudge(counted, values.length - 1, minEvents);
    const observed = span === 'in the window' ? counted.inWindow : counted.sinceStart;
    return judge(bounds, observed, span);
  };

  function judge(bounds: readonly number[], observed: readonly number[], span: string): Sample {
    const { histogram, quantile, max } = condition;
    const events = observed.at(-1) ?? 0;
    if (events < minEvents) {
      return unknown('too-few-samples', `${histogram.metric} observed ${events} ${span}, ${minEvents} are needed`);
    }
    const value = quantileOf(bounds, observed, quantile);
    if (value <= max) return { state: 'OK', value };
    const name = `the ${quantile} quantile of ${histogram.metric} ${span}`;
    return bad(`${name} is ${Number.isFinite(value) ? value : 'above its last bucket'}, at most ${max} is good`, value);
  }
}

/**
 * The quantile of cumulated buckets, linear within one, as Prometheus' documentation of histogram_quantile describes it; except that above the
 * last bound it is infinite, where Prometheus would give that bound and so call good what nobody measured.
 */
export function quantileOf(bounds: readonly number[], cumulated: readonly number[], quantile: number): number {
  const rank = quantile * (cumulated.at(-1) ?? 0);
  const index = cumulated.findIndex((count) => count >= rank);
  const upper = bounds[index] ?? Infinity;
  if (!Number.isFinite(upper)) return Infinity;
  const lower = index === 0 ? Math.min(0, upper) : (bounds[index - 1] ?? 0);
  const before = index === 0 ? 0 : (cumulated[index - 1] ?? 0);
  const within = (cumulated[index] ?? 0) - before;
  return within === 0 ? upper : lower + ((upper - lower) * (rank - before)) / within;
}

function boundOf(text: string | undefined): number | undefined {
  try {
    return text === undefined ? undefined : parseValue(text);
  } catch {
    return undefined;
  }
}
