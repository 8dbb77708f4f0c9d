/**
 * The system profile: everything that differs between systems under test, as typed data and small functions.
 * A profile lives in systems/<name>/profile.ts and is its default export; src/ knows no system by name.
 */

/** How much voting power may be missing. `none`: every node is for itself. */
export type QuorumRule = 'none' | 'majority' | 'bft' | 'all';

/** A node as a profile's functions see it: resolved, before it runs. */
export interface NodePlan {
  name: string;
  role: string;
  /** Position among all nodes of the testnet, from 0. */
  index: number;
  votingPower: number;
  /** Where the node keeps its data, as the node itself sees it. */
  dataDir: string;
  /** Where its non-secret files (see `SystemProfile.files`) are, as the node itself sees it. */
  configDir: string;
  /** Where its secrets are, as the node itself sees it. */
  secretsDir: string;
  /**
   * Address other nodes reach it at: its static address on a Docker network. On the process lab each node sees every other one at the
   * address of the link between the two, 127.0.0.1 where the testnet's links are direct; its own is 127.0.0.1.
   */
  address: string;
  /** What the node listens on: 127.0.0.1 on the process lab, 0.0.0.0 inside a container. */
  listenAddress: string;
  /** Port numbers by the names in `RoleProfile.ports`, as nodes use them among each other. */
  ports: Record<string, number>;
  /** Feature flags of this node, from the testnet file. */
  flags: Record<string, FlagValue>;
}

/** The whole testnet as a profile's functions see it. */
export interface NetworkPlan {
  testnet: string;
  nodes: readonly NodePlan[];
  /** Public halves of the generated identities, by node name. */
  publicKeys: Record<string, string>;
  /** Public half of what `SystemProfile.groupIdentity` made. */
  groupKey?: string;
}

export interface RoleProfile {
  /** Nodes of this role when the testnet file names no number. */
  defaultCount: number;
  /** Voting power of a node; 0 takes no part in quorum. */
  votingPower: number;
  /** Ports by name. On a container network each node uses these; on one host every node is given its own. */
  ports: Record<string, number>;
  /** Roles with a lower number are started, and upgraded, first. */
  startOrder: number;
}

/** What a node says of itself. A field that the node did not report is absent, never zero. */
export interface NodeStatus {
  /** The version that the node claims; compared with the digest of what runs, never trusted. */
  version?: string;
  height?: number;
  /** Number of connected peers. */
  peers?: number;
  catchingUp?: boolean;
  /** Consensus rounds that produced no block, since the node started. */
  roundsMissed?: number;
  /**
   * Who leads, as this node sees it; in every node's own words the same. Only for systems whose leader stays until something happens:
   * where it rotates by design, a change says nothing and the field must be left out.
   */
  leader?: string;
}

/** What a node holds at one height; two nodes of one chain must agree on every field. */
export interface BlockEvidence {
  height: number;
  /** Every value that must be the same on all nodes at this height (block hash, application hash), by name. */
  hashes: Record<string, string>;
  /**
   * Who signed for this block in which round of consensus, where blocks tell. Not compared; of two blocks at one height it tells who signed
   * for both.
   */
  commit?: { round: number; signers: readonly string[] };
}

/** How the profile's probes talk to a node. Every call has its own deadline; failures reject with the reason. */
export interface ProbeClient {
  /** GET of a path on one of the node's published ports; rejects unless the status is 2xx. */
  getJson(port: string, path: string): Promise<unknown>;
  getText(port: string, path: string): Promise<string>;
  /** POST of JSON. Does not reject on an HTTP status; rejects when there was no answer. */
  postJson(port: string, path: string, body: unknown): Promise<{ status: number; body: unknown }>;
}

/** Result of submitting one transaction. `acknowledged` means durable by the system's own promise. */
export type SubmitResult = (
  | { outcome: 'acknowledged'; id: string; height?: number }
  /** Refused or failed before anything could have happened, for good: with its id it is looked for, and must not be found. */
  | { outcome: 'rejected'; id?: string; reason: string }
  /** No answer or a time-out: it may or may not be in the chain. */
  | { outcome: 'unknown'; id?: string; reason: string }
) & {
  /** What it writes to: writes of one key that follow each other must stay in that order. */
  key?: string;
};

/** What became of one operation on a key. `fail`: it was refused and never takes effect. `unknown`: it may take effect at any later time. */
export type KeyValueResult<T = unknown> =
  ({ outcome: 'ok' } & T) | { outcome: 'fail'; reason: string } | { outcome: 'unknown'; reason: string };

