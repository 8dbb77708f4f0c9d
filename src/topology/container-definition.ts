/** What a container is made from, on Docker through Pulumi and in a rendered compose file alike. Pure data, units in the names. */
export interface ContainerDefinition {
  /** `<testnet>-<member>`. */
  name: string;
  /** Name inside the testnet: of the node or of the monitoring service. Also its first network alias. */
  member: string;
  /** `sha256:…`, never a tag. */
  imageId: string;
  /** Replaces the image's entry point; absent: the image's own. */
  entrypoint?: string[];
  /** Arguments after the entry point. */
  command: string[];
  env: Record<string, string>;
  labels: Record<string, string>;
  networkName: string;
  ipv4Address: string;
  aliases: string[];
  /** Sorted by container port, as the engine reports them: another order would be a difference for ever. */
  ports: PublishedPort[];
  volumes: VolumeMount[];
  /** Non-secret files, put in before the first start. Sorted by path. */
  uploads: { path: string; content: string }[];
  /** Secret files: path in the container, within a volume of purpose `secrets` → the 0600 file on the operator's machine. */
  secretFiles: { path: string; hostFile: string }[];
  healthcheck?: Healthcheck;
  restartPolicy: 'unless-stopped';
  stopSignal: string;
  /** Time between the stop signal and SIGKILL, on removal as well. */
  stopGraceMs: number;
  memoryMb?: number;
  /** Memory and swap together: always twice the memory, which is what the engine would make of a missing value. */
  memorySwapMb?: number;
  cpus?: number;
  log: { driver: 'json-file'; options: Record<string, string> };
  /** User that the process runs as; absent: the image's own. */
  user?: string;
}

interface PublishedPort {
  containerPort: number;
  hostPort: number;
  hostIp: string;
}

export interface VolumeMount {
  volumeName: string;
  containerPath: string;
  readOnly: boolean;
  /** A `secrets` volume is filled from `secretFiles` before the container's first start. */
  purpose: 'data' | 'secrets';
  /** Labels of the volume itself. They never change: a changed label replaces the volume. */
  labels: Record<string, string>;
}

/** Durations stay below a minute, where Go's notation (`5s`) is what the engine reads back. */
export interface Healthcheck {
  /** As the engine takes it: `CMD` and a command line. */
  test: string[];
  intervalMs: number;
  timeoutMs: number;
  retries: number;
  /** Failures in the first time after a start do not count. */
  startPeriodMs: number;
}
