import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { sha256 } from '../../src/core/canonical.ts';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { createDockerLab } from '../../src/lab/docker/docker-lab.ts';
import { programImage } from '../../src/lab/docker/images/program-image.ts';
import { listOwnedObjects, removeOwnedObject } from '../../src/lab/docker/owned-objects.ts';
import type { FaultPort } from '../../src/lab/faults.ts';
import { labels } from '../../src/lab/labels.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { containerName, dataVolumeName } from '../../src/topology/container.ts';
import { serviceLabel } from '../../src/topology/labels.ts';
import type { Topology, TopologyNode } from '../../src/topology/topology.ts';
import type { DockerForTests } from './docker-suite.ts';

const program = fileURLToPath(new URL('../fixtures/fault-node/fault-node.mjs', import.meta.url));
const PORT = 8080;
const ADMIN_PORT = 8081;
export const CONFIG = '/etc/fault-node.json';

/** Three small containers in a network of their own, with what a fault needs to be shown on them. */
export interface ContainerTestnet {
  lab: Lab & { faults: FaultPort };
  topology: Topology;
  docker: Docker;
  monitoring: TopologyNode;
  /** Asks a node's program over the address that its container has in the network, as a client. Rejects after 1.5 s by default. */
  ask(node: TopologyNode, path: string, timeoutMs?: number): Promise<string>;
  container(name: string): Docker.Container;
  dispose(): Promise<void>;
}

export async function makeContainerTestnet({
  engine: { docker },
  images,
}: Extract<DockerForTests, { missing: undefined }>): Promise<ContainerTestnet> {
  const digest = `sha256:${sha256(await readFile(program))}`;
  const runtimeImage = images['node-runtime'] ?? '';
  const imageId = await programImage(docker, { program, digest, runtimeImage, command: ['node'] });
  const testnet = `faults-${randomBytes(3).toString('hex')}`;
  const topology = faultTopology(testnet, imageId);
  const network = await docker.createNetwork({ Name: `${testnet}-net`, Labels: { [labels.testnet]: testnet } });
  const make = async (name: string, own: Record<string, string>, command: string[]): Promise<void> => {
    const Labels = { [labels.testnet]: testnet, ...own };
    const volume = dataVolumeName(testnet, name);
    await docker.createVolume({ Name: volume, Labels });
    const container = await docker.createContainer({
      name: containerName(testnet, name),
      Image: imageId,
      Cmd: command,
      Labels,
      HostConfig: {
        NetworkMode: `${testnet}-net`,
        Binds: [`${volume}:/data`],
        RestartPolicy: { Name: 'unless-stopped' },
      },
      NetworkingConfig: { EndpointsConfig: { [`${testnet}-net`]: { Aliases: [name] } } },
    });
    await container.putArchive(await configArchive(), { path: '/etc' });
    await container.start();
  };
  await Promise.all([
    ...topology.nodes.map((node) => make(node.name, { [labels.node]: node.name }, node.command)),
    make('prometheus', { [serviceLabel]: 'prometheus' }, [String(PORT), '/data']),
  ]);
  const container = (name: string): Docker.Container => docker.getContainer(containerName(testnet, name));
  const ask = async (node: TopologyNode, path: string, timeoutMs = 1500): Promise<string> => {
    const { NetworkSettings } = await container(node.name).inspect();
    const address = NetworkSettings.Networks[`${testnet}-net`]?.IPAddress ?? '';
    const answer = await fetch(`http://${address}:${PORT}${path}`, { signal: AbortSignal.timeout(timeoutMs) });
    return answer.text();
  };
  const lab = createDockerLab({ topology, docker });
  if (!lab.faults) throw new Error('the Docker lab has no faults');
  for (const node of topology.nodes) {
    await waitFor(() => ask(node, '/'), { clock: systemClock, what: `${node.name} to answer`, timeoutMs: 20_000 });
  }
  const [first] = topology.nodes as [TopologyNode];
  return {
    lab: { ...lab, faults: lab.faults },
    topology,
    docker,
    monitoring: { ...first, name: 'prometheus' },
    ask,
    container,
    dispose: async () => {
      const own = await listOwnedObjects(docker, testnet, { hasLease: true });
      const order = ['container', 'volume', 'network'];
      for (const object of own.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))) {
        await removeOwnedObject(docker, object);
      }
      await network.remove().catch(() => undefined);
    },
  };
}

/** Also for another process: the same names give the same topology. */
export function faultTopology(testnet: string, imageId: string): Topology {
  return {
    testnet,
    system: 'sample',
    lab: 'docker',
    quorum: 'majority',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 0,
    nodes: ['node-0', 'node-1', 'node-2'].map((name, index) => ({
      name,
      role: 'node',
      index,
      votingPower: 1,
      startOrder: 0,
      release: { version: '1.0.0', kind: 'image', digest: imageId, imageId },
      command: [String(PORT), '/data', CONFIG],
      env: {},
      flags: {},
      files: { [CONFIG]: '{"peers":["node-0","node-1","node-2"]}' },
      secretFiles: {},
      dataDir: '/data',
      // The engine gives them theirs.
      address: '',
      bindAddress: '127.0.0.1',
      ports: [
        { name: 'api', containerPort: PORT, hostPort: PORT },
        { name: 'admin', containerPort: ADMIN_PORT, hostPort: ADMIN_PORT },
      ],
      stop: { signal: 'SIGTERM', graceMs: 3000 },
      limits: {},
      generation: `00000000000000f${index}`,
    })),
    stateDir: '',
  };
}

async function configArchive(): Promise<Buffer> {
  const { packFiles } = await import('../../src/lab/docker/container-files.ts');
  const content = Buffer.from('{"peers":["node-0","node-1","node-2"]}');
  return packFiles([{ name: 'fault-node.json', mode: 0o644, uid: 0, gid: 0, content }]);
}