/** A register for every key. Calls may reject where there was no answer: that is `unknown`. */
export interface KeyValueOperations {
  /** Null: the key is not there. */
  read(
    client: ProbeClient,
    about: { key: string; timeoutMs: number },
  ): Promise<KeyValueResult<{ value: string | null }>>;
  write(client: ProbeClient, about: { key: string; value: string; timeoutMs: number }): Promise<KeyValueResult>;
  /** Writes where the key has the expected value, null where it is not there; `isApplied` tells whether it had. */
  cas(
    client: ProbeClient,
    about: { key: string; expected: string | null; value: string; timeoutMs: number },
  ): Promise<KeyValueResult<{ isApplied: boolean }>>;
}

/** Something that gates look at beside what they look at on every system. `source` says where it is read. */
export type GateCheck = MetricCheck | JsonCheck | AlertCheck;

interface CheckBasics {
  name: string;
  /** Default false: BAD samples up to 5 % of the window are tolerated. */
  critical?: boolean;
  /** Recorded, never deciding. Default false. */
  advisory?: boolean;
}

/** A condition on metrics that a node exposes; counters are judged on their raw values since that node's start. */
export interface MetricCheck extends CheckBasics {
  /** Where the value is read: from the node itself, or from what Prometheus scraped of it. */
  source: 'direct' | 'prometheus';
  condition: RatioCondition | ValueCondition | QuantileCondition;
}

/** Σ bad ÷ Σ total of what was counted since the last slot window began. */
export interface RatioCondition {
  kind: 'ratio';
  bad: MetricSelector;
  total: MetricSelector;
  /** Highest good ratio, 0 to 1. */
  max: number;
  /** Fewer events than this in the window are UNKNOWN(too-few-samples). Default 1. */
  minEvents?: number;
}

export interface ValueCondition {
  kind: 'value';
  metric: MetricSelector;
  min?: number;
  max?: number;
}

/**
 * A quantile of what a histogram observed in the window, all selected series together. Fewer observations than 100, from the 99th
 * percentile on than 10 ÷ (1 − quantile), are UNKNOWN(too-few-samples).
 */
export interface QuantileCondition {
  kind: 'quantile';
  /** The histogram's name without `_bucket`. */
  histogram: MetricSelector;
  /** Above 0 and below 1. */
  quantile: number;
  /** Highest good value, in the histogram's unit. */
  max: number;
}

/** A number that a node answers in JSON. Absent is UNKNOWN(empty), never zero. */
export interface JsonCheck extends CheckBasics {
  source: 'json';
  condition: JsonCondition;
}

export interface JsonCondition {
  kind: 'json';
  /** Name of the node's port. */
  port: string;
  path: string;
  /** Where the number is, as a JSON pointer (RFC 6901): `/sync_info/latest_block_height`. Decimal text is taken as a number. */
  pointer: string;
  min?: number;
  max?: number;
}

/**
 * Alerts of this testnet must not fire. Read from the rules of Prometheus itself, so that a silence hides nothing. An alert with a `node`
 * label counts for that node, one without for every node.
 */
export interface AlertCheck extends CheckBasics {
  source: 'alerts';
  condition: AlertCondition;
}

export interface AlertCondition {
  kind: 'alerts';
  /** Names of alerts; each must be among the loaded rules. */
  names?: readonly string[];
  /** Every alert whose rule has one of these `severity` labels; there must be one. */
  severities?: readonly string[];
}

export interface MetricSelector {
  metric: string;
  /** A label's exact value, or a pattern that must match all of it. */
  labels?: Record<string, string | { matches: string }>;
}

/** Value of a feature flag in the testnet file. */
export type FlagValue = string | number | boolean;

/** What a running node is switched with. */
export type SwitchedNode = Pick<NodePlan, 'name' | 'role' | 'index' | 'votingPower' | 'dataDir'>;

/** A feature that can be switched on a node while it runs, without replacing it, and for a limited time only. */
export interface FeatureToggle {
  title: string;
  /** The flag of the testnet file with which a node has the feature for good, and its two values. */
  flag: { name: string; on: FlagValue; off: FlagValue };
  /**
   * Command, run beside the node (its files and its network), that switches the feature for `ttlMs` at most from when it runs. The node
   * itself goes back to its flag when the time ends, whoever set it being gone, also across a restart. Run again, it sets the time anew.
   */
  switch(node: SwitchedNode, lease: { leaseId: string; on: boolean; ttlMs: number }): string[];
  /** Command that ends a lease at once: the node goes back to its flag. Without a lease it does nothing. */
  clear(node: SwitchedNode): string[];
  /** The lease that the node holds now, from its own answer; undefined when it holds none. */
  lease(client: ProbeClient): Promise<{ leaseId: string; on: boolean; remainingMs: number } | undefined>;
  /**
   * Proof by output, never by configuration: of the blocks with a height in (from, to], how many could show that this node has the
   * feature, and how many do. `client` asks any node that has the blocks.
   */
  proof(
    client: ProbeClient,
    about: { node: string; from: number; to: number },
  ): Promise<{ blocks: number; proven: number }>;
  /** By what a node with the feature is compared with the others; the higher ratio is the worse one. */
  harm: readonly { name: string; bad: MetricSelector; total: MetricSelector }[];
}

