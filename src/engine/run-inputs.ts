import type { Backups } from '../backup/backups.ts';
import type { Wanted } from '../topology/desired.ts';
import type { Topology } from '../topology/topology.ts';
import type { Deployer } from './deployer.ts';
import type { SessionOptions } from './session.ts';

/** What a run is executed with. */
export interface RunInputs extends SessionOptions {
  deployer: Deployer;
  /** Resolves the topology in which the nodes run what is wanted. */
  topologyFor(wanted: Wanted): Promise<Topology>;
  /** Where backups go to and come from. Absent: the run has none. */
  backups?: Backups | undefined;
  /** Aborted: take back what is only lent, and leave everything else as it is. */
  hurry?: AbortSignal | undefined;
  /** Told once, how to learn what the run would leave behind at any moment. */
  onBegun?: ((remains: () => string[]) => void) | undefined;
}
