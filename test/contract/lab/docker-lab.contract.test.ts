import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { sha256 } from '../../../src/core/canonical.ts';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { programImage } from '../../../src/lab/docker/images/program-image.ts';
import { labels } from '../../../src/lab/labels.ts';
import { containerName } from '../../../src/topology/container.ts';
import type { TopologyNode } from '../../../src/topology/topology.ts';
import { dockerForTests, describeWithDocker, type DockerForTests } from '../../helpers/docker-suite.ts';
import { contractTopology } from './contract-topology.ts';
import { contractNodes, labContract, type LabUnderTest } from './lab-contract.ts';
import { freePort } from '../../helpers/free-port.ts';

const program = fileURLToPath(new URL('../../fixtures/sample-node/sample-node.mjs', import.meta.url));
const docker = await dockerForTests(['node-runtime']);

describeWithDocker('lab contract: docker', docker, (given) => labContract('docker', () => makeLab(given)));

async function makeLab({ engine, images }: Extract<DockerForTests, { missing: undefined }>): Promise<LabUnderTest> {
  const { docker } = engine;
  const digest = `sha256:${sha256(await readFile(program))}`;
  const imageId = await programImage(docker, {
    program,
    digest,
    runtimeImage: images['node-runtime'] ?? '',
    command: ['node'],
  });
  const testnet = `contract-${randomBytes(3).toString('hex')}`;
  const ports = new Map(
    await Promise.all(Object.values(contractNodes).map(async (node) => [node, await freePort()] as const)),
  );
  const topology = contractTopology({
    testnet,
    lab: 'docker',
    release: { version: '1.0.0', kind: 'program', digest, programPath: program, imageId },
    stateDir: '',
    program: [],
    dataDir: () => '/data',
    listenAddress: '0.0.0.0',
    hostPort: (node) => ports.get(node as never) ?? 0,
    containerPort: 8080,
  });
  const own: string[] = [];
  const create = async (node: TopologyNode, isForeign: boolean): Promise<void> => {
    const name = containerName(testnet, node.name);
    own.push(name);
    const container = await docker.createContainer(definition(testnet, node, imageId, isForeign));
    await container.start();
  };
  return {
    lab: createDockerLab({ topology, docker }),
    topology,
    create: (node) => create(node, false),
    createForeign: (node) => create(node, true),
    foreignIsUntouched: async (node) =>
      (await docker.getContainer(containerName(testnet, node.name)).inspect()).State.Running,
    pause: async (node) => {
      await docker.getContainer(containerName(testnet, node.name)).pause();
    },
    digestOf: () => imageId,
    dispose: async () => {
      await Promise.all(own.map((name) => docker.getContainer(name).remove({ force: true, v: true })));
      await Promise.all(own.map((name) => docker.getVolume(`${name}-data`).remove()));
    },
  };
}

function definition(
  testnet: string,
  node: TopologyNode,
  image: string,
  isForeign: boolean,
): Docker.ContainerCreateOptions {
  const name = containerName(testnet, node.name);
  const [port] = node.ports;
  return {
    name,
    Image: image,
    Cmd: node.command,
    Labels: isForeign
      ? { 'com.example.owner': 'somebody else' }
      : { [labels.testnet]: testnet, [labels.node]: node.name, [labels.generation]: node.generation },
    ExposedPorts: { '8080/tcp': {} },
    HostConfig: {
      Binds: [`${name}-data:${node.dataDir}`],
      PortBindings: { '8080/tcp': [{ HostIp: node.bindAddress, HostPort: String(port?.hostPort) }] },
      RestartPolicy: { Name: 'unless-stopped' },
    },
  };
}