export interface SystemProfile {
  name: string;
  title: string;
  roles: Record<string, RoleProfile>;
  quorum: QuorumRule;
  /** Arguments after the program for one node. */
  command(node: NodePlan, network: NetworkPlan): string[];
  env?(node: NodePlan, network: NetworkPlan): Record<string, string>;
  /** Non-secret files for one node: path relative to `configDir` → content. */
  files?(node: NodePlan, network: NetworkPlan): Record<string, string>;
  /** Made once per node and stored 0600; `files` are put into `secretsDir` before the first start. */
  identity?(nodeName: string): { publicKey: string; files: Record<string, string> };
  /**
   * Made once for all nodes with voting power together, such as the shares of a threshold key; made anew when they change. The public half
   * is `NetworkPlan.groupKey`; the files of each node are put into its `secretsDir` like those of `identity`.
   */
  groupIdentity?(nodes: readonly string[]): { publicKey: string; files: Record<string, Record<string, string>> };
  /** The interpreter that runs a release which is a program, and the image that holds it on container labs. */
  runtime: { command: string[]; image: string };
  /** Container labs: command that exits 0 inside the container while the node is alive. Default: no health check. */
  containerHealthcheck?(node: NodePlan): string[];
  /** How a release given as `build:` becomes a program: the command, run in the build context. */
  build?(build: { args: Record<string, string>; output: string }): string[];
  stop: { signal: NodeJS.Signals; graceMs: number };
  /** Is the process there and answering at all? Separate from `probe`, which asks whether it does its work. */
  liveness: { port: string; path: string };
  /** The node's own view of its work. */
  probe(client: ProbeClient): Promise<NodeStatus>;
  /** What the node holds at a height, or undefined when it has not that height. Absent when the system has no heights. */
  blockAt?(client: ProbeClient, height: number): Promise<BlockEvidence | undefined>;
  metrics?: { port: string; path: string };
  checks: readonly GateCheck[];
  /**
   * Lines of a node's log that say that something is wrong: a pattern that must match part of a line, and how many of them in a gate's
   * window are still good. Absent: gates do not read logs.
   */
  logErrors?: { matches: string; maxPerWindow: number; critical?: boolean; advisory?: boolean };
  progress?: {
    /** A node whose height stands still for longer than this is not making progress, in ms. */
    maxStallMs: number;
    /** Blocks that a healthy node may be behind the highest one. */
    maxLag: number;
    /** Peers that a healthy node has at least, given the number of nodes. */
    minPeers(nodeCount: number): number;
  };
  /** Submits one transaction that no other call has submitted, and waits for its acknowledgement. */
  submit?(
    client: ProbeClient,
    transaction: { sequence: number; payload: string; timeoutMs: number },
  ): Promise<SubmitResult>;
  /** Ids of the transactions in the block at a height, in their order, for the check that none was lost, doubled or out of order. */
  transactionsAt?(client: ProbeClient, height: number): Promise<string[]>;
  /**
   * What becomes of writes to the smaller side of a partition. `refused` (default): it acknowledges none. `rolled-back`: it may, and they
   * are undone when the partition heals; those are counted apart from lost ones.
   */
  minorityWrites?: 'refused' | 'rolled-back';
  /**
   * What the system promises of the order of things, and is then held to. `kv`: every read, write and cas of a key takes effect at one moment
   * between its call and its answer, whichever node was asked. A system that answers reads from its own copy does not promise this.
   */
  claims?: { linearizable: 'kv'; operations: KeyValueOperations };
  /** What is special about backups of the system. Default: its nodes are stopped, and all of their data is copied. */
  backup?: {
    /**
     * Where a validator remembers what it has signed. `data` (default): among its data, so that an older backup makes it forget;
     * `elsewhere`: in a signer of its own, which no restore touches.
     */
    signerState?: 'data' | 'elsewhere';
  };
  /** Features that runs can switch, by name. */
  toggles?: Record<string, FeatureToggle>;
  /** Prometheus alert rule groups for the system, as the content of a rule file. */
  alertRules?: string;
  /** Queries for the system's own panels on the fleet dashboard. `$testnet` and `$node` are replaced by Grafana. */
  panels?: readonly { title: string; unit: string; query: string; legend: string }[];
}
