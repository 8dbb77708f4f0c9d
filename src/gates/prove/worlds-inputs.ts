import type { SystemProfile } from '../../spec/profile.ts';
import type { Topology } from '../../topology/topology.ts';
import type { CheckInfo } from '../supported-checks.ts';

/** What the bad worlds of a testnet are made for. */
export interface WorldsInputs {
  topology: Topology;
  profile: SystemProfile;
  /** The checks that a gate applies here. */
  checks: readonly CheckInfo[];
  /** Nodes say who leads. */
  hasLeader: boolean;
}
