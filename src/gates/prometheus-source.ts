import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { GateCheck } from '../spec/profile.ts';
import { nodesJob, ownJob } from '../topology/monitoring/services.ts';
import { alertRules, wantsAlerts, type NamedRule } from './alert-rules.ts';
import { quoted, selectorsOf } from './metric-selector.ts';
import type { HttpTransport } from './probe-client.ts';
import type { PrometheusReading } from './readings.ts';
import { slotDeadline } from './slot-deadline.ts';
import { asRecord, ownMetrics, processStartMetric, reloadMetric, storedTargets } from './stored-series.ts';

export interface PrometheusSourceOptions {
  /** As in `http://127.0.0.1:9090`. */
  baseUrl: string;
  testnet: string;
  checks: readonly GateCheck[];
  /** How far back of the slot the queries are evaluated. */
  offsetMs: number;
  /** Default 1 000. */
  scrapeIntervalMs?: number | undefined;
  transport: HttpTransport;
  clock: Clock;
}

/** Asks Prometheus for one slot, everything evaluated at one time. Never rejects. */
export type PrometheusSource = (slot: {
  /** Grid time; may lie in the past. */
  atMs: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}) => Promise<PrometheusReading>;

const maxBytes = 32 * 1024 * 1024;
/** Less than this between two clocks is the way of the answer. */
const sameClockMs = 1000;

/**
 * A few requests a slot however many nodes and checks there are: Prometheus' clock, one selection of the raw samples of everything that
 * any check looks at, and the rules where a check asks for alerts. Raw samples, not values: they carry their time, so that nothing that
 * is stale, vanished or older than a restart can pass for new.
 */
export function prometheusSource(options: PrometheusSourceOptions): PrometheusSource {
  const { baseUrl, testnet, checks, clock, scrapeIntervalMs = 1000 } = options;
  // One scrape may be late, or be missed.
  const maxAgeMs = 2 * scrapeIntervalMs + 1000;
  const query = storedQuery(testnet, checks, 2 * maxAgeMs);
  const asksRules = checks.some(({ source }) => source === 'alerts');

  return async ({ atMs, timeoutMs, signal }) => {
    const deadline = slotDeadline(clock, timeoutMs, signal);
    const reading = (clockAheadMs: number): PrometheusReading => ({
      evaluatedAtMs: atMs + clockAheadMs - options.offsetMs,
      clockAheadMs,
      maxAgeMs,
      targets: {},
    });
    try {
      // Whoever set one of the clocks, the query is to mean the same moment for both.
      const ahead = await deadline.answer(async () => {
        const answer = await ask(`/api/v1/query?query=${encodeURIComponent('time()')}`, deadline.signal);
        return Number(resultOf(answer, 'scalar')[1]) * 1000 - clock.wallMs();
      });
      if (!ahead.ok) return { ...reading(0), error: ahead.error };
      const asked = reading(Math.abs(ahead.value) < sameClockMs ? 0 : Math.round(ahead.value));
      const time = (asked.evaluatedAtMs / 1000).toFixed(3);
      const [series, rules] = await Promise.all([
        deadline.answer(async () => {
          const parameters = new URLSearchParams({ query, time }).toString();
          return resultOf(await ask(`/api/v1/query?${parameters}`, deadline.signal), 'matrix');
        }),
        asksRules
          ? deadline.answer(async () =>
              alertRules(await ask('/api/v1/rules?type=alert', deadline.signal), testnet, isWanted),
            )
          : undefined,
      ]);
      if (!series.ok) return { ...asked, error: series.error };
      return {
        ...asked,
        targets: storedTargets(series.value, asked),
        ...ownMetrics(series.value, asked),
        ...(rules ? { rules } : {}),
      };
    } catch (error) {
      return { ...reading(0), error: messageOf(error) };
    } finally {
      deadline.end();
    }

    async function ask(path: string, signal: AbortSignal): Promise<unknown> {
      const { status, text } = await options.transport({
        method: 'GET',
        url: baseUrl + path,
        timeoutMs,
        maxBytes,
        signal,
      });
      return dataOf(status, text, path);
    }
  };

  function isWanted(rule: NamedRule): boolean {
    return wantsAlerts(checks, rule);
  }
}

/** The one selection of everything that the checks look at: raw samples of the last `rangeMs`. */
export function storedQuery(testnet: string, checks: readonly GateCheck[], rangeMs: number): string {
  const names = new Set(['up', processStartMetric, reloadMetric]);
  for (const check of checks) {
    if (check.source === 'prometheus') for (const { metric } of selectorsOf(check)) names.add(metric);
  }
  // What a recording rule made may belong to no job.
  const jobs = `${nodesJob}|${ownJob}|`;
  const matchers = [`__name__=~${quoted([...names].join('|'))}`, `testnet=${quoted(testnet)}`, `job=~${quoted(jobs)}`];
  return `{${matchers.join(',')}}[${Math.ceil(rangeMs)}ms]`;
}

function dataOf(status: number, text: string, path: string): unknown {
  try {
    const { status: outcome, error, data } = asRecord(JSON.parse(text));
    if (outcome !== 'success') throw new Error(typeof error === 'string' ? error : 'no success');
    return data;
  } catch (cause) {
    const what = path.startsWith('/api/v1/query') ? 'a query' : path;
    throw new Error(`Prometheus answered ${status} to ${what}: ${messageOf(cause)}`, { cause });
  }
}

function resultOf(data: unknown, type: 'scalar' | 'matrix'): unknown[] {
  const { resultType, result } = asRecord(data);
  if (resultType !== type || !Array.isArray(result)) throw new Error(`Prometheus' answer is no ${type}`);
  return result;
}
