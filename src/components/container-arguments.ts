import type { types } from '@pulumi/docker';
import type { ContainerDefinition, Healthcheck } from '../topology/container-definition.ts';
import { durationText } from '../topology/monitoring/prometheus.ts';

/** A label as the provider takes it. */
export interface LabelArguments {
  label: string;
  value: string;
}

/**
 * Everything about a container that is known before anything exists. Lists are in the order in which the provider reads them
 * back: another order would be a difference for ever.
 */
export function containerArguments(definition: ContainerDefinition) {
  const { entrypoint, command, env, healthcheck, memoryMb, memorySwapMb, cpus, user } = definition;
  const stopSeconds = Math.ceil(definition.stopGraceMs / 1000);
  return {
    name: definition.name,
    image: definition.imageId,
    ...(entrypoint && { entrypoints: entrypoint }),
    ...(command.length > 0 && { command }),
    envs: Object.entries(env)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
    labels: labelArguments(definition.labels),
    // The provider makes the container on the bridge and moves it to its network before the start.
    networkMode: 'bridge',
    ports: definition.ports.map(({ containerPort, hostPort, hostIp }) => ({
      internal: containerPort,
      external: hostPort,
      ip: hostIp,
      protocol: 'tcp',
    })),
    uploads: definition.uploads.map(({ path, content }) => ({ file: path, content })),
    ...(healthcheck && { healthcheck: healthcheckArguments(healthcheck) }),
    restart: definition.restartPolicy,
    stopSignal: definition.stopSignal,
    stopTimeout: stopSeconds,
    // Without it a replacement would kill the node instead of stopping it.
    destroyGraceSeconds: stopSeconds,
    ...(memoryMb !== undefined && { memory: memoryMb }),
    ...(memorySwapMb !== undefined && { memorySwap: memorySwapMb }),
    ...(cpus !== undefined && { cpus: String(cpus) }),
    logDriver: definition.log.driver,
    logOpts: definition.log.options,
    ...(user !== undefined && { user }),
  };
}

/** Labels in the order of their names. */
export function labelArguments(labels: Record<string, string>): LabelArguments[] {
  return Object.entries(labels)
    .map(([label, value]) => ({ label, value }))
    .sort((a, b) => (a.label < b.label ? -1 : 1));
}

function healthcheckArguments({ test, intervalMs, timeoutMs, retries, startPeriodMs }: Healthcheck) {
  return {
    tests: test,
    interval: durationText(intervalMs),
    timeout: durationText(timeoutMs),
    startPeriod: durationText(startPeriodMs),
    retries,
  } satisfies types.input.ContainerHealthcheck;
}
