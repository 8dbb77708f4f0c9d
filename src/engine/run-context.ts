import type { Wanted } from '../topology/desired.ts';
import type { Topology } from '../topology/topology.ts';
import type { Deployer } from './deployer.ts';
import type { Effects } from './effects.ts';
import type { Snapshots } from './snapshots.ts';
import type { RunSession, SessionOptions } from './session.ts';

export interface RunInputs extends SessionOptions {
  deployer: Deployer;
  /** Resolves the topology in which the nodes run what is wanted. */
  topologyFor(wanted: Wanted): Promise<Topology>;
  /** Aborted: take back what is only lent, and leave everything else as it is. */
  hurry?: AbortSignal | undefined;
  /** Told once, how to learn what the run would leave behind at any moment. */
  onBegun?: ((remains: () => string[]) => void) | undefined;
}

/** A run while it is executed. */
export interface RunContext {
  inputs: RunInputs;
  session: RunSession;
  effects: Effects;
  snapshots: Snapshots;
  /** Ends the forward part: the caller's signal, an abort that was asked for, the run's deadline. */
  signal: AbortSignal;
}
