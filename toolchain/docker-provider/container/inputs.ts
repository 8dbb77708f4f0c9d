import type { LabelInput } from '../labels.ts';

/** A container's checked inputs. Sizes are in MiB, times in seconds, durations as Go writes them. */
export interface ContainerInputs {
  name: string;
  image: string;
  capabilities?: { adds?: string[]; drops?: string[] };
  command?: string[];
  cpuShares?: number;
  cpus?: string;
  destroyGraceSeconds?: number;
  entrypoints?: string[];
  envs?: string[];
  healthcheck?: HealthcheckInput;
  hostname?: string;
  hosts?: { host: string; ip: string }[];
  init?: boolean;
  labels?: LabelInput[];
  logDriver?: string;
  logOpts?: Record<string, string>;
  maxRetryCount?: number;
  memory?: number;
  memorySwap?: number;
  mounts?: MountInput[];
  networkMode: string;
  networksAdvanced?: NetworkAttachmentInput[];
  ports?: PortInput[];
  readOnly: boolean;
  removeVolumes: boolean;
  restart: string;
  rm: boolean;
  securityOpts?: string[];
  start: boolean;
  stopSignal?: string;
  stopTimeout?: number;
  tmpfs?: Record<string, string>;
  ulimits?: { name: string; soft: number; hard: number }[];
  uploads?: UploadInput[];
  user?: string;
  volumes?: VolumeMountInput[];
  wait: boolean;
  waitTimeout: number;
  workingDir?: string;
}

export interface HealthcheckInput {
  tests: string[];
  interval: string;
  timeout: string;
  startPeriod: string;
  retries: number;
}

export interface NetworkAttachmentInput {
  /** Name or id. */
  name: string;
  ipv4Address?: string;
  aliases?: string[];
}

export interface PortInput {
  internal: number;
  external?: number;
  ip: string;
  protocol: string;
}

export interface VolumeMountInput {
  containerPath?: string;
  volumeName?: string;
  hostPath?: string;
  readOnly?: boolean;
}

export interface MountInput {
  target: string;
  type: string;
  source?: string;
  readOnly?: boolean;
  bindOptions?: { propagation?: string };
  tmpfsOptions?: { mode?: number; sizeBytes?: number };
  volumeOptions?: {
    noCopy?: boolean;
    labels?: LabelInput[];
    driverName?: string;
    driverOptions?: Record<string, string>;
  };
}

export interface UploadInput {
  file: string;
  content?: string;
  contentBase64?: string;
  executable: boolean;
  permissions?: string;
}
