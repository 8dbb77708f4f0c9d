import { parse } from 'yaml';
import type { GateCheck } from '../../spec/profile.ts';
import { isNamed } from '../alert-rules.ts';
import type { GateProfile } from '../profiles.ts';
import { hidesAbsence, impossibleUp } from './expression.ts';
import { error, warning, type Finding } from './finding.ts';

export interface WrittenRule {
  /** File and rule, for people. */
  where: string;
  kind: 'alert' | 'record';
  name: string;
  expression: string;
  forMs: number;
  severity?: string;
}

/** The rules of rule files (name → content). What cannot be read as a rule is left out: files are checked where they are loaded. */
export function writtenRules(files: Readonly<Record<string, string>>): WrittenRule[] {
  return Object.entries(files).flatMap(([file, content]) => {
    const { groups = [] } = (parse(content) ?? {}) as { groups?: { rules?: RawRule[] }[] };
    return groups.flatMap(({ rules = [] }) => rules.flatMap((rule) => ruleOf(file, rule)));
  });
}

interface RawRule {
  alert?: string;
  record?: string;
  expr?: unknown;
  for?: string | number;
  labels?: Record<string, string>;
}

function ruleOf(file: string, { alert, record, expr, for: wait, labels }: RawRule): WrittenRule[] {
  const name = alert ?? record;
  if (name === undefined || (typeof expr !== 'string' && typeof expr !== 'number')) return [];
  const kind = alert === undefined ? 'record' : 'alert';
  const severity = labels?.['severity'];
  return [
    {
      where: `${file}: ${kind} ${name}`,
      ...{ kind, name, expression: String(expr), forMs: durationMs(wait) },
      ...(severity === undefined ? {} : { severity }),
    },
  ];
}

/** What is wrong with rules as they are written, the user's own among them; needs no testnet. */
export function lintRules(
  rules: readonly WrittenRule[],
  checks: readonly GateCheck[],
  timings: GateProfile,
): Finding[] {
  const findings = rules.flatMap(({ where, kind, expression }) => {
    if (hidesAbsence(expression)) return [error(where, '`or vector(0)` makes missing data look like a good value')];
    const why = kind === 'alert' ? impossibleUp(expression) : undefined;
    return why === undefined ? [] : [error(where, `it can never fire: ${why}`)];
  });
  return [...findings, ...slowAlerts(rules, checks, timings)];
}

/** An alert that a gate asks for and that needs longer to fire than the gate looks. */
function slowAlerts(rules: readonly WrittenRule[], checks: readonly GateCheck[], timings: GateProfile): Finding[] {
  const windowMs = timings.windowSlots * timings.intervalMs;
  return checks.flatMap((check) => {
    if (check.source !== 'alerts') return [];
    const { condition } = check;
    return rules.flatMap(({ kind, name, severity, forMs, where }) => {
      const isAsked = kind === 'alert' && isNamed(condition, { name, ...(severity === undefined ? {} : { severity }) });
      if (!isAsked || forMs <= windowMs) return [];
      const text = `it fires after ${forMs / 1000} s, and the window of the gate ${timings.name} is ${windowMs / 1000} s`;
      // A weak gate is known to see little; elsewhere an alert that was named is meant to be seen.
      const isMeant = condition.names?.includes(name) === true && !timings.isWeak;
      return [(isMeant ? error : warning)(where, text)];
    });
  });
}

const unitsMs: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** A duration as Prometheus writes it, as in `1h30m`. */
function durationMs(text: string | number | undefined): number {
  const parts = [...String(text ?? '').matchAll(/(\d+)(ms|[smhdwy])/g)];
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (unitsMs[unit] ?? 0), 0);
}
