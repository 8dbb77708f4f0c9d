import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SpecError } from '../../../src/core/errors.ts';
import { buildMonitoring } from '../../../src/topology/monitoring/build-monitoring.ts';
import { dashboardQueries, type Dashboard } from '../../../src/topology/monitoring/dashboard.ts';
import { containerTopology, monitoringInputs } from '../../helpers/monitored-topology.ts';

interface PrometheusYaml {
  global: Record<string, unknown>;
  rule_files: string[];
  alerting: unknown;
  scrape_configs: { job_name: string; metrics_path?: string; file_sd_configs?: { files: string[] }[] }[];
}

describe('the Prometheus configuration', () => {
  test('scrapes the nodes through service discovery, and Prometheus and the Alertmanager themselves', () => {
    const config = parse(buildMonitoring(monitoringInputs()).prometheusConfig) as PrometheusYaml;
    expect(config.scrape_configs.map((job) => job.job_name)).toEqual(['nodes', 'prometheus', 'alertmanager']);
    expect(config.scrape_configs[0]).toMatchObject({
      metrics_path: '/metrics',
      file_sd_configs: [{ files: ['targets/nodes.json'] }],
    });
    expect(config.alerting).toEqual({ alertmanagers: [{ static_configs: [{ targets: ['10.214.0.21:9093'] }] }] });
  });

  test('takes its interval from the gate and never lets a scrape outlast it', () => {
    const config = parse(
      buildMonitoring(monitoringInputs({ scrapeIntervalMs: 1_500 })).prometheusConfig,
    ) as PrometheusYaml;
    expect(config.global).toEqual({
      scrape_interval: '1500ms',
      scrape_timeout: '1500ms',
      evaluation_interval: '1500ms',
      external_labels: { testnet: 'golden' },
    });
  });

  test('has no job for nodes, and no alert about them, where the system exports no metrics', () => {
    const monitoring = buildMonitoring(monitoringInputs({ profile: { name: 'mute', title: 'Mute' } }));
    const config = parse(monitoring.prometheusConfig) as PrometheusYaml;
    expect(config.scrape_configs.map((job) => job.job_name)).toEqual(['prometheus', 'alertmanager']);
    expect(JSON.parse(monitoring.targets)).toEqual([]);
    expect(monitoring.rules['seatrial.rules.yml']).toContain('Watchdog');
    expect(monitoring.rules['seatrial.rules.yml']).not.toContain('Node');
  });
});

test('targets are container addresses with labels that survive an upgrade', () => {
  expect(JSON.parse(buildMonitoring(monitoringInputs()).targets)).toEqual([
    { targets: ['10.214.0.10:8080'], labels: { testnet: 'golden', node: 'validator-0', role: 'validator' } },
    { targets: ['10.214.0.11:8080'], labels: { testnet: 'golden', node: 'validator-1', role: 'validator' } },
  ]);
});

test('a new release of a node changes nothing in its monitoring', () => {
  const nodes = containerTopology().nodes.map((node) => ({
    ...node,
    release: { ...node.release, version: '2.0.0', imageId: `sha256:${'f'.repeat(64)}` },
    generation: 'ffffffffffffffff',
  }));
  expect(buildMonitoring(monitoringInputs({ nodes }))).toEqual(buildMonitoring(monitoringInputs()));
});

describe('files of the user', () => {
  const rules = { name: 'mine.yml', content: 'groups:   []   # kept as it is\n' };
  const dashboard = { name: 'mine.json', content: '{ "uid":"mine",   "title":"Mine" }' };

  test('are loaded unchanged beside those of the system and our own', () => {
    const monitoring = buildMonitoring(
      monitoringInputs({ user: { rules: [rules], alertmanager: 'route: {}  # mine\n', dashboards: [dashboard] } }),
    );
    expect(Object.keys(monitoring.rules)).toEqual(['seatrial.rules.yml', 'system-sample.rules.yml', 'mine.yml']);
    expect(monitoring.rules['mine.yml']).toBe(rules.content);
    expect(monitoring.dashboards['mine.json']).toBe(dashboard.content);
    expect(monitoring.alertmanagerConfig).toBe('route: {}  # mine\n');
    const config = parse(monitoring.prometheusConfig) as PrometheusYaml;
    expect(config.rule_files).toEqual(Object.keys(monitoring.rules).map((name) => `rules/${name}`));
  });

  test.each([
    ['rules', { rules: [{ ...rules, name: 'seatrial.rules.yml' }], dashboards: [] }],
    ['rules', { rules: [rules, rules], dashboards: [] }],
    ['dashboards', { rules: [], dashboards: [{ ...dashboard, name: 'fleet.json' }] }],
  ])('may not take the name of another file (%s)', (_kind, user) => {
    expect(() => buildMonitoring(monitoringInputs({ user }))).toThrow(SpecError);
  });
});

test('without a file of the user the Alertmanager keeps alerts by testnet and sends them to nobody', () => {
  const config = parse(buildMonitoring(monitoringInputs()).alertmanagerConfig) as Record<string, unknown>;
  expect(config).toMatchObject({
    route: { receiver: 'nobody', group_by: ['testnet', 'alertname'] },
    receivers: [{ name: 'nobody' }],
  });
  expect((config['receivers'] as object[]).map((receiver) => Object.keys(receiver))).toEqual([['name']]);
});

test('the fleet dashboard of a testnet ends with the panels of its system', () => {
  const fleet = JSON.parse(buildMonitoring(monitoringInputs()).dashboards['fleet.json'] ?? '') as Dashboard;
  expect(dashboardQueries(fleet).at(-1)).toEqual({ panel: 'Height', query: 'sample_height{testnet="$testnet"}' });
  expect(fleet.panels?.at(-2)).toMatchObject({ type: 'row', title: 'Sample system' });
});
