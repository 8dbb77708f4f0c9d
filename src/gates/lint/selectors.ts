import type { GateCheck, MetricSelector } from '../../spec/profile.ts';

/** What a check selects of the metrics that nodes expose; nothing for checks on something else. */
export function selectorsOf({ condition }: GateCheck): MetricSelector[] {
  switch (condition.kind) {
    case 'value':
      return [condition.metric];
    case 'ratio':
      return [condition.bad, condition.total];
    case 'quantile':
      return [bucketsOf(condition.histogram)];
    case 'json':
    case 'alerts':
      return [];
  }
}

/** The buckets of a histogram. */
export function bucketsOf({ metric, ...selector }: MetricSelector): MetricSelector {
  return { metric: `${metric}_bucket`, ...selector };
}

/** The selection as people write it. */
export function selectorText({ metric, labels = {} }: MetricSelector): string {
  const matchers = Object.entries(labels).map(([label, wanted]) =>
    typeof wanted === 'string' ? `${label}="${wanted}"` : `${label}=~"${wanted.matches}"`,
  );
  return `${metric}${matchers.length > 0 ? `{${matchers.join(',')}}` : ''}`;
}
