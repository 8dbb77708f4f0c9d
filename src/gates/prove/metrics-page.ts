import { parsePrometheusText } from '../prometheus-text.ts';
import { metricNumber, type MetricSample } from '../readings.ts';

/** A metrics page with other samples: comments stay, but for those of families that are lost. */
export function editMetricsPage(
  page: string,
  edit: (samples: readonly MetricSample[]) => MetricSample[],
  lost: ReadonlySet<string> = new Set(),
): string {
  const comments = page.split('\n').filter((line) => line.startsWith('#') && !isAbout(line, lost));
  const samples = edit(parsePrometheusText(page).samples).filter(({ name }) => !lost.has(name));
  return `${[...comments, ...samples.map(sampleLine)].join('\n')}\n`;
}

function isAbout(comment: string, lost: ReadonlySet<string>): boolean {
  const [, , family = ''] = comment.split(/\s+/, 3);
  return ['', '_bucket', '_sum', '_count', '_total'].some((suffix) => lost.has(family + suffix));
}

function sampleLine({ name, labels, value }: MetricSample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${numberText(metricNumber(value))}`;
}

/** A number as Prometheus writes it. */
export function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
