import type { TopologyNode } from '../topology/topology.ts';
import type { CallOptions } from './call-options.ts';
import type { FaultPort } from './faults.ts';

export type { CallOptions } from './call-options.ts';

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

export interface LogStreamOptions {
  /** Ends the stream: it rejects with AbortedError. */
  signal?: AbortSignal | undefined;
  /** Lines from this time on. A line without a time belongs to the one before it. */
  sinceMs?: number | undefined;
  /** Only so many of what is there already, the newest. Default: all. */
  tail?: number | undefined;
  /** Goes on with what is written later, over restarts and replacements, until the signal. Default false. */
  follow?: boolean | undefined;
}

/** One entry of a snapshot. Paths are relative to the node's data folder, which itself is `.`. */
export interface SnapshotFile {
  path: string;
  /** `link`: another name of a file that stands before it. */
  type: 'file' | 'directory' | 'symlink' | 'link';
  /** Permission bits, 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  /** Files only. */
  sizeBytes?: number;
  /** Of the content, in hex. Files only. */
  sha256?: string;
  /** Symlinks and links only. */
  target?: string;
}

/** `manifest.json` of a snapshot. It is written last: a folder without it holds no snapshot. */
export interface SnapshotManifest {
  formatVersion: 1;
  testnet: string;
  system: string;
  node: string;
  /** Release that wrote the data. */
  version: string;
  digest: string;
  /** A height that the data holds, where one is known. */
  height?: number;
  /** ISO 8601. */
  createdAt: string;
  /** The one other file, `data.tar.gz`. */
  archive: { sizeBytes: number; sha256: string };
  files: SnapshotFile[];
}

export interface SnapshotOptions extends CallOptions {
  /** Name of the system's profile. */
  system: string;
  height?: number | undefined;
}

export interface RestoreOptions extends CallOptions {
  /** Name of the system's profile; a snapshot of another one is refused. */
  system: string;
  /** What `archive.sha256` must be. Default: whatever the snapshot says of itself. */
  sha256?: string | undefined;
}

/** Who holds a testnet's lease. `leaseOwner` in lease.ts makes one for this process. */
export interface LeaseOwner {
  host: string;
  /** Boot of the host; pids and start ticks mean nothing across two boots. */
  bootId: string;
  pid: number;
  /** Start of the process in clock ticks since the boot. */
  startTicks: string;
  /** The process's pid namespace, where it is known: pids of another one cannot be looked up. */
  pidNamespace?: string;
  /** What the testnet is held for, as in "run rolling-upgrade". */
  purpose: string;
  /** ISO 8601. */
  since: string;
}

/** The right to change a testnet, held on its lab so that operators elsewhere see it. */
export interface LabLease {
  /** Higher than that of every lease before: what acts under a lower one has lost the testnet. */
  readonly token: number;
  /** Rejects with RefusedError('locked') when the lease is another's now, or was removed from the lab. */
  check(options?: CallOptions): Promise<void>;
  /** Gives the testnet free. Succeeds when the lease is lost already, and touches nobody else's. */
  release(): Promise<void>;
}

/**
 * What can be done to running things on one lab. Every method is idempotent: stopping a stopped node and starting a running
 * one succeed. Failures are LabErrors that name the node and what was tried.
 */
export interface Lab {
  readonly kind: 'process' | 'docker' | 'attached' | 'fake';
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
  /**
   * The lines of a node, on container labs also of a monitoring service by its name, in the order in which they were written. They are
   * read as they are asked for and never held all at once; a line beyond 1 MiB comes in parts.
   */
  streamLogs(node: Pick<TopologyNode, 'name'>, options?: LogStreamOptions): AsyncIterable<LogLine>;
  /** Removes the data of a stopped node; its identity stays. */
  wipe(node: TopologyNode, options?: CallOptions): Promise<void>;
  /** What the data of a node takes on its disk, in bytes; undefined where that cannot be told. */
  dataSizeBytes(node: TopologyNode, options?: CallOptions): Promise<number | undefined>;
  /**
   * Copies the data of a stopped node into `folder` on the operator's machine, which the call makes (0700): `data.tar.gz` and, last,
   * `manifest.json`. Owners, modes and links are kept; secrets, configuration files, sockets and pipes are left out. What an unfinished
   * snapshot left in the folder is replaced; a finished one is refused. Without a `timeoutMs` it may take an hour.
   */
  snapshot(node: TopologyNode, folder: string, options: SnapshotOptions): Promise<SnapshotManifest>;
  /**
   * Replaces the data of a stopped node by that of a snapshot of this very node. All of it is verified before anything is touched; a
   * snapshot that is unfinished, damaged or another node's is refused. When it fails later, the node's data is neither old nor new.
   * Of a node that does not exist the data is put where the node will find it when it is made.
   * Without a `timeoutMs` it may take an hour.
   */
  restore(node: TopologyNode, folder: string, options: RestoreOptions): Promise<void>;
  /** Base URL of one of the node's ports, as reached from here. */
  endpoint(node: TopologyNode, port: string): string;
  /** The same as traffic reaches it, on a path that faults of clients can cut. Absent: traffic goes to `endpoint`. */
  clientEndpoint?(node: TopologyNode, port: string): string;
  /** What can be broken on purpose on this lab. Absent: nothing. */
  readonly faults?: FaultPort;
  /**
   * Takes the testnet's lease, which lies on the lab itself. Of several that try at once exactly one gets it. Rejects with
   * RefusedError('locked') naming the holder; a lease is taken over only when its owner is provably gone. `lastToken`: the
   * highest token in the operator's own journals, default 0; the new one is higher than that and than what is found on the lab.
   */
  takeLease(testnet: string, owner: LeaseOwner, options?: CallOptions & { lastToken?: number }): Promise<LabLease>;
  /** Ends what the lab keeps running beside its nodes when none of them runs any more; a start brings it back. Absent: there is nothing. */
  rest?(options?: CallOptions): Promise<void>;
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
