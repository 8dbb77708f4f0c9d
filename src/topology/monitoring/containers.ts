import { containerDefaults, containerName, dataVolumeName, healthcheckOf, memoryLimits } from '../container.ts';
import { networkOf, secretsVolume, secretsVolumeName, uploadsOf } from '../container.ts';
import type { ContainerDefinition } from '../container-definition.ts';
import { serviceLabel, testnetLabel } from '../labels.ts';
import type { MonitoringTopology, Topology } from '../topology.ts';
import { provisioningFiles } from './grafana.ts';
import { alertmanagerFile, dashboardsFolder, fleetDashboardFile, prometheusFolder, targetsFile } from './services.ts';
import { servicePorts, type MonitoringService } from './services.ts';

/** What sets one service apart. */
interface ServiceParts {
  imageId: string;
  command: string[];
  env?: Record<string, string>;
  dataDir: string;
  files: Record<string, string>;
  secretFiles?: ContainerDefinition['secretFiles'];
  health: string[];
  memoryMb: number;
  user?: string;
}

const stopGraceMs = 10_000;
const loopback = '127.0.0.1';
const passwordFile = '/run/secrets/grafana/password';

/** The monitoring containers of a testnet; none when it has no monitoring, no Grafana when its image could not be had. */
export function monitoringContainers(topology: Topology): ContainerDefinition[] {
  const { monitoring } = topology;
  if (!monitoring) return [];
  const { grafana } = monitoring.images;
  return [
    serviceContainer(topology, monitoring, 'prometheus', prometheusParts(monitoring)),
    serviceContainer(topology, monitoring, 'alertmanager', alertmanagerParts(monitoring)),
    ...(grafana === undefined
      ? []
      : [serviceContainer(topology, monitoring, 'grafana', grafanaParts(monitoring, grafana))]),
  ];
}

function serviceContainer(
  topology: Topology,
  monitoring: MonitoringTopology,
  service: MonitoringService,
  parts: ServiceParts,
): ContainerDefinition {
  const { testnet } = topology;
  const labels = { [serviceLabel]: service, [testnetLabel]: testnet };
  const secretFiles = parts.secretFiles ?? [];
  const data = dataVolumeName(testnet, service);
  return {
    ...containerDefaults,
    name: containerName(testnet, service),
    member: service,
    imageId: parts.imageId,
    command: parts.command,
    env: parts.env ?? {},
    labels,
    networkName: networkOf(topology).name,
    ipv4Address: monitoring.addresses[service],
    aliases: [service],
    ports: [{ containerPort: servicePorts[service], hostPort: monitoring.ports[service], hostIp: loopback }],
    volumes: [
      { volumeName: data, containerPath: parts.dataDir, readOnly: false, purpose: 'data', labels },
      ...secretsVolume(secretsVolumeName(testnet, service), secretFiles, labels),
    ],
    uploads: uploadsOf(parts.files),
    secretFiles,
    healthcheck: healthcheckOf(parts.health),
    stopSignal: 'SIGTERM',
    stopGraceMs,
    ...memoryLimits(parts.memoryMb),
    ...(parts.user !== undefined && { user: parts.user }),
  };
}

function prometheusParts(monitoring: MonitoringTopology): ServiceParts {
  const rules = Object.entries(monitoring.rules).map(([name, content]) => [`rules/${name}`, content] as const);
  const files = { 'prometheus.yml': monitoring.prometheusConfig, [targetsFile]: monitoring.targets };
  return {
    imageId: monitoring.images.prometheus,
    command: [
      `--config.file=${prometheusFolder}/prometheus.yml`,
      '--storage.tsdb.path=/prometheus',
      '--storage.tsdb.retention.time=15d',
      // An alert that fires before the Alertmanager is up is lost until it is sent again; the default is a minute.
      '--rules.alert.resend-delay=10s',
      `--web.external-url=http://${loopback}:${monitoring.ports.prometheus}/`,
    ],
    dataDir: '/prometheus',
    files: Object.fromEntries(
      [...Object.entries(files), ...rules].map(([path, content]) => [`${prometheusFolder}/${path}`, content]),
    ),
    // In every image that has Prometheus; it also proves that queries are answered. The word `check healthy` is younger.
    health: ['promtool', 'query', 'instant', `http://${loopback}:${servicePorts.prometheus}`, 'vector(1)'],
    memoryMb: 512,
  };
}

function alertmanagerParts(monitoring: MonitoringTopology): ServiceParts {
  return {
    imageId: monitoring.images.alertmanager,
    command: [
      `--config.file=${alertmanagerFile}`,
      '--storage.path=/alertmanager',
      // One instance: no gossip, which would look for a private address and fail where there is none.
      '--cluster.listen-address=',
      `--web.external-url=http://${loopback}:${monitoring.ports.alertmanager}/`,
    ],
    dataDir: '/alertmanager',
    files: { [alertmanagerFile]: monitoring.alertmanagerConfig },
    health: ['amtool', `--alertmanager.url=http://${loopback}:${servicePorts.alertmanager}`, 'config', 'show'],
    memoryMb: 128,
  };
}

function grafanaParts(monitoring: MonitoringTopology, imageId: string): ServiceParts {
  const dashboards = Object.entries(monitoring.dashboards).map(([name, content]) => [
    `${dashboardsFolder}/${name}`,
    content,
  ]);
  return {
    imageId,
    command: [],
    env: {
      GF_SECURITY_ADMIN_PASSWORD__FILE: passwordFile,
      GF_SERVER_ROOT_URL: `http://${loopback}:${monitoring.ports.grafana}/`,
      GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: `${dashboardsFolder}/${fleetDashboardFile}`,
      GF_USERS_ALLOW_SIGN_UP: 'false',
      // A testnet talks to nobody outside.
      GF_ANALYTICS_REPORTING_ENABLED: 'false',
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
      GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
      GF_NEWS_NEWS_FEED_ENABLED: 'false',
      GF_PLUGINS_PREINSTALL_DISABLED: 'true',
    },
    dataDir: '/var/lib/grafana',
    files: {
      ...provisioningFiles({
        prometheusUrl: `http://${monitoring.addresses.prometheus}:${servicePorts.prometheus}`,
        scrapeIntervalMs: monitoring.scrapeIntervalMs,
      }),
      ...(Object.fromEntries(dashboards) as Record<string, string>),
    },
    secretFiles: [{ path: passwordFile, hostFile: monitoring.grafanaPasswordFile }],
    health: ['wget', '-q', '-O', '/dev/null', `http://${loopback}:${servicePorts.grafana}/api/health`],
    memoryMb: 384,
    // The password's file is 0600 and the operator's; the image's own user could not read it.
    user: '0',
  };
}
