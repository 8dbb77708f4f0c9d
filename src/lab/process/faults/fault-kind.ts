import type { Clock } from '../../../core/clock.ts';
import type { TopologyNode } from '../../../topology/topology.ts';
import type { FaultAction, FaultActionKind, FaultState } from '../../faults.ts';
import type { LinkProxy } from '../links/link-proxy.ts';
import type { ProcessLab } from '../alterable-lab.ts';

/** What faults of the process lab act with. */
export interface FaultTools {
  lab: ProcessLab;
  proxy: LinkProxy;
  clock: Clock;
}

/** A lease as its kind sees it. */
export interface KindLease<A extends FaultAction = FaultAction> {
  id: string;
  /** As it was last defined. */
  node: TopologyNode;
  action: A;
  /** What `inject` kept for the undoing; plain data, that a daemon which comes later finds it. */
  memo: Record<string, unknown>;
}

export type KindState = Pick<FaultState, 'effect' | 'detail'> & { state: 'injected' | 'lost' };

/** One kind of fault on the process lab. Failures are LabErrors that name the node. */
export interface FaultKind<A extends FaultAction> {
  /** Refuses what cannot be done to this node. */
  check?(lease: KindLease<A>, tools: FaultTools): Promise<void>;
  /** `keep` writes down what the undoing needs; it must have resolved before anything is done. */
  inject(lease: KindLease<A>, tools: FaultTools, keep: (memo: Record<string, unknown>) => Promise<void>): Promise<void>;
  inspect(lease: KindLease<A>, tools: FaultTools): Promise<KindState>;
  /** Succeeds where there is nothing to undo: it was never injected, or somebody else has undone it. */
  undo(lease: KindLease<A>, tools: FaultTools): Promise<void>;
}

export type ActionOf<K extends FaultActionKind> = Extract<FaultAction, { kind: K }>;
