import { stringify } from 'yaml';
import type { SystemProfile } from '../../spec/profile.ts';
import type { MonitoringTopology, TopologyNode } from '../topology.ts';
import { nodesJob, ownJob, servicePorts, targetsFile } from './services.ts';

/** A duration as Prometheus, Alertmanager and Grafana write it. */
export function durationText(durationMs: number): string {
  return durationMs % 1000 === 0 ? `${durationMs / 1000}s` : `${durationMs}ms`;
}

/** YAML without folded lines, so that a rendered file reads as it was meant. */
export function yamlText(value: unknown, comment?: string): string {
  return `${comment === undefined ? '' : `# ${comment}\n`}${stringify(value, { lineWidth: 0 })}`;
}

export interface PrometheusInputs {
  testnet: string;
  scrapeIntervalMs: number;
  addresses: MonitoringTopology['addresses'];
  /** Names of the rule files, in the folder rules/ beside the configuration. */
  ruleFiles: readonly string[];
  /** Path of the nodes' metrics; undefined when the system has none. */
  metricsPath: string | undefined;
}

/** prometheus.yml. Its paths are relative to itself, so that it can be checked and used in any folder. */
export function prometheusConfig(inputs: PrometheusInputs): string {
  const { testnet, scrapeIntervalMs, addresses, ruleFiles, metricsPath } = inputs;
  const alertmanager = `${addresses.alertmanager}:${servicePorts.alertmanager}`;
  const prometheus = `${addresses.prometheus}:${servicePorts.prometheus}`;
  const own = (target: string): unknown => [{ targets: [target], labels: { testnet } }];
  return yamlText({
    global: {
      scrape_interval: durationText(scrapeIntervalMs),
      scrape_timeout: durationText(Math.min(scrapeIntervalMs, 10_000)),
      evaluation_interval: durationText(scrapeIntervalMs),
      external_labels: { testnet },
    },
    rule_files: ruleFiles.map((name) => `rules/${name}`),
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
    scrape_configs: [
      ...(metricsPath === undefined
        ? []
        : [
            {
              job_name: nodesJob,
              metrics_path: metricsPath,
              file_sd_configs: [{ files: [targetsFile], refresh_interval: '30s' }],
            },
          ]),
      { job_name: ownJob, static_configs: own(prometheus) },
      { job_name: 'alertmanager', static_configs: own(alertmanager) },
    ],
  });
}

/**
 * The file_sd targets: every node that has the metrics port. The labels are those that stay over an upgrade; a version among
 * them would cut every series in two.
 */
export function fileSdTargets(
  testnet: string,
  nodes: readonly TopologyNode[],
  metrics: SystemProfile['metrics'],
): string {
  const groups = nodes.flatMap(({ name, role, address, ports }) => {
    const port = ports.find((candidate) => candidate.name === metrics?.port);
    return port ? [{ targets: [`${address}:${port.containerPort}`], labels: { testnet, node: name, role } }] : [];
  });
  return `${JSON.stringify(groups, null, 2)}\n`;
}

/** The address under which each node of a targets file is scraped. */
export function targetsByNode(targets: string): Map<string, string> {
  const groups = JSON.parse(targets) as { targets: string[]; labels: { node?: string } }[];
  return new Map(groups.flatMap(({ targets: [target], labels: { node } }) => (target && node ? [[node, target]] : [])));
}

/** Number of nodes that the targets file names. */
export function targetCount(targets: string): number {
  return (JSON.parse(targets) as unknown[]).length;
}
