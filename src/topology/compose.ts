import { dirname } from 'node:path/posix';
import { relative } from 'node:path';
import { networkOf, nodeContainer } from './container.ts';
import type { ContainerDefinition, Healthcheck, VolumeMount } from './container-definition.ts';
import { testnetLabel } from './labels.ts';
import { monitoringContainers } from './monitoring/containers.ts';
import { durationText, yamlText } from './monitoring/prometheus.ts';
import type { Topology } from './topology.ts';

export interface ComposeOptions {
  /** The testnet's state folder as seen from the folder that the files are written to. Default `../../.seatrial/<testnet>`. */
  stateDir?: string;
}

/**
 * The testnet for people who want only docker compose: docker-compose.yml and the files that it mounts, as path below
 * compose/<testnet>/ → content. Secret files are mounted from where they are and never copied. Pure. Throws
 * RefusedError(unsupported) for a testnet without containers.
 */
export function renderCompose(topology: Topology, options: ComposeOptions = {}): Record<string, string> {
  const stateDir = options.stateDir ?? `../../.seatrial/${topology.testnet}`;
  const hostPath = (file: string): string => `${stateDir}/${relative(topology.stateDir, file)}`;
  const containers = [
    ...topology.nodes.map((node) => nodeContainer(topology, node)),
    ...monitoringContainers(topology),
  ];
  const uploads = containers.flatMap(({ member, uploads }) =>
    uploads.map(({ path, content }) => [`${member}${path}`, content] as const),
  );
  return { 'docker-compose.yml': composeFile(topology, containers, hostPath), ...Object.fromEntries(uploads) };
}

function composeFile(
  topology: Topology,
  containers: readonly ContainerDefinition[],
  hostPath: (file: string) => string,
): string {
  const { testnet } = topology;
  const { name, subnet, gateway } = networkOf(topology);
  const volumes = containers.flatMap((container) => dataVolumes(container));
  const document = {
    name: testnet,
    services: Object.fromEntries(
      containers.map((container) => [container.member, composeService(container, hostPath)]),
    ),
    networks: {
      testnet: {
        name,
        driver: 'bridge',
        ipam: { config: [{ subnet, gateway }] },
        labels: { [testnetLabel]: testnet },
      },
    },
    volumes: Object.fromEntries(volumes.map(({ volumeName, labels }) => [volumeName, { name: volumeName, labels }])),
  };
  return yamlText(escapeDollars(document), `Testnet ${testnet}, written by seatrial render; edits are lost.`);
}

function composeService(container: ContainerDefinition, hostPath: (file: string) => string): Record<string, unknown> {
  const { entrypoint, env, healthcheck, memoryMb, memorySwapMb, cpus, user } = container;
  return {
    container_name: container.name,
    image: container.imageId,
    // An image id can be found, never pulled.
    pull_policy: 'never',
    ...(entrypoint && { entrypoint }),
    ...(container.command.length > 0 && { command: container.command }),
    ...(user !== undefined && { user }),
    ...(Object.keys(env).length > 0 && { environment: env }),
    labels: container.labels,
    networks: { testnet: { ipv4_address: container.ipv4Address, aliases: container.aliases } },
    // The long form: an IPv6 address needs no brackets in it, and no two colons are read as a number of base 60.
    ports: container.ports.map(({ hostIp, hostPort, containerPort }) => ({
      target: containerPort,
      published: String(hostPort),
      host_ip: hostIp,
      protocol: 'tcp',
    })),
    volumes: [
      ...dataVolumes(container).map(({ volumeName, containerPath, readOnly }) => ({
        type: 'volume',
        source: volumeName,
        target: containerPath,
        ...(readOnly && { read_only: true }),
      })),
      ...uploadFolders(container).map((path) => bind(`./${container.member}${path}`, path)),
      ...container.secretFiles.map(({ path, hostFile }) => bind(hostPath(hostFile), path)),
    ],
    ...(healthcheck && { healthcheck: composeHealthcheck(healthcheck) }),
    restart: container.restartPolicy,
    stop_signal: container.stopSignal,
    stop_grace_period: durationText(container.stopGraceMs),
    ...(memoryMb !== undefined && { mem_limit: `${memoryMb}m` }),
    ...(memorySwapMb !== undefined && { memswap_limit: `${memorySwapMb}m` }),
    ...(cpus !== undefined && { cpus }),
    logging: container.log,
  };
}

function composeHealthcheck({ test, intervalMs, timeoutMs, retries, startPeriodMs }: Healthcheck): unknown {
  return {
    test,
    interval: durationText(intervalMs),
    timeout: durationText(timeoutMs),
    retries,
    start_period: durationText(startPeriodMs),
  };
}

/** Secrets are mounted as the files that they are; nobody fills a volume for compose. */
function dataVolumes({ volumes }: ContainerDefinition): VolumeMount[] {
  return volumes.filter(({ purpose }) => purpose === 'data');
}

/**
 * Folders to mount the uploads by: never single files, so that a file replaced by renaming (service discovery targets) is seen
 * inside. A folder within another one comes with it.
 */
function uploadFolders({ uploads }: ContainerDefinition): string[] {
  const folders = [...new Set(uploads.map(({ path }) => dirname(path)))].sort();
  return folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

function bind(source: string, target: string): Record<string, unknown> {
  return { type: 'bind', source, target, read_only: true };
}

/** Compose replaces variables in every value: a dollar that is meant must be doubled. */
function escapeDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escapeDollars);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escapeDollars(item)]));
}
