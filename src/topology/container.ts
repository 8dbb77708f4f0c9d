import { dirname } from 'node:path/posix';
import { RefusedError } from '../core/errors.ts';
import type { ContainerDefinition, Healthcheck, VolumeMount } from './container-definition.ts';
import { generationLabel, nodeLabel, testnetLabel } from './labels.ts';
import type { Topology, TopologyNode } from './topology.ts';

export type { ContainerDefinition, Healthcheck, VolumeMount } from './container-definition.ts';

/** Name of a node's or a monitoring service's container. */
export function containerName(testnet: string, member: string): string {
  return `${testnet}-${member}`;
}

export function dataVolumeName(testnet: string, member: string): string {
  return `${testnet}-${member}-data`;
}

export function secretsVolumeName(testnet: string, member: string): string {
  return `${testnet}-${member}-secrets`;
}

/** What every container of a testnet has in common. */
export const containerDefaults = {
  /**
   * Not `on-failure`: that policy leaves a container alone which exits with 0, and after a restart of the engine. A release that
   * exits at start is restarted again and again with growing pauses, so the rising restart count is there for the gate to see.
   * A stop or kill that we ask for is not undone by the policy.
   */
  restartPolicy: 'unless-stopped',
  log: { driver: 'json-file', options: { 'max-file': '3', 'max-size': '10m' } },
} as const satisfies Pick<ContainerDefinition, 'restartPolicy' | 'log'>;

/** Each check starts a program in every container, which on a small machine takes from the nodes what they need to answer. */
const healthTiming = { intervalMs: 15_000, timeoutMs: 3_000, retries: 3, startPeriodMs: 10_000 } as const;

/** A health check that runs a command inside the container. It informs people and `docker ps`; gates do not read it. */
export function healthcheckOf(command: readonly string[]): Healthcheck {
  return { test: ['CMD', ...command], ...healthTiming };
}

/** Memory limit with the swap limit that belongs to it. */
export function memoryLimits(memoryMb: number | undefined): Pick<ContainerDefinition, 'memoryMb' | 'memorySwapMb'> {
  return memoryMb === undefined ? {} : { memoryMb, memorySwapMb: 2 * memoryMb };
}

/** The network of a container testnet. Throws RefusedError(unsupported) for a testnet that has none. */
export function networkOf(topology: Topology): NonNullable<Topology['network']> {
  if (topology.network) return topology.network;
  throw new RefusedError(
    'unsupported',
    `testnet ${topology.testnet} runs on the ${topology.lab} lab, which has no containers`,
  );
}

/**
 * A node's container, as Pulumi and compose both make it. Throws RefusedError(unsupported) when the testnet has no network or the
 * node's release no image.
 */
export function nodeContainer(topology: Topology, node: TopologyNode): ContainerDefinition {
  const { testnet } = topology;
  const { imageId, version } = node.release;
  if (imageId === undefined) {
    throw new RefusedError('unsupported', `release ${version} of ${node.name} has no image to make a container from`);
  }
  const labels = { [nodeLabel]: node.name, [testnetLabel]: testnet };
  const secretFiles = Object.entries(node.secretFiles)
    .map(([path, hostFile]) => ({ path, hostFile }))
    .sort(byPath);
  const data = dataVolumeName(testnet, node.name);
  return {
    ...containerDefaults,
    name: containerName(testnet, node.name),
    member: node.name,
    imageId,
    command: node.command,
    env: node.env,
    labels: { ...labels, [generationLabel]: node.generation },
    networkName: networkOf(topology).name,
    ipv4Address: node.address,
    aliases: [node.name],
    ports: node.ports
      .map(({ containerPort, hostPort }) => ({ containerPort, hostPort, hostIp: node.bindAddress }))
      .sort((a, b) => a.containerPort - b.containerPort),
    volumes: [
      { volumeName: data, containerPath: node.dataDir, readOnly: false, purpose: 'data', labels },
      ...secretsVolume(secretsVolumeName(testnet, node.name), secretFiles, labels),
    ],
    uploads: uploadsOf(node.files),
    secretFiles,
    ...(node.healthcheck && { healthcheck: healthcheckOf(node.healthcheck) }),
    stopSignal: node.stop.signal,
    stopGraceMs: node.stop.graceMs,
    ...memoryLimits(node.limits.memoryMb),
    ...(node.limits.cpus !== undefined && { cpus: node.limits.cpus }),
  };
}

/** Files as uploads, in an order that does not depend on how they were listed. */
export function uploadsOf(files: Record<string, string>): ContainerDefinition['uploads'] {
  return Object.entries(files)
    .map(([path, content]) => ({ path, content }))
    .sort(byPath);
}

/** The volume that holds the secret files, mounted read-only at the folder that they share; none without secret files. */
export function secretsVolume(
  volumeName: string,
  secretFiles: ContainerDefinition['secretFiles'],
  labels: Record<string, string>,
): VolumeMount[] {
  const [first, ...others] = secretFiles.map(({ path }) => dirname(path));
  if (first === undefined) return [];
  const containerPath = others.reduce(commonFolder, first);
  return [{ volumeName, containerPath, readOnly: true, purpose: 'secrets', labels }];
}

function commonFolder(a: string, b: string): string {
  return a === b || b.startsWith(`${a}/`) ? a : commonFolder(dirname(a), b);
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
