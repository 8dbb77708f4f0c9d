import { parse } from 'yaml';
import type { Clock } from '../../core/clock.ts';
import { parsePrometheusText } from '../../gates/prometheus-text.ts';
import { createProbeClient, type HttpTransport } from '../../gates/probe-client.ts';
import { watchdogAlert } from '../../topology/monitoring/services.ts';
import type { DrillTracker } from './drill-tracker.ts';

const pollMs = 1_000;
const timeoutMs = 2_000;

export interface AlertWatchOptions {
  tracker: Pick<DrillTracker, 'reach' | 'state'>;
  prometheusUrl: string;
  /** Absent: nobody can tell what was delivered. */
  alertmanagerUrl?: string | undefined;
  /** alertmanager.yml as it is deployed. */
  alertmanagerConfig?: string | undefined;
  transport: HttpTransport;
  clock: Clock;
  signal: AbortSignal;
}

interface Alert {
  labels: Record<string, string>;
}

interface PrometheusAlerts {
  data?: { alerts?: (Alert & { state: string })[] };
}

type AlertmanagerAlerts = (Alert & { receivers: { name: string }[] })[];

/**
 * Notes down when the first alert fires that did not before the disaster, and when it was delivered: the Alertmanager has it and, where its
 * receiver sends it on, has sent a notification since. Times are those of the looks, one a second. A Prometheus that does not answer is asked
 * again; it never ends a run. Where the first look comes after the disaster, what fires then cannot be told apart from what fired before: only
 * what begins to fire later counts. The Watchdog, which fires always, never does.
 */
export async function watchAlerts(options: AlertWatchOptions): Promise<void> {
  const { tracker, clock, signal, transport, prometheusUrl, alertmanagerUrl } = options;
  const { state } = tracker;
  const get = createProbeClient({
    baseUrl: (name) => (name === 'prometheus' ? prometheusUrl : (alertmanagerUrl ?? '')),
    transport,
    timeoutMs,
    signal,
  });
  const senders = sendersIn(options.alertmanagerConfig);
  let exercise: string | undefined;
  /** Alerts, and notifications sent, before the disaster of this exercise; undefined until somebody has looked. */
  let before: { firing: ReadonlySet<string>; sent: number } | undefined;
  let fired: Alert | undefined;

  const look = async (): Promise<void> => {
    if (state.current === undefined) return;
    if (state.current !== exercise) {
      exercise = state.current;
      fired = undefined;
      before = undefined;
    }
    if (!fired) {
      const { data } = (await get.getJson('prometheus', '/api/v1/alerts')) as PrometheusAlerts;
      const firing = (data?.alerts ?? []).filter(
        (alert) => alert.state === 'firing' && alert.labels['alertname'] !== watchdogAlert,
      );
      const { firing: known } = before ?? {};
      if (!known || !state.has('injected')) {
        before = { firing: new Set(firing.map(nameOf)), sent: senders.size > 0 ? await sentNow() : 0 };
        return;
      }
      fired = firing.find((alert) => !known.has(nameOf(alert)));
      if (!fired) return;
      await tracker.reach('alert-firing', nameOf(fired));
      await tracker.reach('detected', `the alert ${nameOf(fired)} fires`);
    }
    if (alertmanagerUrl === undefined || state.has('alert-delivered')) return;
    const { labels } = fired;
    const known = (await get.getJson('alertmanager', '/api/v2/alerts')) as AlertmanagerAlerts;
    const there = known.find((alert) => Object.entries(labels).every(([name, value]) => alert.labels[name] === value));
    if (!there) return;
    const receivers = there.receivers.map(({ name }) => name);
    const sending = receivers.filter((name) => senders.has(name));
    if (sending.length > 0 && (await sentNow()) <= (before?.sent ?? 0)) return;
    await tracker.reach(
      'alert-delivered',
      sending.length > 0
        ? `the Alertmanager has notified ${sending.join(', ')}`
        : `the Alertmanager has it; its receiver ${receivers.join(', ')} sends it to nobody`,
    );
  };

  const sentNow = async (): Promise<number> => {
    if (alertmanagerUrl === undefined) return 0;
    const { samples } = parsePrometheusText(await get.getText('alertmanager', '/metrics'));
    const sum = (metric: string): number =>
      samples.filter(({ name }) => name === metric).reduce((total, { value }) => total + Number(value), 0);
    return sum('alertmanager_notifications_total') - sum('alertmanager_notifications_failed_total');
  };

  while (!signal.aborted) {
    await look().catch(() => undefined);
    await clock.sleep(pollMs, signal).catch(() => undefined);
  }
}

/** `NodeDown of validator-3`. */
function nameOf({ labels }: Alert): string {
  const { alertname = 'an alert without a name', node } = labels;
  return node === undefined ? alertname : `${alertname} of ${node}`;
}

/** Receivers that send to somebody: those with any `…_configs`. */
function sendersIn(config: string | undefined): Set<string> {
  const { receivers = [] } = (config === undefined ? {} : parse(config)) as { receivers?: Record<string, unknown>[] };
  const sends = (receiver: Record<string, unknown>): boolean =>
    Object.entries(receiver).some(
      ([key, value]) => key.endsWith('_configs') && Array.isArray(value) && value.length > 0,
    );
  return new Set(receivers.filter(sends).map(({ name }) => String(name)));
}
