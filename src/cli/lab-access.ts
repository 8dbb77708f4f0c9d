import type { Deployer } from '../engine/deployer.ts';
import type { Lab } from '../lab/lab.ts';

/** A lab and what makes its nodes. */
export interface LabAccess {
  lab: Lab;
  deployer(): Promise<Deployer>;
}
