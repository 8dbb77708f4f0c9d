import type { FaultLease } from '../lab/faults.ts';
import type { QuorumRule } from '../spec/profile.ts';
import type { TopologyNode } from '../topology/topology.ts';
import type { FaultSpec } from './fault-spec.ts';

/** What must be seen of one ordered pair of nodes while the fault acts; `any`: nothing can be demanded of it. */
export interface ExpectedPair {
  from: string;
  to: string;
  fresh: 'ok' | 'blocked' | 'any';
  established: 'ok' | 'blocked' | 'any';
  /** The least round trip that the fault's delay leaves, ms. */
  minRoundTripMs?: number;
}

/** Nodes that reach each other both ways, directly or through others of the group. */
export interface QuorumGroup {
  nodes: string[];
  power: number;
  keepsQuorum: boolean;
}

/** What the fault leaves of the system, computed from who reaches whom and never from a topology's name. */
export interface QuorumFacts {
  rule: QuorumRule;
  nodeCount: number;
  totalPower: number;
  /** Power that the system needs to go on; 0 where it needs no quorum. */
  neededPower: number;
  /** Nodes that the fault leaves in working order, as groups; heaviest first. */
  groups: QuorumGroup[];
  /** Ordered pairs [from, to] of nodes where data gets from → to and not back. */
  oneWayPairs: [string, string][];
  /** Nodes whose own links lead to a quorum, themselves counted. */
  seeQuorum: string[];
  /**
   * `goes-on`: nodes whose own links lead to a quorum are one themselves. `may-halt`: a group keeps one, but only through what others pass on.
   * `halts`: no group keeps one.
   */
  outcome: 'goes-on' | 'may-halt' | 'halts';
}

/** A fault, worked out for one testnet: what is armed where, and what must then be seen. */
export interface CompiledFault {
  /** Names the fault in the journal; its leases' ids begin with it. */
  id: string;
  spec: FaultSpec;
  leases: FaultLease[];
  /** Every ordered pair of nodes. */
  expected: ExpectedPair[];
  /** Nodes that clients must not reach; empty where the fault does not touch clients. */
  cutFromClients: string[];
  /** Ends its effect and begins anew, so long each; set for flapping only. */
  flapMs?: number;
  quorum: QuorumFacts;
  /** The same for people, one sentence each. */
  sentences: string[];
}

/** What it acts on that is none of the nodes: containers of the monitoring, which answer no liveness probe. */
export function monitoringTargets({ leases }: CompiledFault, nodes: readonly TopologyNode[]): TopologyNode[] {
  const names = new Set(nodes.map(({ name }) => name));
  return leases.map(({ node }) => node).filter(({ name }) => !names.has(name));
}
