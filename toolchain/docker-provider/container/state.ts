import type Docker from 'dockerode';
import type { Properties, PropertyValue } from '../../plugin/properties.ts';
import { toLabels } from '../labels.ts';
import type { PortInput } from './inputs.ts';
import type { State } from '../resource-kind.ts';
import { withoutDefaults } from '../without-defaults.ts';

const bytesPerMiB = 1024 * 1024;

/** What is read from the engine and never set. */
export const computedProperties = [
  'bridge',
  'containerLogs',
  'exitCode',
  'ipcMode',
  'networkDatas',
  'runtime',
  'shmSize',
];

/** Properties of the official provider's state that stay at these values here. */
const constants: State = {
  __meta: JSON.stringify({ schema_version: '2' }),
  bridge: '',
  cgroupParent: '',
  containerLogs: null,
  cpuPeriod: 0,
  cpuQuota: 0,
  cpuSet: '',
  devices: [],
  dns: null,
  dnsOpts: null,
  dnsSearches: null,
  domainname: '',
  gpus: null,
  groupAdds: null,
  pidMode: '',
  platform: null,
  privileged: false,
  publishAllPorts: false,
  storageOpts: null,
  sysctls: null,
  usernsMode: '',
};

/** What the engine answers, and its type declarations leave out. */
type EngineConfig = Docker.ContainerInspectInfo['Config'] & { StopSignal?: string; StopTimeout?: number };

/** The state of a container: what the program asked for, and for the rest what the engine made of it. */
export function containerState(inputs: State | Properties, container: Docker.ContainerInspectInfo): State {
  const config: EngineConfig = container.Config;
  const host = container.HostConfig;
  const given = withoutDefaults(inputs as Properties);
  return {
    ...constants,
    capabilities: null,
    command: config.Cmd ?? [],
    cpuShares: host.CpuShares ?? 0,
    cpus: '',
    destroyGraceSeconds: null,
    entrypoints: config.Entrypoint ?? [],
    envs: config.Env ?? [],
    exitCode: container.State.Status === 'exited' ? container.State.ExitCode : null,
    healthcheck: null,
    hostname: config.Hostname,
    hosts: [],
    image: container.Image,
    init: host.Init ?? false,
    ipcMode: host.IpcMode ?? '',
    labels: toLabels(config.Labels),
    logDriver: host.LogConfig?.Type ?? '',
    logOpts: null,
    maxRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    memory: (host.Memory ?? 0) / bytesPerMiB,
    memorySwap: (host.MemorySwap ?? 0) > 0 ? (host.MemorySwap ?? 0) / bytesPerMiB : (host.MemorySwap ?? 0),
    mounts: [],
    networkDatas: networkDatas(container),
    networksAdvanced: [],
    ports: [],
    restart: host.RestartPolicy?.Name || 'no',
    runtime: host.Runtime ?? '',
    securityOpts: (host.SecurityOpt as string[] | null | undefined) ?? [],
    shmSize: (host.ShmSize ?? 0) / bytesPerMiB,
    stopSignal: config.StopSignal ?? '',
    stopTimeout: config.StopTimeout ?? 0,
    tmpfs: null,
    ulimits: [],
    uploads: [],
    user: config.User ?? '',
    volumes: [],
    workingDir: config.WorkingDir ?? '',
    ...given,
    name: container.Name.replace(/^\//, ''),
    ...(Array.isArray(given['ports'])
      ? { ports: withBoundPorts(given['ports'] as unknown as PortInput[], container) }
      : {}),
  };
}

function networkDatas(container: Docker.ContainerInspectInfo): PropertyValue[] {
  return Object.entries(container.NetworkSettings.Networks)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([networkName, network]) => ({
      gateway: network.Gateway,
      globalIpv6Address: network.GlobalIPv6Address,
      globalIpv6PrefixLength: network.GlobalIPv6PrefixLen,
      ipAddress: network.IPAddress,
      ipPrefixLength: network.IPPrefixLen,
      ipv6Gateway: network.IPv6Gateway,
      macAddress: network.MacAddress,
      networkName,
    }));
}

/** Ports for which the engine chose a number get that number. */
function withBoundPorts(ports: readonly PortInput[], container: Docker.ContainerInspectInfo): PropertyValue[] {
  return ports.map((port) => {
    const bound = container.NetworkSettings.Ports?.[`${port.internal}/${port.protocol}`];
    return { ...port, external: port.external ?? Number(bound?.[0]?.HostPort ?? 0) };
  });
}
