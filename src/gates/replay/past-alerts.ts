import type { GateCheck } from '../../spec/profile.ts';
import { watchdogAlert } from '../../topology/monitoring/services.ts';
import { alertRules, wantsAlerts } from '../alert-rules.ts';
import type { HttpTransport } from '../probe-client.ts';
import type { AlertRule, Answer } from '../readings.ts';
import { asRecord } from '../stored-series.ts';

export interface PastAlertsOptions {
  baseUrl: string;
  testnet: string;
  checks: readonly GateCheck[];
  transport: HttpTransport;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

const maxBytes = 16 * 1024 * 1024;

/**
 * Alerting rules as they were at a time. Which rules there are is known of today only; what they said is in the series ALERTS, and when they
 * were last evaluated in the newest sample of the alert that always fires.
 */
export async function pastAlerts(
  options: PastAlertsOptions,
): Promise<(evaluatedAtMs: number) => Promise<Answer<AlertRule[]>>> {
  const { testnet, checks } = options;
  const loaded = alertRules(await ask(options, '/api/v1/rules?type=alert'), testnet, (rule) =>
    wantsAlerts(checks, rule),
  );
  return async (evaluatedAtMs) => {
    const time = (evaluatedAtMs / 1000).toFixed(3);
    const query = (text: string): Promise<Vector> => instant(options, text, time);
    const [alerts, stamps] = await Promise.all([
      query('ALERTS'),
      query(`timestamp(ALERTS{alertname="${watchdogAlert}"})`),
    ]);
    const ofTestnet = alerts.filter(({ labels }) => (labels['testnet'] ?? testnet) === testnet);
    const ruledAtMs = Math.max(0, ...stamps.map(({ value }) => Number(value) * 1000));
    return {
      ok: true,
      value: loaded.map((rule) => ({
        ...rule,
        health: 'ok',
        evaluatedAtMs: ruledAtMs,
        alerts: ofTestnet.flatMap(({ labels }) => {
          const { alertname, alertstate = '', node } = labels;
          return alertname === rule.name ? [{ state: alertstate, ...(node === undefined ? {} : { node }) }] : [];
        }),
      })),
    };
  };
}

type Vector = { labels: Record<string, string>; value: string }[];

async function instant(options: PastAlertsOptions, query: string, time: string): Promise<Vector> {
  const data = await ask(options, `/api/v1/query?${new URLSearchParams({ query, time }).toString()}`);
  const { result } = asRecord(data);
  if (!Array.isArray(result)) throw new Error(`Prometheus' answer to ${query} is no vector`);
  return result.map((item) => {
    const { metric, value } = asRecord(item);
    return { labels: asRecord(metric) as Record<string, string>, value: String((value as unknown[])[1]) };
  });
}

async function ask({ baseUrl, transport, timeoutMs, signal }: PastAlertsOptions, path: string): Promise<unknown> {
  const { status, text } = await transport({ method: 'GET', url: baseUrl + path, timeoutMs, maxBytes, signal });
  const { status: outcome, error, data } = asRecord(JSON.parse(text));
  if (outcome !== 'success')
    throw new Error(`Prometheus answered ${status}: ${typeof error === 'string' ? error : ''}`);
  return data;
}
