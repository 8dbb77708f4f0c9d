import type { MetricCheck } from '../spec/profile.ts';
import { seriesJudge, type NodeSeries } from './metric-checks.ts';
import type { SlotJudge } from './node-checks.ts';
import { queriesOf } from './prometheus-source.ts';
import type { MetricSample, NodeReading, SlotReading } from './readings.ts';
import type { Sample, UnknownReason } from './verdict.ts';

/** A metric check on what the node itself exposes. */
export function directMetricJudge(node: string, check: MetricCheck, windowMs: number): SlotJudge {
  const judge = seriesJudge(check, windowMs);
  return ({ reading }) => {
    const seen = reading.nodes[node];
    if (!seen?.metrics) return unknown('slot-missed');
    if (!seen.metrics.ok) return unknown('query-error', seen.metrics.error);
    const { samples, exposed } = seen.metrics.value;
    return judge({ ...startOf(seen, reading), samples, isExposed: (metric) => exposed.includes(metric) });
  };
}

/** With the scrape path broken for longer than this, a node that answers its probe is BAD all the same. */
const scrapePathLimitMs = 120_000;

/** A metric check on what Prometheus stored, as far as Prometheus, `up` and the direct probe allow a judgement at all. */
export function prometheusMetricJudge(node: string, check: MetricCheck, windowMs: number, testnet: string): SlotJudge {
  const judge = seriesJudge(check, windowMs);
  const queries = queriesOf(check, testnet);
  let scrapeBrokenSinceMs: number | undefined;

  return ({ reading }) => {
    const seen = reading.nodes[node];
    const { prometheus } = reading;
    if (!seen || !prometheus) return unknown('slot-missed');
    if (prometheus.error !== undefined) return unknown('query-error', prometheus.error);
    const up = prometheus.up[node];
    if (up === undefined) return unknown('series-set-mismatch', `Prometheus has no up series of ${node}`);
    if (up === 1) {
      scrapeBrokenSinceMs = undefined;
      if (!seen.liveness.ok) return bad(`Prometheus reaches ${node}, its clients do not: ${seen.liveness.error ?? ''}`);
      return judgeStored(seen, reading, prometheus.results, prometheus.evaluatedAtMs);
    }
    if (!seen.liveness.ok) return bad(`neither Prometheus nor the probe reaches ${node}`);
    scrapeBrokenSinceMs ??= reading.monoMs;
    const brokenMs = reading.monoMs - scrapeBrokenSinceMs;
    const detail = `${node} answers, but Prometheus has not reached it for ${Math.round(brokenMs / 1000)} s`;
    return brokenMs >= scrapePathLimitMs ? bad(detail) : unknown('scrape-path', detail);
  };

  function judgeStored(
    seen: NodeReading,
    reading: SlotReading,
    results: NonNullable<SlotReading['prometheus']>['results'],
    evaluatedAtMs: number,
  ): Sample {
    const start = startOf(seen, reading);
    if (start.startedAtMs !== undefined && evaluatedAtMs < start.startedAtMs) {
      return unknown('stale', `${node} started after the time that was asked for`);
    }
    const samples: MetricSample[] = [];
    for (const query of queries) {
      const answer = results[query];
      if (!answer) return unknown('empty', `${query} was not asked`);
      if (!answer.ok) return unknown('query-error', answer.error);
      samples.push(...(answer.value[node] ?? []));
    }
    return judge({
      ...start,
      atMs: evaluatedAtMs,
      samples: unique(samples),
      isExposed: (metric) => samples.some(({ name }) => name === metric),
    });
  }
}

/** The selections of a ratio overlap; a series counts once. */
function unique<T>(samples: readonly T[]): T[] {
  const byText = new Map(samples.map((sample) => [JSON.stringify(sample), sample]));
  return [...byText.values()];
}

function startOf(seen: NodeReading, { atMs, monoMs }: SlotReading): Omit<NodeSeries, 'samples' | 'isExposed'> {
  const identity = seen.observation.ok ? seen.observation.value.identity : undefined;
  return { atMs, monoMs, instance: identity?.instance, startedAtMs: identity?.startedAtMs };
}

function unknown(reason: UnknownReason, detail?: string): Sample {
  return detail === undefined ? { state: 'UNKNOWN', reason } : { state: 'UNKNOWN', reason, detail };
}

function bad(detail: string): Sample {
  return { state: 'BAD', detail };
}
