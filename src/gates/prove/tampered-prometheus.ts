import type { GateCheck, MetricSelector } from '../../spec/profile.ts';
import { selectorsOf } from '../lint/selectors.ts';
import { selectorQuery, selectorTest } from '../metric-selector.ts';
import { parseValue } from '../prometheus-text.ts';
import { metricNumber, metricValue, type MetricSample } from '../readings.ts';
import type { HttpTransport } from '../probe-client.ts';
import type { Call, HttpAnswer, Tampering } from './bad-world.ts';
import { numberText } from './metrics-page.ts';

interface VectorItem {
  metric: Record<string, string>;
  value: [number, string];
}

export interface PrometheusTampering {
  testnet: string;
  checks: readonly GateCheck[];
  tampering: Tampering;
  isAltered: (node: string | undefined) => boolean;
  slot: () => number;
}

/**
 * Answers of Prometheus as they would be in the bad world. Where samples are altered, the whole family is asked for and altered, and the
 * query's own selection is taken from that: a series that is bad now need not have been there before.
 */
export function tamperedPrometheus(
  setting: PrometheusTampering,
): (call: Call, next: HttpTransport) => Promise<HttpAnswer> {
  const { testnet, checks, tampering, isAltered } = setting;
  const selectors = new Map<string, MetricSelector>();
  for (const selector of checks.filter(({ source }) => source === 'prometheus').flatMap(selectorsOf)) {
    selectors.set(selectorQuery(selector, testnet), selector);
  }
  const upQuery = selectorQuery({ metric: 'up' }, testnet);

  return async ({ request, url }, next) => {
    const query = url.pathname === '/api/v1/query' ? url.searchParams.get('query') : null;
    if (query === upQuery && tampering.up !== undefined) {
      const items = itemsOf(await next(request));
      const kept = items.filter(({ metric }) => tampering.up !== 'absent' || !isAltered(metric.node));
      return vector(kept.map((item) => (isAltered(item.metric.node) ? withText(item, String(tampering.up)) : item)));
    }
    const selector = query === null ? undefined : selectors.get(query);
    if (!selector) return next(request);
    if (tampering.lostMetrics?.has(selector.metric)) {
      return vector(itemsOf(await next(request)).filter(({ metric }) => !isAltered(metric.node)));
    }
    if (!tampering.samples) return next(request);
    url.searchParams.set('query', selectorQuery({ metric: selector.metric }, testnet));
    const family = itemsOf(await next({ ...request, url: url.href }));
    const isSelected = selectorTest(selector);
    return vector(
      alterByNode(family)
        .filter(isSelected)
        .map((sample) => itemOf(sample, family[0]?.value[0] ?? 0)),
    );
  };

  function alterByNode(family: readonly VectorItem[]): MetricSample[] {
    const byNode = Map.groupBy(family.map(sampleOf), ({ labels }) => labels['node']);
    return [...byNode].flatMap(([node, samples]) =>
      node !== undefined && isAltered(node) && tampering.samples
        ? tampering.samples(samples, { node, slot: setting.slot() })
        : samples,
    );
  }
}

function itemsOf({ text }: HttpAnswer): VectorItem[] {
  const body = JSON.parse(text) as { status?: string; error?: string; data?: { result?: VectorItem[] } };
  if (body.status !== 'success') throw new Error(body.error ?? 'Prometheus did not succeed');
  return body.data?.result ?? [];
}

function vector(result: readonly VectorItem[]): HttpAnswer {
  return { status: 200, text: JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }) };
}

function withText({ metric, value }: VectorItem, text: string): VectorItem {
  return { metric, value: [value[0], text] };
}

function sampleOf({ metric, value }: VectorItem): MetricSample {
  const { __name__: name = '', ...labels } = metric;
  return { name, labels, value: metricValue(parseValue(value[1])) };
}

function itemOf({ name, labels, value }: MetricSample, atSeconds: number): VectorItem {
  return { metric: { __name__: name, ...labels }, value: [atSeconds, numberText(metricNumber(value))] };
}
