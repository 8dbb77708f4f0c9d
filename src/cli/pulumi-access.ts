import type Docker from 'dockerode';
import { locateToolchain, toolchainEnvironment } from '../../toolchain/setup.ts';
import { systemClock } from '../core/clock.ts';
import { createPulumiDeployer } from '../deploy/pulumi/pulumi-deployer.ts';
import type { Deployer } from '../engine/deployer.ts';
import { dockerSocket } from '../lab/docker/connection.ts';
import { listOwnedObjects, removeOwnedObject } from '../lab/docker/owned-objects.ts';
import { putSecrets } from '../lab/docker/put-secrets.ts';
import type { Lab } from '../lab/lab.ts';
import type { ContainerDefinition } from '../topology/container-definition.ts';
import type { Topology } from '../topology/topology.ts';

/** The Pulumi deployer of a testnet on a Docker engine. Throws LabError, naming `seatrial setup`, when there is no Pulumi engine. */
export function createTestnetDeployer(root: string, topology: Topology, docker: Docker, lab: Lab): Deployer {
  const { pulumi } = locateToolchain({ root });
  return createPulumiDeployer({
    root,
    testnet: topology.testnet,
    toolchain: { cli: pulumi, env: toolchainEnvironment({ root }) },
    dockerHost: `unix://${dockerSocket()}`,
    observe: (node) => lab.observe(node),
    placeSecrets: secretsPlacer(docker),
    objects: {
      list: (signal) => listOwnedObjects(docker, topology.testnet, { signal }),
      remove: (object, signal) => removeOwnedObject(docker, object, { signal }),
    },
    clock: systemClock,
  });
}

/** Puts a container's secret files into its secrets volume, before the container is first made. */
export function secretsPlacer(docker: Docker): (container: ContainerDefinition) => Promise<void> {
  return async ({ volumes, secretFiles, imageId }) => {
    const volume = volumes.find(({ purpose }) => purpose === 'secrets');
    if (!volume || secretFiles.length === 0) return;
    await putSecrets(docker, {
      volumeName: volume.volumeName,
      mountPath: volume.containerPath,
      image: imageId,
      files: secretFiles.map(({ path, hostFile }) => ({ path, sourceFile: hostFile })),
    });
  };
}
