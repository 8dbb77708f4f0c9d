import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { execInContainer } from '../../../src/lab/docker/exec-command.ts';
import { programImage } from '../../../src/lab/docker/images/program-image.ts';
import { createFakeLab } from '../../../src/lab/fake/fake-lab.ts';
import type { Lab } from '../../../src/lab/lab.ts';
import { labels } from '../../../src/lab/labels.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import { containerName } from '../../../src/topology/container.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { dockerForTests, describeWithDocker, type DockerForTests } from '../../helpers/docker-suite.ts';
import { contractTopology } from './contract-topology.ts';
import { list, snapshotContract, type SnapshotSubject } from './snapshot-contract.ts';

const program = fileURLToPath(new URL('../../fixtures/sample-node/sample-node.mjs', import.meta.url));
const digest = `sha256:${sha256(await readFile(program))}`;
const run = promisify(execFile);
const spoiling = 'printf more >> starts; printf new > added';

async function untilReady(lab: Lab, node: TopologyNode): Promise<void> {
  const look = async (): Promise<true | undefined> =>
    (await lab.logs(node)).some(({ text }) => text.startsWith('ready')) ? true : undefined;
  await waitFor(look, { clock: systemClock, what: `${node.name} to be ready`, timeoutMs: 20_000 });
}

function pair({ nodes }: Topology): [TopologyNode, TopologyNode] {
  const [node, other] = nodes;
  if (!node || !other) throw new Error('the contract has no nodes');
  return [node, other];
}

snapshotContract('fake', async (): Promise<SnapshotSubject> => {
  const topology = contractTopology({
    testnet: 'contract',
    lab: 'process',
    release: { version: '1.0.0', kind: 'program', digest, programPath: '/releases/sample.mjs' },
    stateDir: '',
    program: ['node'],
    dataDir: (name) => `/data/${name}`,
    listenAddress: '127.0.0.1',
    hostPort: () => 4600,
  });
  const lab = createFakeLab({ topology, clock: systemClock });
  const [node, other] = pair(topology);
  for (const one of [node, other]) {
    await lab.launch(one);
    lab.world.setHeight(one.name, 100);
    lab.world.end(one.name, 0, 'stop');
  }
  return {
    lab,
    node,
    other,
    testnet: 'contract',
    spoil: async () => lab.world.setHeight(node.name, 7),
    remove: () => lab.remove(node),
    make: async () => {
      await lab.launch(node);
      lab.world.end(node.name, 0, 'stop');
    },
    look: async () => `${lab.world.storedHeight(node.name)} ${lab.world.storedHeight(other.name)}`,
    dispose: () => lab.close(),
  };
});

