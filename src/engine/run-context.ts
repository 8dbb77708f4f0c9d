import type { Effects } from './effects.ts';
import type { RunFaults } from './faults/run-faults.ts';
import type { RunInputs } from './run-inputs.ts';
import type { RunSession } from './session.ts';
import type { Snapshots } from './snapshots.ts';

export type { RunInputs } from './run-inputs.ts';

/** A run while it is executed. */
export interface RunContext {
  inputs: RunInputs;
  session: RunSession;
  effects: Effects;
  faults: RunFaults;
  snapshots: Snapshots;
  /** Ends the forward part: the caller's signal, an abort that was asked for, the run's deadline. */
  signal: AbortSignal;
}
