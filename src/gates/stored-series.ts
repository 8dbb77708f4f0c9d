import { ownJob } from '../topology/monitoring/services.ts';
import { parseValue } from './prometheus-text.ts';
import { metricValue, type PrometheusReading, type StoredSample, type StoredTarget } from './readings.ts';

export const processStartMetric = 'process_start_time_seconds';
export const reloadMetric = 'prometheus_config_last_reload_successful';

/** Raw samples of one series, oldest first. */
interface StoredSeries {
  name: string;
  labels: Record<string, string>;
  values: [atSeconds: number, value: string][];
}

/** Labels that Prometheus gives to all series of a target alike. */
const targetLabels = ['testnet', 'node', 'job', 'instance'] as const;

type Times = Pick<PrometheusReading, 'evaluatedAtMs' | 'maxAgeMs'>;

/** The targets by their node label, from the raw samples of a range. Throws on anything but a matrix's result. */
export function storedTargets(result: readonly unknown[], times: Times): Record<string, StoredTarget> {
  const targets: Record<string, StoredTarget> = {};
  /** Times of every scrape, by node, whether it succeeded or not. */
  const scrapes = new Map<string, Set<number>>();
  const others: [node: string, series: StoredSeries][] = [];
  for (const item of result) {
    const series = seriesOf(item);
    const { node } = series.labels;
    if (node === undefined) continue;
    const target = (targets[node] ??= { instances: [], scrapesMs: [], starts: [], samples: [] });
    if (series.name !== 'up') {
      others.push([node, series]);
      continue;
    }
    const times_ = scrapes.get(node) ?? new Set();
    scrapes.set(node, times_);
    addUp(target, series, times_, times);
  }
  for (const [node, series] of others) {
    const target = targets[node];
    if (target) addSeries(target, series, scrapes.get(node));
  }
  return targets;
}

/** What Prometheus scraped of itself. */
export function ownMetrics(
  result: readonly unknown[],
  times: Times,
): Pick<PrometheusReading, 'ownStartedAtMs' | 'hasOldConfig'> {
  const own: Pick<PrometheusReading, 'ownStartedAtMs' | 'hasOldConfig'> = {};
  for (const item of result) {
    const { name, labels, values } = seriesOf(item);
    const newest = values.at(-1);
    if (labels['job'] !== ownJob || labels['node'] !== undefined || !newest) continue;
    if (times.evaluatedAtMs - toMs(newest[0]) > times.maxAgeMs) continue;
    if (name === processStartMetric) own.ownStartedAtMs = parseValue(newest[1]) * 1000;
    if (name === reloadMetric) own.hasOldConfig = parseValue(newest[1]) === 0;
  }
  return own;
}

function addUp(target: StoredTarget, { labels, values }: StoredSeries, scrapes: Set<number>, times: Times): void {
  for (const [at, value] of values) {
    scrapes.add(toMs(at));
    if (value === '1') target.scrapesMs.push(toMs(at));
  }
  target.scrapesMs.sort((a, b) => a - b);
  const newest = values.at(-1);
  // A target that was taken out of the configuration leaves samples behind; it is none any more.
  if (!newest || times.evaluatedAtMs - toMs(newest[0]) > times.maxAgeMs) return;
  target.instances.push(labels['instance'] ?? '');
  target.up = Math.min(target.up ?? 1, parseValue(newest[1]));
}

function addSeries(target: StoredTarget, { name, labels, values }: StoredSeries, scrapes?: ReadonlySet<number>): void {
  if (name === processStartMetric) {
    for (const [at, value] of values) {
      const seconds = parseValue(value);
      if (Number.isFinite(seconds) && target.starts.at(-1)?.seconds !== seconds)
        target.starts.push({ atMs: toMs(at), seconds });
    }
  }
  const newest = values.at(-1);
  if (!newest) return;
  const atMs = toMs(newest[0]);
  // It was in an earlier scrape and is not in the newest one. A series with times of its own is left to its age.
  if (scrapes?.has(atMs) && [...scrapes].some((scrape) => scrape > atMs)) return;
  for (const label of targetLabels) delete labels[label];
  const sample: StoredSample = { name, labels, value: metricValue(parseValue(newest[1])), atMs };
  target.samples.push(sample);
}

function seriesOf(item: unknown): StoredSeries {
  const { metric, values } = asRecord(item);
  const { __name__: name = '', ...labels } = asRecord(metric) as Record<string, string>;
  if (!Array.isArray(values)) throw new Error('a series has no values');
  return { name, labels, values: values as StoredSeries['values'] };
}

/** Prometheus keeps whole milliseconds and writes them as fractions of a second. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1000);
}

export function asRecord(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object') throw new Error('the answer has another shape than expected');
  return value as Record<string, unknown>;
}
