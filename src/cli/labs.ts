import { systemClock } from '../core/clock.ts';
import type { Deployer } from '../engine/deployer.ts';
import type { LabAccess } from './lab-access.ts';
import type { Topology } from '../topology/topology.ts';
import type { TestnetReference } from './root.ts';

/** The adapters for a topology's lab; each is loaded only when it is the one that is used. */
export async function accessLab(reference: Pick<TestnetReference, 'root'>, topology: Topology): Promise<LabAccess> {
  if (topology.lab === 'process') {
    const { createProcessLab } = await import('../lab/process/process-lab.ts');
    const lab = createProcessLab({ topology, clock: systemClock });
    const deployer = async (): Promise<Deployer> => {
      const { createDirectDeployer } = await import('../deploy/direct/direct-deployer.ts');
      return createDirectDeployer({ lab, clock: systemClock });
    };
    return { lab, deployer };
  }
  if (topology.lab === 'attached') {
    const { accessAttached } = await import('./attached-access.ts');
    return accessAttached(reference.root, topology);
  }
  const { accessDocker } = await import('./docker-access.ts');
  return accessDocker(reference.root, topology);
}
