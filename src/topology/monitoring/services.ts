/** The monitoring services and where they listen inside their containers. */
export type MonitoringService = 'prometheus' | 'alertmanager' | 'grafana';

/** Names that a node must not have, as the monitoring services' containers have them. */
export const monitoringServices: readonly MonitoringService[] = ['prometheus', 'alertmanager', 'grafana'];

export const servicePorts = { prometheus: 9090, alertmanager: 9093, grafana: 3000 } as const satisfies Record<
  MonitoringService,
  number
>;

/** Folder of the configuration in the container. Paths inside prometheus.yml are relative to it. */
export const prometheusFolder = '/etc/prometheus';
export const alertmanagerFile = '/etc/alertmanager/alertmanager.yml';
export const provisioningFolder = '/etc/grafana/provisioning';
export const dashboardsFolder = '/etc/grafana/dashboards';
/** Job under which the nodes are scraped; rules and dashboards ask for it by this name. */
export const nodesJob = 'nodes';
/** Job under which Prometheus scrapes itself. */
export const ownJob = 'prometheus';
/** The alert that always fires: while it does not, silence says nothing. */
export const watchdogAlert = 'Watchdog';
/** File of the file_sd targets, in a folder of its own so that it can be replaced atomically. Relative to the configuration. */
export const targetsFile = 'targets/nodes.json';
/** Name of our own rule file. */
export const baseRulesFile = 'seatrial.rules.yml';
/** Name of our own dashboard's file, and its uid in Grafana. */
export const fleetDashboardFile = 'fleet.json';
export const fleetDashboardUid = 'seatrial-fleet';
/** Uid of the data source that dashboards refer to. */
export const datasourceUid = 'Prometheus';
