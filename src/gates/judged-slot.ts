import type { EstablishedIdentity } from './identity-check.ts';
import type { Sample } from './verdict.ts';

/** What is known of a node beside its samples: all that a decision takes from it. */
export interface NodeStanding {
  /** It has done work since the action. */
  hasProgressed: boolean;
  /** Restarts that nobody asked for, since the action. */
  unplannedRestarts: number;
  /** Changes of leader in the window, as this node sees them, that we did not cause. Absent: none. */
  leaderChanges?: number;
  /** The start that was first seen; undefined while none was. */
  established: EstablishedIdentity | undefined;
}

/** What a slot of one node was judged to be. */
export interface JudgedNodeSlot {
  /** In the order of `WatchedNode.checkNames`; undefined where a check does not apply in this slot. */
  samples: readonly (Sample | undefined)[];
  standing: NodeStanding;
}

/**
 * What a slot was judged to be: everything that tallies and decision take from it, and nothing else. A gate's decision is a pure
 * function of these alone, so that a long gate keeps them in place of its readings. Whatever else a decision comes to depend on
 * belongs in here (a value of a node in its standing).
 */
export interface JudgedSlot {
  /** Position on the gate's grid, rising; a gap is a slot that was missed. */
  slot: number;
  /** Grid time as wall time, whole ms. */
  atMs: number;
  /** Since the gate started, whole ms: the same in every process that has a part in the gate. */
  elapsedMs: number;
  quorum?: Sample;
  /** The nodes that are still judged. */
  nodes: ReadonlyMap<string, JudgedNodeSlot>;
}
