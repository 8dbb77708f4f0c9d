import type { MetricSelector } from '../../spec/profile.ts';

/** The selection as people write it. */
export function selectorText({ metric, labels = {} }: MetricSelector): string {
  const matchers = Object.entries(labels).map(([label, wanted]) =>
    typeof wanted === 'string' ? `${label}="${wanted}"` : `${label}=~"${wanted.matches}"`,
  );
  return `${metric}${matchers.length > 0 ? `{${matchers.join(',')}}` : ''}`;
}
