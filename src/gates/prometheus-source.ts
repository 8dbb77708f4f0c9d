import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { MetricCheck, MetricSelector } from '../spec/profile.ts';
import { selectorQuery } from './metric-selector.ts';
import type { HttpTransport } from './probe-client.ts';
import { parseValue } from './prometheus-text.ts';
import { metricNumber, metricValue, type Answer, type MetricSample, type PrometheusReading } from './readings.ts';
import { slotDeadline } from './slot-deadline.ts';

export interface PrometheusSourceOptions {
  /** As in `http://127.0.0.1:9090`. */
  baseUrl: string;
  testnet: string;
  checks: readonly MetricCheck[];
  /** How far back of the slot the queries are evaluated. */
  offsetMs: number;
  transport: HttpTransport;
  clock: Clock;
}

/** Asks Prometheus for one slot: `up` and every selection of the checks, all evaluated at one time. Never rejects. */
export type PrometheusSource = (slot: {
  atMs: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}) => Promise<PrometheusReading>;

const maxBytes = 16 * 1024 * 1024;

export function prometheusSource(options: PrometheusSourceOptions): PrometheusSource {
  const { testnet, transport, clock } = options;
  const queries = new Set(
    options.checks.filter(({ source }) => source === 'prometheus').flatMap((check) => queriesOf(check, testnet)),
  );

  return async ({ atMs, timeoutMs, signal }) => {
    const evaluatedAtMs = atMs - options.offsetMs;
    const deadline = slotDeadline(clock, timeoutMs, signal);
    try {
      const ask = (query: string): Promise<Answer<Record<string, MetricSample[]>>> =>
        deadline.answer(() => instantQuery(query, evaluatedAtMs, timeoutMs, deadline.signal));
      const [up, ...answers] = await Promise.all([ask(upQuery(testnet)), ...[...queries].map(ask)]);
      if (!up.ok) return { evaluatedAtMs, error: up.error, up: {}, results: {} };
      const upByNode = Object.entries(up.value).map(([node, series]) => [node, lowest(series)] as const);
      return {
        evaluatedAtMs,
        up: Object.fromEntries(upByNode),
        results: Object.fromEntries([...queries].map((query, index) => [query, answers[index] ?? missing])),
      };
    } finally {
      deadline.end();
    }
  };

  async function instantQuery(
    query: string,
    evaluatedAtMs: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Record<string, MetricSample[]>> {
    const parameters = new URLSearchParams({ query, time: (evaluatedAtMs / 1000).toFixed(3) });
    const url = `${options.baseUrl}/api/v1/query?${parameters.toString()}`;
    const { status, text } = await transport({ method: 'GET', url, timeoutMs, maxBytes, signal });
    try {
      return seriesByNode(JSON.parse(text));
    } catch (cause) {
      throw new Error(`Prometheus answered ${status} to ${query}: ${messageOf(cause)}`, { cause });
    }
  }
}

const missing = { ok: false, error: 'the query was not answered' } as const;

function upQuery(testnet: string): string {
  return selectorQuery({ metric: 'up' }, testnet);
}

/** The queries that a check needs. */
export function queriesOf({ condition }: MetricCheck, testnet: string): string[] {
  const selectors: MetricSelector[] =
    condition.kind === 'value' ? [condition.metric] : [condition.bad, condition.total];
  return selectors.map((selector) => selectorQuery(selector, testnet));
}

/** The series of an instant vector by their `node` label. Throws on anything but a successful vector. */
function seriesByNode(answer: unknown): Record<string, MetricSample[]> {
  const { status, error, data } = asRecord(answer);
  if (status !== 'success') throw new Error(typeof error === 'string' ? error : 'no success');
  const { resultType, result } = asRecord(data);
  if (resultType !== 'vector' || !Array.isArray(result)) throw new Error('the answer is no instant vector');
  const byNode: Record<string, MetricSample[]> = {};
  for (const item of result as unknown[]) {
    const { metric, value } = asRecord(item);
    const { __name__: name = '', ...labels } = asRecord(metric) as Record<string, string>;
    if (!Array.isArray(value)) throw new Error('a series has no value');
    const node = labels['node'];
    if (node === undefined) continue;
    (byNode[node] ??= []).push({ name, labels, value: metricValue(parseValue(String(value[1]))) });
  }
  return byNode;
}

function asRecord(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object') throw new Error('the answer has another shape than expected');
  return value as Record<string, unknown>;
}

/** A node with several targets is up when all of them are. */
function lowest(series: readonly MetricSample[]): number {
  return Math.min(...series.map(({ value }) => metricNumber(value)));
}
