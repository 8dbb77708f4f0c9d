import type { TopologyNode } from '../../topology/topology.ts';
import type { FaultPort } from '../faults.ts';
import type { CallOptions, LaunchingLab } from '../lab.ts';
import type { ProcessStat } from './proc.ts';

/** How a node is started otherwise than it was defined. The next plain start, or launch, knows nothing of it. */
export interface Alteration {
  /** Beside its own environment. */
  env?: Record<string, string>;
  /** Its files stay as they lie there. */
  keepsFiles?: boolean;
}

/** The process lab, with what its faults need beyond the port. */
export interface ProcessLab extends LaunchingLab {
  readonly faults: FaultPort;
  /** Starts a stopped node as it was last defined, but for the alteration: it is the same generation. */
  startAltered(node: TopologyNode, alteration: Alteration, options?: CallOptions): Promise<void>;
  /** What the node was last started as; undefined when it does not exist. */
  defined(name: string): Promise<TopologyNode | undefined>;
  /** The node's process, if it lives, and after it its children. */
  processes(name: string): Promise<ProcessStat[]>;
}
