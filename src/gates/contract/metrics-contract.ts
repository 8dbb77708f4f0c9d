import { parsePrometheusText } from '../prometheus-text.ts';
import { metricNumber, type MetricSample } from '../readings.ts';

export interface FamilyContract {
  /** Absent where the page declares none. */
  type?: string;
  /** Label names that every series of the family has. */
  labels: string[];
  seriesCount: number;
  /** Σ of counted things; a family that counts and did not move may be one that appears only when something happens. */
  counted: number;
}

const suffixes = ['_bucket', '_sum', '_count', '_total', '_created'];
/** Made by the format, not by the program. */
const formatLabels = new Set(['le', 'quantile']);

/** What a metrics page promises to whoever reads it: families, their types and their label names. Throws on a malformed page. */
export function metricsContract(page: string): Record<string, FamilyContract> {
  const types = new Map<string, string | undefined>();
  for (const [, keyword, family = '', type] of page.matchAll(/^# (TYPE|HELP) (\S+)(?: (\S+))?.*$/gm)) {
    if (keyword === 'TYPE') types.set(family, type === 'untyped' || type === 'unknown' ? undefined : type);
    else if (!types.has(family)) types.set(family, undefined);
  }
  const series = new Map<string, MetricSample[]>();
  for (const sample of parsePrometheusText(page).samples) {
    const family = familyOf(sample.name, types);
    const known = series.get(family);
    if (known) known.push(sample);
    else series.set(family, [sample]);
  }
  const names = new Set([...types.keys(), ...series.keys()]);
  return Object.fromEntries(
    [...names].sort().map((family) => {
      const samples = series.get(family) ?? [];
      const type = types.get(family);
      const contract = {
        labels: sharedLabels(samples),
        seriesCount: samples.length,
        counted: countedIn(samples, type),
      };
      return [family, type === undefined ? contract : { type, ...contract }];
    }),
  );
}

/** `requests_total` belongs to a family `requests` where one is declared, as in OpenMetrics; a bucket to its histogram. */
function familyOf(name: string, declared: ReadonlyMap<string, unknown>): string {
  if (declared.has(name)) return name;
  const suffix = suffixes.find((one) => name.endsWith(one) && declared.has(name.slice(0, -one.length)));
  return suffix === undefined ? name : name.slice(0, -suffix.length);
}

function sharedLabels(samples: readonly MetricSample[]): string[] {
  const [first] = samples;
  const names = Object.keys(first?.labels ?? {}).filter((label) => !formatLabels.has(label));
  return names.filter((label) => samples.every(({ labels }) => label in labels)).sort();
}

function countedIn(samples: readonly MetricSample[], type: string | undefined): number {
  if (type === 'gauge') return 0;
  return samples.reduce((sum, { value }) => sum + metricNumber(value), 0);
}
