import type { MetricCheck, RatioCondition, ValueCondition } from '../spec/profile.ts';
import { selectorTest } from './metric-selector.ts';
import { metricNumber, type MetricSample } from './readings.ts';
import type { Sample, UnknownReason } from './verdict.ts';

/** The series of one node that a check may look at, and when and of which start of the node they are. */
export interface NodeSeries {
  monoMs: number;
  atMs: number;
  /** Changes with every start of the node; undefined when it could not be observed. */
  instance: string | undefined;
  startedAtMs: number | undefined;
  samples: readonly MetricSample[];
  /** Whether the node exposes this family at all, be it empty. */
  isExposed(metric: string): boolean;
}

export type SeriesJudge = (series: NodeSeries) => Sample;

/** A judge of one check on one node. It remembers what it has counted, so it must see every slot, in order. */
export function seriesJudge(check: MetricCheck, windowMs: number): SeriesJudge {
  return check.condition.kind === 'value' ? valueJudge(check.condition) : ratioJudge(check.condition, windowMs);
}

function valueJudge(condition: ValueCondition): SeriesJudge {
  const isSelected = selectorTest(condition.metric);
  return (series) => {
    const selected = series.samples.filter(isSelected);
    if (selected.length === 0) return unknown('empty', `${condition.metric.metric} is absent`);
    let last: Sample = unknown('empty');
    for (const sample of selected) {
      last = judgeValue(metricNumber(sample.value), condition);
      if (last.state !== 'OK') return last;
    }
    return last;
  };
}

function judgeValue(value: number, { metric, min, max }: ValueCondition): Sample {
  if (Number.isNaN(value)) return unknown('nan', metric.metric);
  if (max !== undefined && value > max) return bad(`${metric.metric} is ${value}, at most ${max} is good`, value);
  if (min !== undefined && value < min) return bad(`${metric.metric} is ${value}, at least ${min} is good`, value);
  // On the good side of every limit, an infinite value is still no measurement.
  if (!Number.isFinite(value)) return unknown('nan', `${metric.metric} is ${value}`);
  return { state: 'OK', value };
}

interface Counted {
  monoMs: number;
  bad: number;
  total: number;
}

/**
 * Σ bad ÷ Σ total over the last window. A node that started within the window is judged on its raw counters since then, so
 * that nothing is lost or made up across the restart. For an older node the first reading in the window is subtracted; when
 * too little happened since, its raw counters decide, but only until it has been watched for a whole window.
 */
function ratioJudge(condition: RatioCondition, windowMs: number): SeriesJudge {
  const isBad = selectorTest(condition.bad);
  const isCounted = selectorTest(condition.total);
  const minEvents = Math.max(condition.minEvents ?? 1, Number.MIN_VALUE);
  let instance: string | undefined;
  let history: Counted[] = [];
  let first = 0;

  return (series) => {
    const total = sumOf(series, isCounted);
    const badSum = sumOf(series, isBad);
    for (const { metric } of [condition.total, condition.bad]) {
      if (!series.isExposed(metric)) return unknown('empty', `${metric} is absent`);
    }
    if (badSum === Infinity && Number.isFinite(total)) return bad(`${condition.bad.metric} is infinite`, badSum);
    if (!Number.isFinite(total) || !Number.isFinite(badSum)) return unknown('nan', condition.total.metric);

    if (series.instance !== undefined && series.instance !== instance) {
      instance = series.instance;
      history = [];
      first = 0;
    }
    const newest = history.at(-1);
    if (newest && (total < newest.total || badSum < newest.bad)) {
      history = [];
      first = 0;
      return unknown('series-set-mismatch', `${condition.total.metric} went back without a restart`);
    }
    history.push({ monoMs: series.monoMs, bad: badSum, total });
    // One reading as old as the window stays: it is what the window is counted from.
    while (first + 1 < history.length && series.monoMs - (history[first + 1]?.monoMs ?? 0) >= windowMs) first++;
    if (first > 256) {
      history = history.slice(first);
      first = 0;
    }

    const isYoung = series.startedAtMs !== undefined && series.atMs - series.startedAtMs <= windowMs;
    const from = history[first];
    if (isYoung || from === undefined) return judge(badSum, total, 'since its start');
    const recentTotal = total - from.total;
    if (recentTotal >= minEvents) return judge(badSum - from.bad, recentTotal, 'in the window');
    const isWatchedLongEnough = series.monoMs - from.monoMs >= windowMs;
    return isWatchedLongEnough
      ? judge(badSum - from.bad, recentTotal, 'in the window')
      : judge(badSum, total, 'since its start');
  };

  function judge(badEvents: number, events: number, span: string): Sample {
    const { metric } = condition.total;
    if (events < minEvents)
      return unknown('too-few-samples', `${metric} counted ${events} ${span}, ${minEvents} are needed`);
    const value = badEvents / events;
    if (value <= condition.max) return { state: 'OK', value };
    return bad(`${badEvents} of ${events} ${metric} ${span} were bad, at most ${condition.max} is good`, value);
  }
}

function sumOf(series: NodeSeries, isSelected: (sample: MetricSample) => boolean): number {
  let sum = 0;
  for (const sample of series.samples) if (isSelected(sample)) sum += metricNumber(sample.value);
  return sum;
}

function unknown(reason: UnknownReason, detail?: string): Sample {
  return detail === undefined ? { state: 'UNKNOWN', reason } : { state: 'UNKNOWN', reason, detail };
}

function bad(detail: string, value: number): Sample {
  return { state: 'BAD', detail, value };
}
