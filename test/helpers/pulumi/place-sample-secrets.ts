import type Docker from 'dockerode';
import { putSecrets } from '../../../src/lab/docker/put-secrets.ts';
import type { ContainerDefinition } from '../../../src/topology/container-definition.ts';

/** Fills the secrets volume of a container, if it has one. */
export async function placeSampleSecrets(docker: Docker, container: ContainerDefinition): Promise<void> {
  const volume = container.volumes.find(({ purpose }) => purpose === 'secrets');
  if (!volume) return;
  await putSecrets(docker, {
    volumeName: volume.volumeName,
    mountPath: volume.containerPath,
    image: container.imageId,
    files: container.secretFiles.map(({ path, hostFile }) => ({ path, sourceFile: hostFile })),
  });
}
