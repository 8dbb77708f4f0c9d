import { networkInterfaces } from 'node:os';
import type { Deployer } from '../engine/deployer.ts';
import type { ContainerNeeds, ContainerSupport } from '../engine/project.ts';
import { connectDocker, type DockerEngine } from '../lab/docker/connection.ts';
import { createDockerLab } from '../lab/docker/docker-lab.ts';
import { contextImage } from '../lab/docker/images/build-image.ts';
import { defaultImages } from '../lab/docker/images/default-images.ts';
import { programImage } from '../lab/docker/images/program-image.ts';
import { resolveImage } from '../lab/docker/images/resolve-image.ts';
import { resolveImages } from '../lab/docker/images/resolve-images.ts';
import type { Topology } from '../topology/topology.ts';
import type { LabAccess } from './lab-access.ts';

/** What a Docker engine adds to the resolution of a testnet. Throws LabError when no engine answers. */
export async function containerSupport(
  { profile, images }: ContainerNeeds,
  onNotice: (line: string) => void,
): Promise<ContainerSupport> {
  const { docker } = await connectDocker();
  const { command, image } = profile.runtime;
  let runtime: Promise<string> | undefined;
  const runtimeImage = (signal?: AbortSignal): Promise<string> => {
    runtime ??= resolveImages(docker, { 'node-runtime': images.runtime ?? image }, { signal }).then(
      (found) => found['node-runtime'] ?? '',
    );
    return runtime;
  };
  return {
    image: (reference, signal) => resolveImage(docker, reference, { signal }),
    program: async ({ path, digest }, signal) =>
      programImage(docker, { program: path, digest, runtimeImage: await runtimeImage(signal), command }, { signal }),
    context: (build, signal) => contextImage(docker, build, { signal }),
    async monitoringImages(signal) {
      const wanted = {
        prometheus: images.prometheus ?? defaultImages.prometheus.registry,
        alertmanager: images.alertmanager ?? defaultImages.alertmanager.registry,
        grafana: images.grafana ?? defaultImages.grafana.registry,
      };
      const found = await resolveImages(docker, wanted, { signal, onNotice });
      return { prometheus: found.prometheus ?? '', alertmanager: found.alertmanager ?? '', grafana: found.grafana };
    },
    async usedSubnets(testnet) {
      const networks = await docker.listNetworks();
      const ofEngine = networks
        .filter(({ Name }) => Name !== `${testnet}-net`)
        .flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet?.includes('.') ? [Subnet] : [])));
      return [...ofEngine, ...machineSubnets()];
    },
  };
}

/** Wider than this is a network of a site, in which a testnet's own subnet is the nearer way to its nodes. */
const widestUsed = 16;

/**
 * IPv4 subnets of this machine's interfaces, as CIDR. Those of another engine or of a tunnel are among them: with the same subnet its traffic
 * would come to our nodes, and ours to its.
 */
export function machineSubnets(interfaces = networkInterfaces()): string[] {
  return Object.values(interfaces).flatMap((addresses = []) =>
    addresses.flatMap(({ family, cidr }) =>
      family === 'IPv4' && cidr !== null && Number(cidr.split('/')[1]) >= widestUsed ? [cidr] : [],
    ),
  );
}

/** Lab and deployer of a testnet on a Docker engine; nodes are made and replaced by Pulumi. */
export async function accessDocker(root: string, topology: Topology): Promise<LabAccess> {
  const { docker } = await connectDocker();
  const lab = createDockerLab({ topology, docker });
  return { lab, deployer: () => pulumiDeployer(root, topology, docker, lab) };
}

async function pulumiDeployer(
  root: string,
  topology: Topology,
  docker: DockerEngine['docker'],
  lab: LabAccess['lab'],
): Promise<Deployer> {
  const { createTestnetDeployer } = await import('./pulumi-access.ts');
  return createTestnetDeployer(root, topology, docker, lab);
}
