import type { Clock } from '../core/clock.ts';
import type { CallOptions, Lab } from '../lab/lab.ts';
import type { TopologyNode } from '../topology/topology.ts';
import type { CompiledFault } from './compiled-fault.ts';
import type { FaultEvent } from './fault-events.ts';

/** What the life of a fault is given. */
export interface FaultSetting {
  fault: CompiledFault;
  lab: Pick<Lab, 'faults' | 'observe'>;
  /** All nodes of the testnet. */
  nodes: readonly TopologyNode[];
  /** Nodes that are down or being changed on purpose right now; nothing is demanded of their pairs. Default: none. */
  down?(): readonly string[];
  /**
   * Other faults that act right now, whichever were begun first. One that touches the same link or, in the same way, the same node is a reason to refuse
   * this one. Default: none.
   */
  live?(): readonly CompiledFault[];
  clock: Clock;
  /** Ends everything but the heal. */
  signal?: AbortSignal | undefined;
  probes: {
    /** The system's liveness probe, on the direct path. */
    isAlive(node: TopologyNode, options: CallOptions): Promise<boolean>;
    /** The same on the path of clients. Needed for faults that cut clients off. */
    clientReaches?(node: TopologyNode, options: CallOptions): Promise<boolean>;
  };
  /** Awaited before the life goes on. */
  record(event: FaultEvent): Promise<void>;
}

export interface FaultTimings {
  /** From the first injection until the last that returned. */
  injectMs?: number;
  /** From the first injection until the whole effect was shown. */
  verifiedMs?: number;
  healMs?: number;
  /** From the begin of the heal until the last of the looks that showed it. */
  healVerifiedMs?: number;
}

export interface FaultResult {
  outcome: 'verified' | 'void';
  /** Why it is void. */
  reason?: string;
  timings: FaultTimings;
}

/** A fault that acts, kept alive by a heartbeat and looked at every 10 s until it is healed. */
export interface LiveFault {
  readonly fault: CompiledFault;
  /** Set once the fault is void; it is healed by then. */
  readonly voidReason: string | undefined;
  /**
   * Undoes it and shows that it is undone. Has its own time and no signal. Rejects with CleanupError when something of it is left, or its
   * effect lasts. A second call returns what the first did.
   */
  heal(): Promise<FaultResult>;
  /**
   * Ends its life without a heal: once this resolves, nothing of it is armed, looked at or written down any more, and a heal that was under way is shown
   * no further. For whoever undoes its leases by other means. Never rejects.
   */
  abandon(): Promise<void>;
}
