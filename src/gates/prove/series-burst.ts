import type { QuantileCondition, RatioCondition, ValueCondition } from '../../spec/profile.ts';
import { selectorText } from '../lint/selector-text.ts';
import { bucketSelector, selectorTest } from '../metric-selector.ts';
import { metricNumber, type MetricSample } from '../readings.ts';
import { NotMakeable } from './bad-world.ts';

/** Label values with which programs say that something went wrong, tried for a label that is selected by a pattern. */
const wrongValues = [
  ...['500', '502', '504', '501', '400', '404', '429', '503', '5xx', '4xx'],
  ...['error', 'failed', 'failure', 'fail', 'rejected', 'refused', 'invalid', 'timeout', 'dropped', 'aborted', 'bad'],
  ...['false', 'true', 'unknown', 'internal', 'INTERNAL', 'UNAVAILABLE', 'Error', 'ERROR', '1', '2', '13', '14', '0'],
];

/**
 * The samples of one node in an error burst that goes on for `slot + 1` slots: far more bad events than there were good ones. Only what
 * the node really exposes is altered: a bad series that was never counted is made of a real one of the same family, with the labels
 * that this one has and values of the same shape. So a check that looks at a name, a label or a value that nobody exposes sees nothing.
 */
export function errorBurst(condition: RatioCondition, samples: readonly MetricSample[], slot: number): MetricSample[] {
  const isTotal = selectorTest(condition.total);
  const counted = samples.filter(isTotal).reduce((sum, { value }) => sum + finite(value), 0);
  const events = (slot + 1) * (1000 + 20 * counted);
  const result = samples.map((sample) => ({ ...sample }));
  const bad = badSeries(condition, result);
  bad.value = finite(bad.value) + events;
  if (!isTotal(bad)) {
    const total = result.find(isTotal);
    if (!total)
      throw new NotMakeable(`${condition.total.metric} has no series that ${selectorText(condition.total)} selects`);
    total.value = finite(total.value) + events;
  }
  return result;
}

function badSeries({ bad, total }: RatioCondition, samples: MetricSample[]): MetricSample {
  const isBad = selectorTest(bad);
  const isTotal = selectorTest(total);
  const known = samples.find((sample) => isBad(sample) && (total.metric !== bad.metric || isTotal(sample)));
  if (known) return known;
  const family = samples.filter(({ name }) => name === bad.metric);
  const template = family.find(isTotal) ?? family[0];
  if (!template) throw new NotMakeable(`${bad.metric} has no series`);
  const labels = { ...template.labels };
  for (const [label, wanted] of Object.entries(bad.labels ?? {})) {
    const seen = family.flatMap((sample) => sample.labels[label] ?? []);
    if (seen.length === 0) throw new NotMakeable(`no series of ${bad.metric} has a label ${label}`);
    const isShapedAlike = shapeTest(seen);
    const pattern = typeof wanted === 'string' ? undefined : new RegExp(`^(?:${wanted.matches})$`);
    const candidates = typeof wanted === 'string' ? [wanted] : [...seen, ...wrongValues, ...wordsOf(wanted.matches)];
    const value = candidates.find((one) => (pattern?.test(one) ?? true) && isShapedAlike(one));
    if (value === undefined) {
      const asked = typeof wanted === 'string' ? `"${wanted}"` : `/${wanted.matches}/`;
      throw new NotMakeable(`${bad.metric} has no ${label} like ${asked}: its values are like "${seen[0] ?? ''}"`);
    }
    labels[label] = value;
  }
  const made: MetricSample = { name: bad.metric, labels, value: 0 };
  samples.push(made);
  return made;
}

/** The samples of one node with everything that the check selects set to a value. */
export function withValue(condition: ValueCondition, samples: readonly MetricSample[], value: number): MetricSample[] {
  const isSelected = selectorTest(condition.metric);
  if (!samples.some(isSelected)) {
    throw new NotMakeable(`${condition.metric.metric} has no series that ${selectorText(condition.metric)} selects`);
  }
  return samples.map((sample) => (isSelected(sample) ? { ...sample, value } : sample));
}

/** The samples of one node when what its histogram observes is slower than every finite bucket. */
export function slowedDown(
  { histogram }: QuantileCondition,
  samples: readonly MetricSample[],
  slot: number,
): MetricSample[] {
  const selector = bucketSelector(histogram);
  const isSelected = selectorTest({ ...selector, labels: { ...selector.labels, le: '+Inf' } });
  const observed = samples.filter(isSelected).reduce((sum, { value }) => sum + finite(value), 0);
  if (!samples.some(isSelected)) throw new NotMakeable(`${selectorText(selector)} has no bucket +Inf`);
  const more = (slot + 1) * (10_000 + 1_000 * observed);
  return samples.map((sample) => {
    const isCount = sample.name === `${histogram.metric}_count`;
    return isSelected(sample) || isCount ? { ...sample, value: finite(sample.value) + more } : sample;
  });
}

/** A value on the bad side of a limit; undefined where there is no limit that a value could pass. */
export function valueBeyond(limit: number | undefined, side: 'above' | 'below'): number | undefined {
  if (limit === undefined || !Number.isFinite(limit)) return undefined;
  const distance = Math.max(1, Math.abs(limit));
  const value = side === 'above' ? limit + distance : limit - distance;
  return Number.isFinite(value) ? value : undefined;
}

/** Codes are digits of one length; anything else may be any word. */
function shapeTest(seen: readonly string[]): (value: string) => boolean {
  const length = seen[0]?.length ?? 0;
  const areCodes = seen.every((value) => /^\d+$/.test(value) && value.length === length);
  return (value) => !areCodes || (/^\d+$/.test(value) && value.length === length);
}

/** The alternatives of a pattern that is a plain list of words. */
function wordsOf(pattern: string): string[] {
  return pattern.split(/[|()?:]/).filter((word) => /^[\w ./-]+$/.test(word));
}

function finite(value: MetricSample['value']): number {
  const number = metricNumber(value);
  return Number.isFinite(number) ? number : 0;
}
