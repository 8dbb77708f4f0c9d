import type { AlertCondition, GateCheck } from '../spec/profile.ts';
import { watchdogAlert } from '../topology/monitoring/services.ts';
import type { AlertRule } from './readings.ts';
import { asRecord } from './stored-series.ts';

export interface NamedRule {
  name: string;
  severity?: string;
}

export function isNamed({ names, severities }: AlertCondition, { name, severity }: NamedRule): boolean {
  return names?.includes(name) === true || (severity !== undefined && severities?.includes(severity) === true);
}

/** Whether a check asks for this rule's alerts, or it is the watchdog that must fire. */
export function wantsAlerts(checks: readonly GateCheck[], rule: NamedRule): boolean {
  if (rule.name === watchdogAlert) return true;
  return checks.some((check) => check.source === 'alerts' && isNamed(check.condition, rule));
}

/** The wanted alerting rules of an answer of Prometheus. Alerts that say that they are another testnet's are left out. */
export function alertRules(data: unknown, testnet: string, isWanted: (rule: NamedRule) => boolean): AlertRule[] {
  const { groups } = asRecord(data);
  return listOf(groups).flatMap((group) => {
    const { interval, rules } = asRecord(group);
    return listOf(rules).flatMap((item) => {
      const rule = asRecord(item);
      const labels = asRecord(rule['labels'] ?? {}) as Record<string, string>;
      const { severity } = labels;
      const named = { name: textOf(rule['name']), ...(severity === undefined ? {} : { severity }) };
      if (rule['type'] !== 'alerting' || !isWanted(named)) return [];
      const lastError = textOf(rule['lastError']);
      return {
        ...named,
        health: textOf(rule['health']),
        ...(lastError === '' ? {} : { lastError }),
        evaluatedAtMs: Date.parse(textOf(rule['lastEvaluation'])),
        intervalMs: Number(interval) * 1000,
        forMs: Number(rule['duration'] ?? 0) * 1000,
        alerts: listOf(rule['alerts']).flatMap((alert) => alertOf(alert, testnet)),
      };
    });
  });
}

function alertOf(item: unknown, testnet: string): AlertRule['alerts'] {
  const alert = asRecord(item);
  const labels = asRecord(alert['labels'] ?? {}) as Record<string, string>;
  const { summary } = asRecord(alert['annotations'] ?? {}) as Record<string, string>;
  const { node } = labels;
  if (labels['testnet'] !== undefined && labels['testnet'] !== testnet) return [];
  return [
    {
      state: textOf(alert['state']),
      ...(node === undefined ? {} : { node }),
      ...(summary === undefined ? {} : { summary }),
    },
  ];
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error('the rules have another shape than expected');
  return value;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
