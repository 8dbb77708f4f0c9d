import type { HarmByNode } from '../../gates/canary/harm.ts';
import { selectorTest } from '../../gates/metric-selector.ts';
import { parsePrometheusText } from '../../gates/prometheus-text.ts';
import { metricNumber } from '../../gates/readings.ts';
import type { MetricSelector } from '../../spec/profile.ts';
import type { RunContext } from '../run-context.ts';

/** What is counted as harm, by name. */
export interface HarmMeasure {
  name: string;
  bad: MetricSelector;
  total: MetricSelector;
}

/** The counters of each measure as they stand now, by the measure's name and node. A node without readable metrics is absent. */
export async function readHarm(
  { inputs, session }: RunContext,
  measures: readonly HarmMeasure[],
  nodes: readonly string[],
): Promise<Record<string, HarmByNode>> {
  const { metrics } = inputs.profile;
  if (!metrics) return {};
  const wanted = new Set(measures.flatMap(({ bad, total }) => [bad.metric, total.metric]));
  const byMeasure: Record<string, Record<string, { bad: number; total: number }>> = {};
  await Promise.all(
    nodes.map(async (node) => {
      const found = await session.clients
        .get(node)
        ?.getText(metrics.port, metrics.path)
        .then((text) => parsePrometheusText(text, wanted))
        .catch(() => undefined);
      if (!found) return;
      const sumOf = (selector: MetricSelector): number =>
        found.samples.filter(selectorTest(selector)).reduce((sum, { value }) => sum + metricNumber(value), 0);
      for (const { name, bad, total } of measures) {
        const harm = { bad: sumOf(bad), total: sumOf(total) };
        if (Number.isFinite(harm.bad) && Number.isFinite(harm.total)) (byMeasure[name] ??= {})[node] = harm;
      }
    }),
  );
  return byMeasure;
}

/** The measures by which a system's releases are compared: its checks of ratios. */
export function ratioMeasures({ inputs }: RunContext): HarmMeasure[] {
  return inputs.profile.checks.flatMap(({ name, condition }) =>
    condition.kind === 'ratio' ? [{ name, bad: condition.bad, total: condition.total }] : [],
  );
}
