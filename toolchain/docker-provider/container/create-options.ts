import type Docker from 'dockerode';
import { durationNs } from '../duration.ts';
import { fromLabels } from '../labels.ts';
import type { ContainerInputs, HealthcheckInput, MountInput, PortInput, VolumeMountInput } from './inputs.ts';

const bytesPerMiB = 1024 * 1024;

/** What Docker is asked for. Properties that the program leaves open are left to the image and to the engine. */
export function createOptions(inputs: ContainerInputs): Docker.ContainerCreateOptions {
  return withoutUndefined<Docker.ContainerCreateOptions>({
    name: inputs.name,
    Image: inputs.image,
    Cmd: inputs.command,
    Entrypoint: inputs.entrypoints,
    Env: inputs.envs,
    ExposedPorts: Object.fromEntries((inputs.ports ?? []).map((port) => [portKey(port), {}])),
    Healthcheck: inputs.healthcheck && toHealthConfig(inputs.healthcheck),
    Hostname: inputs.hostname,
    Labels: fromLabels(inputs.labels),
    StopSignal: inputs.stopSignal,
    StopTimeout: inputs.stopTimeout,
    User: inputs.user,
    Volumes: Object.fromEntries((inputs.volumes ?? []).filter(isAnonymous).map((v) => [v.containerPath ?? '', {}])),
    WorkingDir: inputs.workingDir,
    HostConfig: withoutUndefined<Docker.HostConfig>({
      AutoRemove: inputs.rm,
      Binds: (inputs.volumes ?? []).filter((volume) => !isAnonymous(volume)).map(toBind),
      CapAdd: inputs.capabilities?.adds,
      CapDrop: inputs.capabilities?.drops,
      ExtraHosts: inputs.hosts?.map(({ host, ip }) => `${host}:${ip}`),
      Init: inputs.init,
      LogConfig: inputs.logDriver === undefined ? undefined : { Type: inputs.logDriver, Config: inputs.logOpts ?? {} },
      Mounts: inputs.mounts?.map(toMount),
      NanoCpus: inputs.cpus === undefined ? undefined : Math.round(Number(inputs.cpus) * 1e9),
      NetworkMode: inputs.networkMode,
      PortBindings: toPortBindings(inputs.ports ?? []),
      ReadonlyRootfs: inputs.readOnly,
      SecurityOpt: inputs.securityOpts,
      Tmpfs: inputs.tmpfs,
      Ulimits: inputs.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      ...updatableOptions(inputs),
    }),
  });
}

/** The part of the options that Docker can change while the container stays. */
export function updatableOptions(inputs: ContainerInputs): Docker.HostConfig {
  return withoutUndefined<Docker.HostConfig>({
    CpuShares: inputs.cpuShares,
    Memory: toBytes(inputs.memory),
    // Twice the memory is what Docker takes at creation where nothing is said; an update must say it.
    MemorySwap: toBytes(inputs.memorySwap ?? (inputs.memory === undefined ? undefined : inputs.memory * 2)),
    RestartPolicy: { Name: inputs.restart, MaximumRetryCount: inputs.maxRetryCount ?? 0 },
  });
}

/** -1, no limit, stays as it is. */
function toBytes(sizeMiB: number | undefined): number | undefined {
  return sizeMiB === undefined || sizeMiB < 0 ? sizeMiB : sizeMiB * bytesPerMiB;
}

function portKey({ internal, protocol }: PortInput): string {
  return `${internal}/${protocol}`;
}

function toPortBindings(ports: readonly PortInput[]): Docker.PortMap {
  const bindings: Docker.PortMap = {};
  for (const port of ports) {
    const binding = { HostIp: port.ip, HostPort: port.external === undefined ? '' : String(port.external) };
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), binding];
  }
  return bindings;
}

function isAnonymous({ volumeName, hostPath }: VolumeMountInput): boolean {
  return !volumeName && !hostPath;
}

function toBind({ volumeName, hostPath, containerPath, readOnly }: VolumeMountInput): string {
  return `${volumeName || hostPath}:${containerPath ?? ''}:${readOnly ? 'ro' : 'rw'}`;
}

function toHealthConfig(healthcheck: HealthcheckInput): Docker.HealthConfig {
  return {
    Test: healthcheck.tests,
    Interval: durationNs(healthcheck.interval) ?? 0,
    Timeout: durationNs(healthcheck.timeout) ?? 0,
    StartPeriod: durationNs(healthcheck.startPeriod) ?? 0,
    Retries: healthcheck.retries,
  };
}

function toMount(mount: MountInput): Docker.MountSettings {
  const { bindOptions, tmpfsOptions, volumeOptions } = mount;
  return withoutUndefined<Docker.MountSettings>({
    Target: mount.target,
    Source: mount.source ?? '',
    Type: mount.type,
    ReadOnly: mount.readOnly ?? false,
    BindOptions: bindOptions?.propagation && { Propagation: bindOptions.propagation },
    TmpfsOptions: tmpfsOptions && { SizeBytes: tmpfsOptions.sizeBytes ?? 0, Mode: tmpfsOptions.mode ?? 0 },
    VolumeOptions: volumeOptions && {
      NoCopy: volumeOptions.noCopy ?? false,
      Labels: fromLabels(volumeOptions.labels),
      DriverConfig: { Name: volumeOptions.driverName ?? '', Options: volumeOptions.driverOptions ?? {} },
    },
  });
}

/** Drops absent properties, which strict types tell apart from undefined ones. */
function withoutUndefined<T extends object>(properties: { [Name in keyof T]: unknown }): T {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as T;
}
