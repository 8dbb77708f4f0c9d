import type { Clock } from '../core/clock.ts';
import type { Lab } from '../lab/lab.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import type { GateEvidence, GuardFailure } from './gate-evidence.ts';
import type { GatePhase, GateProgress } from './gate-progress.ts';
import type { GateSegment } from './gate-segment.ts';
import type { HttpTransport } from './probe-client.ts';
import type { GateProfile } from './profiles.ts';
import type { SlotReading } from './readings.ts';
import type { GateVerdict } from './verdict.ts';

export interface GateKeeperOptions {
  /** The nodes that are read, and the network that they form. What a gate is to find comes with its request. */
  topology: Topology;
  profile: SystemProfile;
  lab: Lab;
  clock: Clock;
  /** As in `http://127.0.0.1:9090`. Without it, checks with source `prometheus` are left out. */
  prometheusUrl?: string | undefined;
  /** Default: those of the topology's gate. */
  timings?: GateProfile | undefined;
  /** Default: HTTP. */
  transport?: HttpTransport | undefined;
  /** Every slot of all nodes, between gates as well. */
  onSlot?: ((reading: SlotReading) => void) | undefined;
  /** `preflight` once, or the phases of a gate as they begin. */
  onPhase?: ((gateId: string, phase: 'preflight' | GatePhase) => void) | undefined;
  onProgress?: ((progress: GateProgress) => void) | undefined;
  /**
   * Stores a part of a long gate, durable when it resolves, and returns its evidence hash; when it rejects, so does the gate. Without it
   * a long gate keeps all its readings in memory.
   */
  storeSegment?: ((gateId: string, segment: GateSegment) => Promise<string>) | undefined;
  /** Called once, when the first guard ends with harm or with a lack of data. */
  onGuardFailed?: ((failure: GuardFailure) => void) | undefined;
}

/** What was there before the first action. Plain data. */
export interface GateBaseline {
  atMs: number;
  /** Highest height of any node. */
  highest?: number;
  nodes: Record<string, { instance?: string; startedAtMs?: number; version?: string; height?: number }>;
}

export interface PreflightRequest {
  /** Stands in the evidence. Default `preflight`. */
  gateId?: string;
  /** Nodes to be judged, as they are meant to run now. */
  nodes: readonly TopologyNode[];
  /** Names of nodes that this stage is to repair; their health is left out, their quorum is not. */
  exclude?: readonly string[];
  /** Default true: digest, flags and claimed version must be those of `nodes`. False: whatever runs is right. */
  judgesIdentity?: boolean;
  signal?: AbortSignal | undefined;
}

export interface GateRequest {
  gateId: string;
  /** The gated nodes as they are intended, with release and generation. */
  nodes: readonly TopologyNode[];
  /** Wall time at which the action began. Undefined: nothing was done, what runs is judged as it is. */
  actionAtMs?: number | undefined;
  baseline?: GateBaseline | undefined;
  /** Length of the window, where it is to be longer than the profile's. */
  soakMs?: number | undefined;
  /** Names of other nodes in the middle of their own change. */
  midChange?: readonly string[];
  /** A gate that an earlier process began goes on where its last stored segment ends; its deadline stays. */
  resume?: GateResume | undefined;
  signal?: AbortSignal | undefined;
}

/** What an earlier process has stored of a long gate. */
export interface GateResume {
  /** All of them, in order. */
  segments: readonly { hash: string; segment: GateSegment }[];
}

export interface GateResult {
  verdict: GateVerdict;
  evidence: GateEvidence;
}

/** Watches a testnet and judges it. One gate at a time; slots for gates, guards and the time line come from one loop. */
export interface GateKeeper {
  /** The timings in force. */
  readonly timings: GateProfile;
  /** Begins to read slots; preflight and gate do it by themselves. */
  start(): void;
  /** The gate that must pass before the first action; see `preflightProfile` for its length. */
  preflight(request: PreflightRequest): Promise<GateResult & { baseline: GateBaseline }>;
  /**
   * To be called before nodes are touched: their own guards end, they are left out of the others' peer and all-node checks, and
   * the present height and start are noted as what was there before. Ends with a gate that passes.
   */
  beginChange(nodes: readonly string[]): void;
  /**
   * The same for nodes whose turn comes later, or is over already: nothing is noted, since what runs now may be what the action has started.
   */
  leaveOut(nodes: readonly string[]): void;
  /**
   * identity → settle → observe. An unhealthy node is a verdict; rejects when the signal is aborted, or on a defect. A gate that
   * passes leaves guards behind on its nodes.
   */
  gate(request: GateRequest): Promise<GateResult>;
  /** The first guard that ended. While it stands it ends a running gate and every later one. */
  readonly guardFailure: GuardFailure | undefined;
  /** Names of the nodes under guard. */
  readonly guarded: readonly string[];
  /** Ends all guards for a halt that was agreed to. The next gate that passes begins them anew. */
  suspendGuards(): void;
  /** Ends all guards and forgets a failure, for instance before a rollback. */
  stopGuards(): void;
  /** Ends everything; a running gate rejects with AbortedError. */
  close(): Promise<void>;
}
