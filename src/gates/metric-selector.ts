import type { GateCheck, MetricSelector } from '../spec/profile.ts';
import type { MetricSample } from './readings.ts';

/** A test whether a sample belongs to the selection; patterns must match a label's whole value. */
export function selectorTest(selector: MetricSelector): (sample: MetricSample) => boolean {
  const tests = Object.entries(selector.labels ?? {}).map(([label, wanted]) => {
    if (typeof wanted === 'string') return (labels: Record<string, string>) => (labels[label] ?? '') === wanted;
    const pattern = new RegExp(`^(?:${wanted.matches})$`);
    return (labels: Record<string, string>) => pattern.test(labels[label] ?? '');
  });
  return (sample) => sample.name === selector.metric && tests.every((test) => test(sample.labels));
}

/** The series that a check judges; none when it judges no metric. A histogram's are those of its buckets. */
export function selectorsOf({ condition }: GateCheck): MetricSelector[] {
  switch (condition.kind) {
    case 'value':
      return [condition.metric];
    case 'ratio':
      return [condition.bad, condition.total];
    case 'quantile':
      return [bucketSelector(condition.histogram)];
    case 'json':
    case 'alerts':
      return [];
  }
}

export function bucketSelector(histogram: MetricSelector): MetricSelector {
  return { ...histogram, metric: `${histogram.metric}_bucket` };
}

/** The selection as an instant query over all nodes of a testnet. */
export function selectorQuery(selector: MetricSelector, testnet: string): string {
  const matchers = [`testnet=${quoted(testnet)}`];
  for (const [label, wanted] of Object.entries(selector.labels ?? {})) {
    matchers.push(typeof wanted === 'string' ? `${label}=${quoted(wanted)}` : `${label}=~${quoted(wanted.matches)}`);
  }
  return `${selector.metric}{${matchers.join(',')}}`;
}

/** A string as PromQL writes it. */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
