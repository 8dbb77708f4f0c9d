import type { FlagValue, QuorumRule } from '../spec/profile.ts';
import type { GateProfileName } from '../spec/testnet.ts';

/** What a node runs. */
export interface ResolvedRelease {
  version: string;
  kind: 'program' | 'image';
  /** `sha256:<hex>`: of the program file's content, or the image id. */
  digest: string;
  /** The program file (kind `program`), in a store named by content. */
  programPath?: string;
  /** The image id that a container lab runs; set for kind `image`, and on a Docker lab for programs as well. */
  imageId?: string;
}

export interface NodePort {
  name: string;
  /** As the node listens inside its container; equal to hostPort on the process lab. */
  containerPort: number;
  /** On the operator's machine. */
  hostPort: number;
}

/** Addresses of the directed links of a node, which the lab can disturb. The ports behind them are those of whoever is reached. */
export interface NodeLinks {
  /** Where clients reach this node with their traffic. */
  clientAddress: string;
  /** Where this node reaches each other one, by its name. */
  peers: Record<string, string>;
}

/** A node, resolved to the last detail. */
export interface TopologyNode {
  name: string;
  role: string;
  index: number;
  votingPower: number;
  startOrder: number;
  release: ResolvedRelease;
  /** Full command line on the process lab; on a container lab the command after the image's entry point. */
  command: string[];
  env: Record<string, string>;
  flags: Record<string, FlagValue>;
  /** Non-secret files: absolute path as the node sees it → content. */
  files: Record<string, string>;
  /** Secret files: absolute path as the node sees it → path of the 0600 file on the operator's machine. Never contents. */
  secretFiles: Record<string, string>;
  /** Where the node keeps its data: a host path on the process lab, a path inside the container on Docker. */
  dataDir: string;
  address: string;
  /** Address on which ports are published on the operator's machine. Default 127.0.0.1. */
  bindAddress: string;
  ports: NodePort[];
  /** Attached lab only: base URL of each port. */
  endpoints?: Record<string, string>;
  /** Process lab with `links: proxy` only. */
  links?: NodeLinks;
  stop: { signal: NodeJS.Signals; graceMs: number };
  /** Container labs: command inside the container that exits 0 while the node is alive. Absent: no health check. */
  healthcheck?: string[];
  limits: { memoryMb?: number; cpus?: number };
  /** Hash of everything whose change needs a replacement: release digest, command, env, flags, files. 16 hex digits. */
  generation: string;
}

export interface MonitoringTopology {
  scrapeIntervalMs: number;
  ports: { prometheus: number; alertmanager: number; grafana: number };
  addresses: { prometheus: string; alertmanager: string; grafana: string };
  images: { prometheus: string; alertmanager: string; grafana: string | undefined };
  /** Rule files as file name → content: the system's own, ours, and the user's unchanged. */
  rules: Record<string, string>;
  /** alertmanager.yml, ours or the user's unchanged. */
  alertmanagerConfig: string;
  /** prometheus.yml. */
  prometheusConfig: string;
  /** Targets of file_sd, as the file's content. */
  targets: string;
  /** Dashboards as file name → JSON text. */
  dashboards: Record<string, string>;
  /** Where Grafana's generated admin password is kept, 0600. */
  grafanaPasswordFile: string;
}

/** A testnet, resolved: no lookups, defaults or randomness are left. Pure data. */
export interface Topology {
  testnet: string;
  system: string;
  lab: 'process' | 'docker' | 'attached';
  quorum: QuorumRule;
  availability: 'keep' | 'halt-allowed';
  gate: GateProfileName;
  /** Transactions a second that a run offers. */
  loadPerSecond: number;
  nodes: TopologyNode[];
  /** Container labs only. */
  network?: { name: string; subnet: string; gateway: string };
  monitoring?: MonitoringTopology;
  /** `.seatrial/<testnet>` on the operator's machine. */
  stateDir: string;
}
