import fleetDashboard from '../../../grafana/dashboards/fleet.json' with { type: 'json' };
import { SpecError } from '../../core/errors.ts';
import type { SystemProfile } from '../../spec/profile.ts';
import type { MonitoringTopology, TopologyNode } from '../topology.ts';
import { defaultAlertmanagerConfig } from './alertmanager.ts';
import { baseRules } from './base-rules.ts';
import { appendPanels } from './dashboard.ts';
import { fileSdTargets, prometheusConfig, targetCount } from './prometheus.ts';
import { baseRulesFile, fleetDashboardFile } from './services.ts';

/** A file that the user gave: its name without folders, and its content, which is never changed. */
export interface UserFile {
  name: string;
  content: string;
}

export interface MonitoringInputs {
  testnet: string;
  nodes: readonly TopologyNode[];
  profile: Pick<SystemProfile, 'name' | 'title' | 'metrics' | 'alertRules' | 'panels'>;
  /** Ports on the operator's machine. */
  ports: MonitoringTopology['ports'];
  /** Addresses in the testnet's network. */
  addresses: MonitoringTopology['addresses'];
  images: MonitoringTopology['images'];
  /** At least 1000: from the gate's profile, max(1 s, slot). */
  scrapeIntervalMs: number;
  user: { rules: readonly UserFile[]; alertmanager?: string; dashboards: readonly UserFile[] };
  grafanaPasswordFile: string;
}

/**
 * Resolves the monitoring of a container testnet. Pure. The user's files go in unchanged; throws SpecError when two files would
 * have one name.
 */
export function buildMonitoring(inputs: MonitoringInputs): MonitoringTopology {
  const { testnet, nodes, profile, user, scrapeIntervalMs, addresses } = inputs;
  const targets = fileSdTargets(testnet, nodes, profile.metrics);
  const rules = namedOnce('rule file', [
    { name: baseRulesFile, content: baseRules({ testnet, scrapeIntervalMs, nodeCount: targetCount(targets) }) },
    ...(profile.alertRules === undefined ? [] : [{ name: systemRulesFile(profile), content: profile.alertRules }]),
    ...user.rules,
  ]);
  const fleet = appendPanels(fleetDashboard, profile.title, profile.panels ?? []);
  return {
    scrapeIntervalMs,
    ports: inputs.ports,
    addresses,
    images: inputs.images,
    rules,
    alertmanagerConfig: user.alertmanager ?? defaultAlertmanagerConfig(),
    prometheusConfig: prometheusConfig({
      testnet,
      scrapeIntervalMs,
      addresses,
      ruleFiles: Object.keys(rules),
      metricsPath: profile.metrics?.path,
    }),
    targets,
    dashboards: namedOnce('dashboard', [
      { name: fleetDashboardFile, content: `${JSON.stringify(fleet, null, 2)}\n` },
      ...user.dashboards,
    ]),
    grafanaPasswordFile: inputs.grafanaPasswordFile,
  };
}

/** Name of the file with the system's own rules. */
export function systemRulesFile(profile: Pick<SystemProfile, 'name'>): string {
  return `system-${profile.name}.rules.yml`;
}

function namedOnce(kind: string, files: readonly UserFile[]): Record<string, string> {
  const byName = new Map<string, string>();
  for (const { name, content } of files) {
    if (byName.has(name)) throw new SpecError([{ message: `two files would be the ${kind} ${name}: rename one` }]);
    byName.set(name, content);
  }
  return Object.fromEntries(byName);
}
