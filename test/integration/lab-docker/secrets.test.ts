import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/canonical.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { LabError } from '../../../src/core/errors.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { programImage } from '../../../src/lab/docker/images/program-image.ts';
import { putSecrets } from '../../../src/lab/docker/put-secrets.ts';
import { labels } from '../../../src/lab/labels.ts';
import type { Topology, TopologyNode } from '../../../src/topology/topology.ts';
import { contractTopology } from '../../contract/lab/contract-topology.ts';
import { dockerForTests, suiteTitle } from '../../helpers/docker-suite.ts';

const context = await dockerForTests(['node-runtime']);
const sample = fileURLToPath(new URL('../../fixtures/sample-node/sample-node.mjs', import.meta.url));

describe.skipIf(context.missing !== undefined)(suiteTitle('a node’s volume', context), { timeout: 60_000 }, () => {
  let docker: Docker;
  let image: string;
  let folder: string;
  let testnet: string;
  let topology: Topology;
  let node: TopologyNode;
  let volumeName: string;
  const secret = randomBytes(24).toString('hex');

  beforeEach(async () => {
    if (context.missing !== undefined) return;
    docker = context.engine.docker;
    const digest = `sha256:${sha256(await readFile(sample))}`;
    const runtimeImage = context.images['node-runtime'] ?? '';
    image = await programImage(docker, { program: sample, digest, runtimeImage, command: ['node'] });
    folder = await mkdtemp(join(tmpdir(), 'seatrial-'));
    await writeFile(join(folder, 'key.pem'), secret, { mode: 0o600 });
    testnet = `volume-${randomBytes(3).toString('hex')}`;
    topology = contractTopology({
      testnet,
      lab: 'docker',
      release: { version: '1.0.0', kind: 'program', digest, programPath: sample, imageId: image },
      stateDir: folder,
      program: [],
      dataDir: () => '/data',
      listenAddress: '0.0.0.0',
      hostPort: () => 0,
      containerPort: 8080,
    });
    const [first] = topology.nodes;
    if (!first) throw new Error('the topology has no node');
    node = first;
    volumeName = `${testnet}-${node.name}-data`;
    await docker.createVolume({ Name: volumeName, Labels: { [labels.testnet]: testnet, [labels.node]: node.name } });
  });

  afterEach(async () => {
    await docker
      .getContainer(`${testnet}-${node.name}`)
      .remove({ force: true })
      .catch(() => undefined);
    await docker.getVolume(volumeName).remove();
    await rm(folder, { recursive: true });
  });

  const put = (files: { path: string; sourceFile: string }[]): Promise<number> =>
    putSecrets(docker, { volumeName, mountPath: '/data', image, files });
  const keyFile = (): { path: string; sourceFile: string } => ({
    path: '/data/secrets/key.pem',
    sourceFile: join(folder, 'key.pem'),
  });
  const createNode = async (
    command = node.command,
    restart: Docker.HostRestartPolicy['Name'] = '',
  ): Promise<Docker.Container> => {
    const container = await docker.createContainer({
      name: `${testnet}-${node.name}`,
      Image: image,
      Cmd: command,
      Labels: { [labels.testnet]: testnet, [labels.node]: node.name, [labels.generation]: node.generation },
      HostConfig: { Binds: [`${volumeName}:/data`], RestartPolicy: { Name: restart } },
    });
    await container.start();
    return container;
  };
  const volumeLabels = async (): Promise<unknown> => (await docker.getVolume(volumeName).inspect()).Labels;

  test('takes secrets before the first start: private to the node’s user, and nowhere else', async () => {
    expect(await put([keyFile()])).toBe(1);
    const container = await createNode();
    const lab = createDockerLab({ topology, docker });
    const seen = await lab.exec(node, [
      'sh',
      '-c',
      'stat -c "%u %a" /data /data/secrets /data/secrets/key.pem; cat /data/secrets/key.pem',
    ]);
    expect(seen.stdout).toBe(`1000 700\n1000 700\n1000 600\n${secret}`);
    expect(JSON.stringify(await container.inspect())).not.toContain(secret);
    expect(JSON.stringify(await docker.getImage(image).inspect())).not.toContain(secret);
    expect(await volumeLabels()).toEqual({ [labels.testnet]: testnet, [labels.node]: node.name });
  });

  test('that has its secrets is left alone, and one that changed is replaced', async () => {
    await put([keyFile()]);
    expect(await put([keyFile()])).toBe(0);
    await writeFile(join(folder, 'key.pem'), 'another');
    expect(await put([keyFile()])).toBe(1);
    expect(await put([keyFile()])).toBe(0);
  });

  test('leaves no helper container behind, also when a secret’s file is missing', async () => {
    await expect(put([{ ...keyFile(), sourceFile: join(folder, 'none') }])).rejects.toThrow(/none/);
    const using = await docker.listContainers({ all: true, filters: { volume: [volumeName] } });
    expect(using).toEqual([]);
  });

  test('that does not exist, or a path outside it, is refused', async () => {
    const wrong = { mountPath: '/data', image, files: [keyFile()] };
    await expect(putSecrets(docker, { ...wrong, volumeName: `${volumeName}-none` })).rejects.toThrow(LabError);
    expect(await docker.listVolumes({ filters: { name: [`${volumeName}-none`] } })).toMatchObject({ Volumes: [] });
    await expect(put([{ ...keyFile(), path: '/data/../etc/key.pem' }])).rejects.toThrow(/not below \/data/);
  });

  test('keeps secrets and configuration that lie in it when the node’s data is wiped', async () => {
    await put([keyFile()]);
    await createNode();
    const target = { ...node, secretFiles: { '/data/secrets/key.pem': join(folder, 'key.pem') } };
    const lab = createDockerLab({ topology, docker });
    await waitFor(
      async () => ((await lab.logs(target)).some(({ text }) => text.includes('ready')) ? true : undefined),
      {
        clock: systemClock,
        what: 'the node to be ready',
        timeoutMs: 10_000,
      },
    );
    await lab.exec(target, [
      'sh',
      '-c',
      'mkdir -p "/data/.hidden/a b"; touch "/data/..odd" "/data/.hidden/a b/c"; ln -s /nowhere /data/link',
    ]);
    expect((await lab.exec(target, ['ls', '-A', '/data'])).stdout.split('\n').filter(Boolean).sort()).toEqual(
      ['..odd', '.hidden', 'link', 'secrets', 'starts'].sort(),
    );
    await lab.stop(target);
    await lab.wipe(target);
    await lab.start(target);
    expect((await lab.exec(target, ['cat', '/data/secrets/key.pem'])).stdout).toBe(secret);
    await waitFor(async () => ((await lab.exec(target, ['cat', '/data/starts'])).stdout === '' ? undefined : true), {
      clock: systemClock,
      what: 'the node to start anew',
      timeoutMs: 10_000,
    });
    expect((await lab.exec(target, ['ls', '-A', '/data'])).stdout.split('\n').filter(Boolean).sort()).toEqual([
      'secrets',
      'starts',
    ]);
    expect(await volumeLabels()).toEqual({ [labels.testnet]: testnet, [labels.node]: node.name });
  });

  test('a node that its restart policy brings back again and again is counted, and stop ends that for good', async () => {
    const container = await createNode(['--exit', '3', '--data', '/data'], 'always');
    const lab = createDockerLab({ topology, docker });
    await waitFor(async () => (((await lab.observe(node)).restartCount ?? 0) >= 2 ? true : undefined), {
      clock: systemClock,
      what: 'two restarts',
      timeoutMs: 15_000,
    });
    await lab.stop(node);
    const observation = await lab.observe(node);
    expect(observation).toMatchObject({ state: 'stopped', exitCode: 3 });
    const { RestartCount } = await container.inspect();
    await systemClock.sleep(1500);
    expect((await container.inspect()).RestartCount).toBe(RestartCount);
    expect((await lab.observe(node)).state).toBe('stopped');
  });
});
