import { durationText, yamlText } from './prometheus.ts';
import { nodesJob, watchdogAlert } from './services.ts';

export interface BaseRuleInputs {
  testnet: string;
  scrapeIntervalMs: number;
  /** Nodes that are to be scraped. */
  nodeCount: number;
}

/** The rules that every testnet has, whatever system runs on it. */
export function baseRules({ testnet, scrapeIntervalMs, nodeCount }: BaseRuleInputs): string {
  const threeScrapes = durationText(3 * scrapeIntervalMs);
  const labels = (severity: string): Record<string, string> => ({ severity, testnet });
  const up = `up{job="${nodesJob}",testnet="${testnet}"}`;
  const nodeRules = [
    {
      alert: 'NodeDown',
      expr: `${up} == 0`,
      for: threeScrapes,
      labels: labels('critical'),
      annotations: { summary: '{{ $labels.node }} does not answer its scrapes' },
    },
    {
      // A target that vanished from service discovery has no `up` at all, so NodeDown would stay silent.
      alert: 'NodesNotScraped',
      expr: `count(${up}) < ${nodeCount} or absent(${up})`,
      for: threeScrapes,
      labels: labels('critical'),
      annotations: { summary: `Fewer than ${nodeCount} nodes are scraped` },
    },
    {
      alert: 'NodeRestarting',
      expr: `changes(process_start_time_seconds{job="${nodesJob}",testnet="${testnet}"}[10m]) > 2`,
      labels: labels('warning'),
      annotations: { summary: '{{ $labels.node }} started {{ $value }} times within 10 minutes' },
    },
  ];
  return yamlText({
    groups: [
      {
        name: 'seatrial',
        rules: [
          {
            // Always firing: its absence says that rules are not evaluated or alerts do not arrive.
            alert: watchdogAlert,
            expr: 'vector(1)',
            labels: labels('none'),
            annotations: { summary: 'Rules are evaluated and alerts are sent' },
          },
          ...(nodeCount > 0 ? nodeRules : []),
          {
            alert: 'PrometheusConfigNotLoaded',
            expr: 'prometheus_config_last_reload_successful == 0',
            labels: labels('warning'),
            annotations: { summary: 'Prometheus refused its new configuration and goes on with the old one' },
          },
          {
            alert: 'AlertsNotDelivered',
            expr: 'increase(prometheus_notifications_errors_total[1m]) > 0',
            for: threeScrapes,
            labels: labels('warning'),
            annotations: { summary: 'Prometheus cannot send alerts to {{ $labels.alertmanager }}' },
          },
        ],
      },
    ],
  });
}
