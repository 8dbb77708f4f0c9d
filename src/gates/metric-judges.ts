import type { JsonCheck, MetricCheck } from '../spec/profile.ts';
import { jsonKey } from './json-values.ts';
import { judgeValue, seriesJudge } from './metric-checks.ts';
import { selectorsOf, selectorTest } from './metric-selector.ts';
import type { SlotJudge } from './node-checks.ts';
import { NodeStart, processStartOf, type StartSeen } from './node-start.ts';
import type { PrometheusReading, StoredSample, StoredTarget } from './readings.ts';
import { scrapePathJudge } from './scrape-path.ts';
import { unknown, type Sample } from './verdict.ts';

/** A metric check on what the node itself exposes. */
export function directMetricJudge(node: string, check: MetricCheck, windowMs: number): SlotJudge {
  const judge = seriesJudge(check, windowMs);
  const start = new NodeStart();
  return ({ reading }) => {
    const seen = reading.nodes[node];
    if (!seen?.metrics) return unknown('slot-missed');
    if (!seen.metrics.ok) return unknown('query-error', seen.metrics.error);
    const { samples, exposed } = seen.metrics.value;
    const runs = start.see(seen, reading, processStartOf(samples));
    return judge({ ...counterReading(reading, runs), samples, isExposed: (metric) => exposed.includes(metric) });
  };
}

/** A number that the node answers in JSON. */
export function jsonJudge(node: string, { condition }: JsonCheck): SlotJudge {
  const key = jsonKey(condition);
  return ({ reading }) => {
    const seen = reading.nodes[node];
    const answer = seen?.json?.[key];
    if (!answer) return unknown('slot-missed');
    if (!answer.ok) return unknown('query-error', answer.error);
    if (answer.value === null) return unknown('empty', `${key} is absent`);
    return judgeValue(key, answer.value, condition);
  };
}

/** What a node exposes was started at this time by its own word; a lab and a node round differently. */
const startToleranceMs = 5_000;

/** A metric check on what Prometheus stored, as far as Prometheus, `up` and the direct probe allow a judgement at all. */
export function prometheusMetricJudge(node: string, check: MetricCheck, windowMs: number): SlotJudge {
  const judge = seriesJudge(check, windowMs);
  const judgePath = scrapePathJudge(node);
  const start = new NodeStart();
  const tests = selectorsOf(check).map(selectorTest);

  return (facts) => {
    const { reading } = facts;
    const seen = reading.nodes[node];
    const { prometheus } = reading;
    const blocked = judgePath(facts);
    const target = prometheus?.targets[node];
    const told = target?.starts.at(-1);
    const nowMs = reading.atMs + (prometheus?.clockAheadMs ?? 0);
    const runs = seen && start.see(seen, reading, told?.seconds, told && nowMs - told.atMs);
    if (blocked) return blocked;
    if (!prometheus || !target) return unknown('slot-missed');
    // Whose numbers these are nobody can say.
    if (!runs) return unknown('identity-mismatch', `what runs as ${node} has not been seen`);
    if (told && told.seconds * 1000 < runs.startedAtMs - startToleranceMs && !isOlder(told.atMs)) {
      return unknown('identity-mismatch', `what Prometheus scrapes as ${node} is older than what runs`);
    }
    if (target.scrapesMs.every(isOlder)) return unknown('stale', `${node} was not scraped since its start`);
    const fresh = target.samples.filter(({ atMs }) => !isOlder(atMs) && !isStale(atMs, prometheus));
    const isExposed = (metric: string): boolean => fresh.some(({ name }) => name === metric);
    const sample = judge({ ...counterReading(reading, runs), samples: fresh, isExposed });
    return staleInstead(sample, target, prometheus, fresh);

    function isOlder(atMs: number): boolean {
      return nowMs - atMs > (runs?.ageMs ?? 0);
    }
  };

  /** What is absent because it is too old is stale. */
  function staleInstead(
    sample: Sample,
    target: StoredTarget,
    prometheus: PrometheusReading,
    fresh: readonly StoredSample[],
  ): Sample {
    if (sample.state !== 'UNKNOWN' || sample.reason !== 'empty') return sample;
    const old = target.samples.find((stored) => !fresh.includes(stored) && tests.some((test) => test(stored)));
    if (!old) return sample;
    const seconds = Math.round((prometheus.evaluatedAtMs - old.atMs) / 100) / 10;
    return unknown('stale', `the newest ${old.name} is ${seconds} s old or from before the start`);
  }
}

function isStale(atMs: number, { evaluatedAtMs, maxAgeMs }: PrometheusReading): boolean {
  return evaluatedAtMs - atMs > maxAgeMs;
}

function counterReading(
  { monoMs }: { monoMs: number },
  runs: StartSeen | undefined,
): { monoMs: number; instance: string | undefined; ageMs: number | undefined } {
  return { monoMs, instance: runs?.instance, ageMs: runs?.ageMs };
}
