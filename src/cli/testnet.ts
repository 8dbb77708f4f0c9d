import { UsageError } from '../core/errors.ts';
import { readDeployedTopology, stateFolder } from '../engine/state.ts';
import type { SystemProfile } from '../spec/profile.ts';
import { loadProfile } from '../spec/load-profile.ts';
import type { Topology } from '../topology/topology.ts';
import type { LabAccess } from './lab-access.ts';
import { accessLab } from './labs.ts';
import { resolveReference, type TestnetReference } from './root.ts';

/** A testnet that has been brought up, as the commands that look at it need it. Neither its file nor its releases are read. */
export interface DeployedTestnet extends LabAccess {
  reference: TestnetReference;
  topology: Topology;
  profile: SystemProfile;
}

/** Throws UsageError when the testnet was never brought up. */
export async function openDeployed(name: string): Promise<DeployedTestnet> {
  const reference = resolveReference(name);
  const topology = await readDeployedTopology(stateFolder(reference.root, reference.name));
  if (!topology) throw await notUp(reference);
  const profile = await loadProfile(reference.root, topology.system);
  return { reference, topology, profile, ...(await accessLab(reference, topology)) };
}

async function notUp({ root, name }: TestnetReference): Promise<UsageError> {
  const { testnetNames } = await import('../engine/testnet-files.ts');
  const { didYouMean } = await import('../core/nearest.ts');
  const known = await testnetNames(root);
  if (known.includes(name))
    return new UsageError(`${name} is not up; bring it up with: seatrial up stacks/${name}.yaml`);
  return new UsageError(`there is no testnet ${name}${didYouMean(name, known)}`);
}