snapshotContract('process', async (): Promise<SnapshotSubject> => {
  const folder = await mkdtemp(join(tmpdir(), 'seatrial-contract-'));
  const stateDir = join(folder, 'contract');
  const secret = join(folder, 'secret');
  await run('sh', ['-c', `printf key > ${secret}`]);
  const plain = contractTopology({
    testnet: 'contract',
    lab: 'process',
    release: { version: '1.0.0', kind: 'program', digest, programPath: program },
    stateDir,
    program: [process.execPath, program],
    dataDir: (name) => join(stateDir, 'nodes', name, 'data'),
    listenAddress: '127.0.0.1',
    hostPort: () => 0,
  });
  // Port 0 is free whoever else listens; nobody asks these nodes.
  const topology = {
    ...plain,
    nodes: plain.nodes.map((one) => ({ ...one, ports: [], secretFiles: { [`${one.dataDir}/keys/own.pem`]: secret } })),
  };
  const lab = createProcessLab({ topology, clock: systemClock });
  const [node, other] = pair(topology);
  const make = async (one: TopologyNode): Promise<void> => {
    await lab.launch(one);
    await untilReady(lab, one);
    await lab.stop(one);
  };
  for (const one of [node, other]) await make(one);
  const sh = async (script: string): Promise<string> =>
    (await run('sh', ['-c', script], { cwd: node.dataDir, maxBuffer: 1e7 })).stdout;
  return {
    lab,
    node,
    other,
    testnet: 'contract',
    sh,
    spoil: async () => {
      await sh(spoiling);
    },
    remove: () => lab.remove(node),
    make: () => make(node),
    look: async () => (await sh(list)) + (await run('sh', ['-c', list], { cwd: other.dataDir })).stdout,
    dispose: async () => {
      expect(await readFile(join(node.dataDir, 'keys', 'own.pem'), 'utf8')).toBe('key');
      for (const one of [node, other]) {
        await lab.stop(one);
        await lab.remove(one);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
});

const docker = await dockerForTests(['node-runtime']);

describeWithDocker('snapshot contract: docker', docker, (given) => snapshotContract('docker', () => onDocker(given)));

async function onDocker({ engine, images }: Extract<DockerForTests, { missing: undefined }>): Promise<SnapshotSubject> {
  const { docker: client } = engine;
  const runtimeImage = images['node-runtime'] ?? '';
  const imageId = await programImage(client, { program, digest, runtimeImage, command: ['node'] });
  const testnet = `snapshot-${randomBytes(3).toString('hex')}`;
  const plain = contractTopology({
    testnet,
    lab: 'docker',
    release: { version: '1.0.0', kind: 'program', digest, programPath: program, imageId },
    stateDir: '',
    program: [],
    dataDir: () => '/data',
    listenAddress: '0.0.0.0',
    hostPort: () => 0,
    containerPort: 8080,
  });
  const topology = {
    ...plain,
    nodes: plain.nodes.map((one) => ({
      ...one,
      secretFiles: { '/data/keys/own.pem': 'elsewhere' },
      stop: { signal: 'SIGTERM' as const, graceMs: 1000 },
    })),
  };
  const lab = createDockerLab({ topology, docker: client });
  const [node, other] = pair(topology);
  const volumeOf = (one: TopologyNode): string => `${containerName(testnet, one.name)}-data`;
  const make = async (one: TopologyNode): Promise<void> => {
    const container = await client.createContainer({
      name: containerName(testnet, one.name),
      Image: imageId,
      Cmd: one.command,
      Labels: { [labels.testnet]: testnet, [labels.node]: one.name, [labels.generation]: one.generation },
      HostConfig: { Binds: [`${volumeOf(one)}:${one.dataDir}`] },
    });
    await container.start();
    await untilReady(lab, one);
    await lab.stop(one);
  };
  for (const one of [node, other]) await make(one);
  // The nodes are stopped; their volumes are looked at through a container beside them.
  const shell = await client.createContainer({
    Image: imageId,
    Entrypoint: ['sleep', '600'],
    Cmd: [],
    User: '0:0',
    HostConfig: { NetworkMode: 'none', Binds: [`${volumeOf(node)}:/data`, `${volumeOf(other)}:/other`] },
  });
  await shell.start();
  const shIn = async (folder: string, script: string): Promise<string> => {
    const command = ['sh', '-c', `cd ${folder} && { ${script}\n}`];
    const { exitCode, stdout, stderr } = await execInContainer('shell', shell, command, {});
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
    return stdout;
  };
  await shIn('/data', 'mkdir keys && printf key > keys/own.pem');
  return {
    lab,
    node,
    other,
    testnet,
    sh: (script) => shIn('/data', script),
    spoil: async () => {
      await shIn('/data', spoiling);
    },
    remove: async () => {
      await client.getContainer(containerName(testnet, node.name)).remove({ force: true });
      await shIn('/data', 'rm marker');
    },
    make: () => make(node),
    look: async () => (await shIn('/data', list)) + (await shIn('/other', list)),
    dispose: async () => {
      expect(await shIn('/data', 'cat keys/own.pem')).toBe('key');
      const own = [shell, ...[node, other].map((one) => client.getContainer(containerName(testnet, one.name)))];
      await Promise.all(own.map((container) => container.remove({ force: true, v: true })));
      await Promise.all([node, other].map((one) => client.getVolume(volumeOf(one)).remove()));
      const filters = { label: [`${labels.testnet}=${testnet}`] };
      expect(await client.listContainers({ all: true, filters })).toEqual([]);
    },
  };
}
