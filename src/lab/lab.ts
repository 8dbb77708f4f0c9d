import type { TopologyNode } from '../topology/topology.ts';

/** What really runs under a node's name. Read from the operating system or the engine, never from the node. */
export interface NodeIdentity {
  /** `sha256:<hex>` of the running program's file, or the id of the container's image. */
  digest: string;
  /** Arguments that really are in effect, the program or image left out. */
  command: string[];
  /** Generation label that the object was made with. */
  generation: string;
  /** Wall time of the start, ms since the epoch. */
  startedAtMs: number;
  /** Changes with every start: `<pid>:<start ticks>`, or `<container id>:<start time>`. */
  instance: string;
  pid: number | undefined;
  containerId?: string;
}

export interface NodeObservation {
  node: string;
  /** `foreign`: something that we did not make holds the name. */
  state: 'absent' | 'running' | 'stopped' | 'paused' | 'foreign';
  /** Present when running or paused. */
  identity?: NodeIdentity;
  /** Starts that nobody asked for (restart policy), as far as the lab counts them. */
  restartCount?: number;
  wasOomKilled?: boolean;
  exitCode?: number;
  /** A sentence for people when the state needs one. */
  detail?: string;
}

export interface LogLine {
  node: string;
  /** Wall time in ms where the lab knows it. */
  atMs?: number;
  text: string;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Own time limit of the call in ms. Each call has a default. */
  timeoutMs?: number;
}

/**
 * What can be done to running things on one lab. Every method is idempotent: stopping a stopped node and starting a running
 * one succeed. Failures are LabErrors that name the node and what was tried.
 */
export interface Lab {
  readonly kind: 'process' | 'docker' | 'fake';
  /** Start a node that is stopped, as it was last defined. */
  start(node: TopologyNode, options?: CallOptions): Promise<void>;
  /** Ask with the node's stop signal, insist with SIGKILL after its grace time; returns when it is gone. */
  stop(node: TopologyNode, options?: CallOptions): Promise<void>;
  signal(node: TopologyNode, signal: NodeJS.Signals, options?: CallOptions): Promise<void>;
  /** Runs a command beside the node (its files and network). Output is capped at 1 MiB. */
  exec(
    node: TopologyNode,
    command: string[],
    options?: CallOptions,
  ): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  observe(node: TopologyNode, options?: CallOptions): Promise<NodeObservation>;
  /** The newest lines, oldest first. `tail` defaults to 100. */
  logs(node: TopologyNode, options?: CallOptions & { tail?: number; sinceMs?: number }): Promise<LogLine[]>;
  /** Removes the data of a stopped node; its identity stays. */
  wipe(node: TopologyNode, options?: CallOptions): Promise<void>;
  /** Base URL of one of the node's ports, as reached from here. */
  endpoint(node: TopologyNode, port: string): string;
  close(): Promise<void>;
}

/** A lab that also makes nodes from their definition (the process lab and the fake one); container labs leave that to Pulumi. */
export interface LaunchingLab extends Lab {
  /** Replaces whatever definition the node had and starts it. The node must not be running. */
  launch(node: TopologyNode, options?: CallOptions): Promise<void>;
  /** Removes a stopped node, its data and its logs. */
  remove(node: TopologyNode, options?: CallOptions): Promise<void>;
  /** Names of the nodes of this testnet that exist, defined by the topology or not. */
  list(): Promise<string[]>;
}
