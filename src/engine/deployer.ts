import type { Topology } from '../topology/topology.ts';

/** The node's replacement as the deployer sees it. `create` when nothing was there. */
export interface NodeChange {
  node: string;
  kind: 'create' | 'replace' | 'remove';
}

/** What one `roll` is to bring about: the nodes of `topology` in their desired generation. */
export interface Stage {
  topology: Topology;
  /** Changes that a preview must show, exactly; anything else is drift and refuses the stage. Undefined: whatever is needed. */
  expected?: readonly NodeChange[];
  /** Order in which existing nodes are replaced. Names not in it follow in topology order. */
  order: readonly string[];
  /** The only nodes that may be touched or gated; undefined: whatever the topology needs. */
  only?: readonly string[];
  /** Absent nodes are made one after the other as `order` says, each with an `afterCreated` of its own. Default false: all at once. */
  createsInOrder?: boolean;
}

export interface RollHooks {
  /** Before a node is touched: intent, quorum budget. A rejection ends the stage with nothing touched. */
  before(node: string, change: NodeChange): Promise<void>;
  /** After a node was changed: identity and gate. A rejection ends the stage; later nodes are not touched. */
  after(node: string, change: NodeChange): Promise<void>;
  /** Nodes that were absent and are made now; without `createsInOrder` it is called once, with all of them. */
  afterCreated(nodes: readonly string[]): Promise<void>;
  /** True when a PASS is on record for exactly what now runs under this name, so that a no-op needs no gate. */
  isProven(node: string): Promise<boolean>;
}

/** Realises a topology, node after node. Adapters: deploy/direct (process lab) and deploy/pulumi (Docker labs). */
export interface Deployer {
  /** What `roll` would change, nothing being touched. */
  preview(topology: Topology, signal?: AbortSignal): Promise<NodeChange[]>;
  /** Rolls the stage. Rejects with the hook's own error when a hook rejected, with RefusedError('drift') on drift. */
  roll(stage: Stage, hooks: RollHooks, signal?: AbortSignal): Promise<void>;
  /** Clears away what a command of this testnet that was killed holds: waits for what it began, and gives its locks back. Default: nothing. */
  recover?(signal?: AbortSignal): Promise<void>;
  /** Removes everything of the testnet that it made, data included. */
  destroy(topology: Topology, signal?: AbortSignal): Promise<void>;
}
