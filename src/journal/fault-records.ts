/** A lease as a plan and a journal name it. */
export interface PlannedLease {
  id: string;
  node: string;
  /** What it does there; see `FaultAction`. Plain data. */
  action: { kind: string; [field: string]: unknown };
  /** After so long without a word from the run the target undoes it by itself, ms. */
  ttlMs: number;
}

/**
 * What must be seen from one node to all, in the order of the testnet's nodes, a sign each: `o` data gets there, `x` it does not, `?` either
 * will do, `-` the node itself.
 */
export interface PlannedReach {
  from: string;
  fresh: string;
  /** On flows that were open before; absent: as `fresh`. */
  established?: string;
  /** The least round trip to a node, ms, where the fault adds to it. */
  minRoundTripMs?: Record<string, number>;
}

/** A fault as a plan has it: what is armed where, what must then be seen, and what it leaves of the system. */
export interface PlannedFault {
  kind: string;
  targets: string[];
  parameters: Record<string, string>;
  durationMs: number;
  /** Nodes that do no work already when it begins. */
  out: string[];
  leases: PlannedLease[];
  reach: PlannedReach[];
  cutFromClients: string[];
  flapMs?: number;
  nodeCount: number;
  rule: string;
  totalPower: number;
  neededPower: number;
  groups: { nodes: string[]; power: number; keepsQuorum: boolean }[];
  oneWayPairs: [string, string][];
  outcome: 'goes-on' | 'may-halt' | 'halts';
  /** Nodes that cannot do their work meanwhile: gates leave them out, and they count for nothing in the quorum's budget. */
  impaired: string[];
  /** All of it for people. */
  sentences: string[];
}

/** What must hold on the live network while time passes. Nodes that are named nowhere may do as they like. */
export interface HoldExpectations {
  /** Their height rises. */
  goOn?: string[];
  /** Their height stands still, once what was under way has settled. */
  standStill?: string[];
  /** No two of all nodes hold different blocks at one height. Default true. */
  agree?: boolean;
}

/** A lease in the records of its fault. */
export interface ArmedLease {
  id: string;
  node: string;
  kind: string;
  ttlMs: number;
}

/** What happens in the life of a fault. `step` is that of the plan which begins it, `fault` the fault's id. */
export type FaultRecord =
  /** Written before anything is armed: whatever becomes of the run, these leases are looked for. */
  | { type: 'fault.intent'; step: string; fault: string; impaired: string[]; leases: ArmedLease[] }
  /** Each dead-man was seen to count on its target. */
  | { type: 'fault.armed'; step: string; fault: string; leases: ArmedLease[] }
  | { type: 'fault.injected'; step: string; fault: string; injectMs: number }
  /** Its effect was shown. The evidence holds what each lease and each pair of nodes showed. */
  | { type: 'fault.verified'; step: string; fault: string; verifiedMs: number; evidence: string }
  | { type: 'fault.lost'; step: string; fault: string; lease: string; node: string; detail: string }
  | { type: 'fault.void'; step: string; fault: string; reason: string }
  /** It is about to be undone, because the plan says so, the run ends, or one goes on after a crash. */
  | { type: 'fault.healing'; step: string; fault: string; because: 'plan' | 'end' | 'void' | 'resume' | 'hurry' }
  /** Nothing of it acts any more, and no dead-man waits. */
  | { type: 'fault.healed'; step: string; fault: string; healMs: number; heldMs?: number; looks?: number }
  /** Its end was shown as well, four times apart. */
  | { type: 'fault.heal-verified'; step: string; fault: string; healVerifiedMs: number; evidence: string };
