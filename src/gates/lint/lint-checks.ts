import type { GateCheck, MetricSelector, RatioCondition, SystemProfile } from '../../spec/profile.ts';
import { selectorsOf } from '../metric-selector.ts';
import { error, warning, type Finding } from './finding.ts';
import { selectorText } from './selector-text.ts';

/** Names of what gates look at on every system. */
const ownNames = [
  ...['identity', 'liveness', 'version-claim', 'progress', 'catch-up', 'peers', 'same-hash', 'quorum'],
  ...['out-of-memory', 'log-errors', 'flap', 'contract'],
];

/** What is wrong with a profile's checks as they are written; needs no testnet. */
export function lintChecks({ checks, logErrors, metrics }: SystemProfile): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const check of checks) {
    const where = `check ${check.name}`;
    if (seen.has(check.name))
      findings.push(error(where, 'another check has the same name, so that nobody can tell them apart'));
    else if (ownNames.includes(check.name))
      findings.push(error(where, 'gates have a check of this name on every system'));
    seen.add(check.name);
    if (check.source === 'direct' && !metrics)
      findings.push(warning(where, 'the profile names no metrics page, so that it is left out'));
    findings.push(...lintCondition(check, where), ...selectorsOf(check).flatMap((one) => lintSelector(one, where)));
  }
  if (checks.length > 0 && checks.every(({ advisory }) => advisory)) {
    findings.push(warning('checks', 'all are advisory: none of the system’s own checks can fail a gate'));
  }
  if (logErrors) findings.push(...lintLogErrors(logErrors));
  return findings;
}

function lintCondition({ condition }: GateCheck, where: string): Finding[] {
  switch (condition.kind) {
    case 'value':
    case 'json':
      return lintLimits(condition, where);
    case 'ratio':
      return lintRatio(condition, where);
    case 'quantile': {
      const { quantile, max } = condition;
      return [
        ...(quantile > 0 && quantile < 1 ? [] : [error(where, `the quantile ${quantile} is not between 0 and 1`)]),
        ...(Number.isFinite(max) ? [] : [error(where, 'it has no limit that a value could pass')]),
      ];
    }
    case 'alerts': {
      const { names = [], severities = [] } = condition;
      return names.length + severities.length > 0 ? [] : [error(where, 'it names neither alerts nor severities')];
    }
  }
}

function lintLimits({ min, max }: { min?: number; max?: number }, where: string): Finding[] {
  const hasLimit = [min, max].some((limit) => limit !== undefined && Number.isFinite(limit));
  if (!hasLimit) return [error(where, 'it has no limit that a value could pass')];
  if (min !== undefined && max !== undefined && min > max) {
    return [error(where, `no value is good: at least ${min} and at most ${max}`)];
  }
  return [];
}

function lintRatio({ bad, total, max, minEvents }: RatioCondition, where: string): Finding[] {
  const findings: Finding[] = [];
  if (!(max >= 0 && max < 1))
    findings.push(error(where, `a ratio is never above ${max}: the limit must be from 0 to below 1`));
  if (minEvents !== undefined && minEvents < 1)
    findings.push(error(where, 'minEvents below 1 lets no event at all pass for good'));
  if (bad.metric !== total.metric) return findings;
  if (selectorText(bad) === selectorText(total))
    findings.push(error(where, 'bad and total are the same, so that everything is bad'));
  for (const [label, wanted] of Object.entries(total.labels ?? {})) {
    const value = bad.labels?.[label];
    if (typeof value !== 'string' || matches(value, wanted)) continue;
    findings.push(error(where, `bad is no part of total: ${label}="${value}" is not among what total counts`));
  }
  return findings;
}

function lintSelector({ metric, labels = {} }: MetricSelector, where: string): Finding[] {
  const findings: Finding[] = [];
  if (!/^[a-zA-Z_:][\w:]*$/.test(metric)) findings.push(error(where, `"${metric}" is no metric name`));
  for (const [label, wanted] of Object.entries(labels)) {
    if (typeof wanted === 'string') continue;
    const why = patternError(wanted.matches);
    if (why !== undefined) findings.push(error(where, `the pattern of ${label} cannot be read: ${why}`));
  }
  return findings;
}

function lintLogErrors({ matches: pattern, maxPerWindow }: NonNullable<SystemProfile['logErrors']>): Finding[] {
  const where = 'check log-errors';
  const why = patternError(pattern);
  if (why !== undefined) return [error(where, `its pattern cannot be read: ${why}`)];
  if (new RegExp(pattern).test('')) return [error(where, `its pattern /${pattern}/ matches every line`)];
  return Number.isFinite(maxPerWindow) ? [] : [error(where, 'it has no limit that a number of lines could pass')];
}

function patternError(pattern: string): string | undefined {
  try {
    new RegExp(`^(?:${pattern})$`);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

function matches(value: string, wanted: string | { matches: string }): boolean {
  if (typeof wanted === 'string') return value === wanted;
  return patternError(wanted.matches) !== undefined || new RegExp(`^(?:${wanted.matches})$`).test(value);
}
