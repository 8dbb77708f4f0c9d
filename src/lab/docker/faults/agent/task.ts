/** What an agent is told when its container is made, and what is said to it and by it later. Plain data on both sides. */

/** Addresses of one end of a path: those that are listed, or all that are not. */
export type AddressMatch = { is: readonly string[] } | { isNot: readonly string[] };

/** One way of the traffic of a node that is cut. */
export interface CutMatch {
  /** Names its counters: "in validator-1". */
  label: string;
  direction: 'in' | 'out';
  verdict: 'drop' | 'reject';
  peer: AddressMatch;
  /** TCP and UDP ports on which the node itself listens (`near`) and on which the peer does (`far`). Absent: everything. */
  ports?: { near: readonly number[]; far: readonly number[] };
}

export interface ShapeMatch {
  label: string;
  peer: AddressMatch;
  delayMs: number;
  jitterMs: number;
  lossShare: number;
  bitsPerSecond: number | undefined;
}

/** What one agent does to its one target. */
export type FaultTask =
  | { kind: 'cut'; table: string; matches: readonly CutMatch[] }
  | { kind: 'dns'; table: string }
  /** `others`: addresses that keep an undisturbed path when whoever else is disturbed. */
  | { kind: 'shape'; matches: readonly ShapeMatch[]; others: readonly string[] }
  | { kind: 'pause'; container: string }
  | { kind: 'down'; container: string; signal: string; graceMs: number; hasDataStep: boolean }
  | { kind: 'monitoring-gone'; container: string }
  | { kind: 'config'; container: string; path: string; graceMs: number }
  | { kind: 'disk-full'; container: string }
  | { kind: 'cpu'; container: string; share: number }
  | { kind: 'memory'; container: string; limitBytes: number };

export interface LeaseTask {
  role: 'lease';
  id: string;
  ttlMs: number;
  fault: FaultTask;
  /** The agent removes its own container through the engine when all is healed; others are removed by the engine when they end. */
  removesItself: boolean;
}

export type AgentTask =
  | LeaseTask
  /** Tells pairs of nodes apart that reach each other from those that do not; ends after so long without being asked anything. */
  | { role: 'probe'; node: string; idleMs: number }
  /** Tries what this machine's kernel and engine allow, and ends. */
  | { role: 'try'; what: 'network' | 'engine' | 'cgroup' | 'process'; engineId: string }
  /** Overwrites bytes in the middle of the largest files below a folder, and ends. */
  | { role: 'spoil'; folder: string };

/** One line on an agent's standard input. */
export type AgentRequest = { call: string } & (
  | { op: 'state' | 'inject' | 'confirm' | 'heal' }
  | { op: 'extend'; ttlMs: number }
  | { op: 'peers'; peers: readonly ProbePeer[] }
  | { op: 'look'; look: number; timeoutMs: number }
);

/** One line on its standard output. */
export type AgentAnswer = { call: string } & ({ ok: true; result: unknown } | { ok: false; error: string });

export interface LeaseReport {
  phase: 'armed' | 'injecting' | 'injected' | 'healed';
  remainingMs: number;
  /** Whether what it did is still there. True as long as nothing was done. */
  isThere: boolean;
  effect: Record<string, number | string>;
  detail?: string;
}

export interface ProbePeer {
  name: string;
  address: string;
  port: number;
}

export interface ProbeReport {
  /** By peer: the new connection to it. */
  fresh: Record<string, { isOk: boolean; roundTripMs?: number; detail?: string }>;
  /** By peer: over which of its flows data of this look came from it. */
  heard: Record<string, { udp: boolean; tcp: boolean }>;
}

/** What a kernel or an engine lacks, one sentence by name; what is not named is there. */
export type TryReport = Partial<Record<'nft' | 'htb' | 'netem' | 'engine' | 'cgroup' | 'process', string>>;

/** Where everything of an agent lies in its container. */
export const agentFolder = '/opt/seatrial/agent';
export const engineSocket = '/run/seatrial/engine.sock';
export const cgroupFolder = '/host-cgroup';
