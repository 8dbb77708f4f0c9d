import { parseValue } from '../prometheus-text.ts';
import type { HttpTransport } from '../probe-client.ts';
import { metricNumber, metricValue, type MetricSample } from '../readings.ts';
import type { Call, HttpAnswer, Tampering } from './bad-world.ts';
import { numberText } from './metrics-page.ts';

/** A series of a matrix, oldest value first. */
interface Series {
  metric: Record<string, string>;
  values: [atSeconds: number, value: string][];
}

interface QueryAnswer {
  status?: string;
  data?: { resultType?: string; result?: unknown };
}

export interface PrometheusTampering {
  tampering: Tampering;
  isAltered: (node: string | undefined) => boolean;
  slot: () => number;
}

/** Labels that Prometheus adds to what a node exposes. */
const addedLabels = ['testnet', 'node', 'job', 'instance'];

/**
 * Answers of Prometheus as they would be in the bad world: of every series that belongs to an altered node the newest sample is changed, and
 * series that begin now are put beside them.
 */
export function tamperedPrometheus({
  tampering,
  isAltered,
  slot,
}: PrometheusTampering): (call: Call, next: HttpTransport) => Promise<HttpAnswer> {
  const { up, lostMetrics, agedMs } = tampering;
  const samples = tampering.isPageOnly ? undefined : tampering.samples?.bind(tampering);
  const changesSeries = up !== undefined || lostMetrics || samples || agedMs !== undefined;

  return async ({ request, url }, next) => {
    const answer = await next(request);
    if (!changesSeries || url.pathname !== '/api/v1/query') return answer;
    const body = JSON.parse(answer.text) as QueryAnswer;
    if (body.status !== 'success' || body.data?.resultType !== 'matrix') return answer;
    const series = body.data.result as Series[];
    const byNode = Map.groupBy(series, ({ metric }) => metric.node);
    const result = [...byNode].flatMap(([node, own]) => (isAltered(node) ? alter(own, node ?? '') : own));
    return { ...answer, text: JSON.stringify({ ...body, data: { ...body.data, result } }) };
  };

  function alter(series: Series[], node: string): Series[] {
    let altered = series.filter(({ metric }) => !lostMetrics?.has(nameOf(metric)));
    if (up === 'absent') altered = altered.filter(({ metric }) => nameOf(metric) !== 'up');
    if (up === 0) altered = altered.map((one) => (nameOf(one.metric) === 'up' ? down(one) : one));
    if (agedMs !== undefined) altered = altered.map((one) => (nameOf(one.metric) === 'up' ? one : aged(one, agedMs)));
    if (!samples) return altered;
    return withNewest(altered, samples(altered.flatMap(newestOf), { node, slot: slot() }));
  }
}

function down({ metric, values }: Series): Series {
  return { metric, values: values.map(([at]) => [at, '0']) };
}

function aged({ metric, values }: Series, ms: number): Series {
  return { metric, values: values.map(([at, value]) => [at - ms / 1000, value]) };
}

/** What the node exposed at its newest scrape. */
function newestOf({ metric, values }: Series): MetricSample[] {
  const newest = values.at(-1);
  const labels = Object.entries(metric).filter(([label]) => label !== '__name__' && !addedLabels.includes(label));
  return newest
    ? [{ name: nameOf(metric), labels: Object.fromEntries(labels), value: metricValue(parseValue(newest[1])) }]
    : [];
}

function withNewest(series: readonly Series[], samples: readonly MetricSample[]): Series[] {
  const wanted = new Map(samples.map((sample) => [keyOf(sample), sample]));
  const changed = series.map((one): Series => {
    const [own] = newestOf(one);
    const sample = own && wanted.get(keyOf(own));
    if (!own || !sample) return one;
    wanted.delete(keyOf(own));
    const at = one.values.at(-1)?.[0] ?? 0;
    return { metric: one.metric, values: [...one.values.slice(0, -1), [at, numberText(metricNumber(sample.value))]] };
  });
  const begun = [...wanted.values()].flatMap((sample): Series[] => {
    const sibling = series.find(({ metric }) => nameOf(metric) === sample.name);
    if (!sibling) return [];
    const added = Object.entries(sibling.metric).filter(([label]) => addedLabels.includes(label));
    const metric = { __name__: sample.name, ...sample.labels, ...Object.fromEntries(added) };
    return [{ metric, values: [[sibling.values.at(-1)?.[0] ?? 0, numberText(metricNumber(sample.value))]] }];
  });
  return [...changed, ...begun];
}

function nameOf(metric: Record<string, string>): string {
  return metric['__name__'] ?? '';
}

function keyOf({ name, labels }: MetricSample): string {
  return JSON.stringify([name, Object.entries(labels).sort()]);
}
