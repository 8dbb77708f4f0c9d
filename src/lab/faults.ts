import type { TopologyNode } from '../topology/topology.ts';
import type { CallOptions } from './call-options.ts';

/**
 * One end of a network path: the name of a node, `clients` (whoever uses the published ports: traffic, gates, people) or `monitoring`
 * (Prometheus, as far as it asks the nodes itself).
 */
export type NetworkEnd = string;

/** What a node does not get from a peer (`in`), or what does not leave it towards one (`out`). */
export interface CutRule {
  direction: 'in' | 'out';
  peer: NetworkEnd;
  /** Names of the ports of whoever listens, as in `TopologyNode.ports`. Absent: everything, of every protocol. */
  ports?: readonly string[];
  /** `drop`: silence. `reject`: an error at once, for new connections. */
  verdict: 'drop' | 'reject';
}

/** How what a node sends to a peer is disturbed. Figures of one direction; a round trip has those of both. */
export interface ShapeRule {
  peer: NetworkEnd;
  /** Added one-way delay, ms. Default 0. */
  delayMs?: number;
  /** Uniform spread of the delay to either side, ms. Default 0. */
  jitterMs?: number;
  /**
   * Share of packets that are lost, 0 to 1. Default 0. Where only a stream is seen a loss is what it means to the stream: a wait of one
   * retransmission.
   */
  lossShare?: number;
  /** Upper limit, bits a second. Default: none. */
  bitsPerSecond?: number;
}

/** What is done to one node for a while, and is undone by whoever holds the lease. */
export type FaultAction =
  | { kind: 'cut'; rules: readonly CutRule[] }
  | { kind: 'shape'; rules: readonly ShapeRule[] }
  /** Names cannot be resolved. */
  | { kind: 'dns' }
  /** All its processes stand still. */
  | { kind: 'pause' }
  /**
   * It is ended with this signal (SIGTERM: the node's own stop signal, insisted on after its grace) and kept down; undone by a start. Its data
   * is kept, removed, or spoiled: bytes in the middle of its largest files are overwritten.
   */
  | { kind: 'down'; signal: 'SIGKILL' | 'SIGTERM'; data: 'keep' | 'wipe' | 'corrupt' }
  /** Files cannot grow: writes that would make one larger fail. */
  | { kind: 'disk-full' }
  /** Its clock is off by so much; positive is ahead. */
  | { kind: 'clock'; offsetMs: number }
  /** It gets at most this share of one core, 0 to 1. */
  | { kind: 'cpu'; share: number }
  /** It gets at most so much memory. */
  | { kind: 'memory'; limitBytes: number }
  /** One of its configuration files (its path as the node sees it) is spoiled and it is started again; undone by the right file and a start. */
  | { kind: 'config'; path: string }
  /** A container of the testnet's monitoring is stopped; `node` of the lease is its name: `prometheus` or `alertmanager`. */
  | { kind: 'monitoring-gone' };

export type FaultActionKind = FaultAction['kind'];

/** A fault on one target. It ends there by itself, whatever becomes of who asked for it. */
export interface FaultLease {
  /** Lower-case letters, digits and dashes, at most 48 characters; unique in the testnet. Names the one owned object on the target. */
  id: string;
  /** The node that it acts on. */
  node: TopologyNode;
  action: FaultAction;
  /** From the arming, and anew from each extension, in ms. */
  ttlMs: number;
}

/**
 * `absent`: nothing of it is there. `armed`: the dead-man counts, nothing is done yet. `injected`: it acts. `lost`: its target changed under
 * it (a container has a new network), so that it acts no more or in part only.
 */
export interface FaultState {
  id: string;
  node: string;
  kind: FaultActionKind;
  state: 'absent' | 'armed' | 'injected' | 'lost';
  /** Until the target undoes it by itself, ms. */
  remainingMs?: number;
  /** What shows that it acts, by name: packets and bytes that were dropped or held, a process's state, a limit. Counters only rise. */
  effect: Record<string, number | string>;
  /** A sentence for people when the state needs one. */
  detail?: string;
}

/** Whether data gets from one node to another right now. */
export interface PairProbe {
  from: string;
  to: string;
  /** A new TCP connection from → to, and data both ways on it, within the time of the look. */
  fresh: 'ok' | 'blocked' | 'unknown';
  /** What `from` sends on flows that were open before the fault arrived at `to` since the look before, or within the time of this one. */
  established: 'ok' | 'blocked' | 'unknown';
  /** Round trip of the new connection, ms. */
  roundTripMs?: number;
  detail?: string;
}

/** Looks at all ordered pairs of nodes; holds long-lived flows between them until it is closed. */
export interface PairWatch {
  /** Names of the nodes whose pairs are looked at: those that the lab stands between. Where it cannot, no fault can be between them either. */
  readonly nodes: readonly string[];
  /** Takes at most `timeoutMs` (default 2000) beyond what the paths themselves delay. */
  look(options?: CallOptions): Promise<PairProbe[]>;
  close(): Promise<void>;
}

/**
 * Faults of one lab. Every fault is armed before it acts: from then on a timer on the target undoes it at its time, though nothing of
 * Seatrial runs any more. Everything carries the testnet and the lease's id, and only what does is ever removed. Failures are LabErrors
 * that name the node and what was tried.
 */
export interface FaultPort {
  /** For each action `true`, or a sentence that says what is missing here. */
  capabilities(options?: CallOptions): Promise<Record<FaultActionKind, true | string>>;
  /** The same for exactly this action, where a part of its kind can be done: a limit of bandwidth without delays, say. Absent: as its kind. */
  canDo?(action: FaultAction, options?: CallOptions): Promise<true | string>;
  /** Starts the dead-man and sees it count. Nothing is disturbed yet. Refused when the id, or an action of this kind, is on this node already. */
  arm(lease: FaultLease, options?: CallOptions): Promise<void>;
  /** Lets an armed fault act, in one stroke. Injecting what acts already succeeds. */
  inject(node: TopologyNode, id: string, options?: CallOptions): Promise<void>;
  /** Gives the lease its whole time again. Rejects when it is gone. */
  extend(node: TopologyNode, id: string, ttlMs: number, options?: CallOptions): Promise<void>;
  inspect(node: TopologyNode, id: string, options?: CallOptions): Promise<FaultState>;
  /** Undoes it and ends its dead-man; returns when both are gone. Succeeds when they are gone already, also when somebody else removed the object. */
  heal(node: TopologyNode, id: string, options?: CallOptions): Promise<void>;
  /** Every fault of this testnet that is armed or acts, and every remnant of one. */
  list(options?: CallOptions): Promise<FaultState[]>;
  /** Begins to look at the pairs of these nodes, or of those of them that it can look at. */
  watchPairs(nodes: readonly TopologyNode[], options?: CallOptions): Promise<PairWatch>;
}
