import { yamlText } from './prometheus.ts';

/** alertmanager.yml where the user gave none: alerts are kept and shown, grouped by testnet, and sent to nobody. */
export function defaultAlertmanagerConfig(): string {
  return yamlText({
    route: {
      receiver: 'nobody',
      group_by: ['testnet', 'alertname'],
      group_wait: '5s',
      group_interval: '30s',
      repeat_interval: '4h',
    },
    receivers: [{ name: 'nobody' }],
  });
}
