import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { withUnstartedContainer } from '../../../src/lab/docker/helper-container.ts';
import { leaseName } from '../../../src/lab/docker/lease-container.ts';
import { listOwnedObjects, removeOwnedObject } from '../../../src/lab/docker/owned-objects.ts';
import { labels } from '../../../src/lab/labels.ts';
import type { LabLease } from '../../../src/lab/lab.ts';
import { leaseOwner } from '../../../src/lab/lease.ts';
import { dockerForTests, suiteTitle } from '../../helpers/docker-suite.ts';
import { leaseTopology } from '../../helpers/lease-topology.ts';

const program = join(import.meta.dirname, '../../fixtures/hold-lease.ts');
const forTests = await dockerForTests(['node-runtime']);

describe.skipIf(forTests.missing !== undefined)(suiteTitle('a command that is killed on containers', forTests), () => {
  if (forTests.missing !== undefined) return;
  const { engine, images } = forTests;
  const { docker } = engine;
  const image = images['node-runtime'] ?? '';
  let testnet: string;

  beforeEach(async () => {
    testnet = await newTestnet();
  });
  afterEach(async () => {
    for (const object of await listOwnedObjects(docker, testnet, { hasLease: true })) {
      await removeOwnedObject(docker, object);
    }
  });

  async function newTestnet(): Promise<string> {
    const name = `killed-${randomBytes(3).toString('hex')}`;
    await docker.createVolume({ Name: `${name}-node-0-secrets`, Labels: { [labels.testnet]: name } });
    return name;
  }

  async function hold(name: string): Promise<{ said: string; child: ChildProcess }> {
    const child = spawn(process.execPath, [program, name, image], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    return { said: chunk.toString('utf8').trim(), child };
  }

  async function take(): Promise<LabLease> {
    const lab = createDockerLab({ topology: leaseTopology(testnet, image), docker });
    return lab.takeLease(testnet, await leaseOwner('resume', '2026-01-02T00:00:00Z'));
  }

  const containers = async (name = testnet): Promise<string[]> =>
    (await listOwnedObjects(docker, name, { hasLease: true }))
      .filter(({ kind }) => kind === 'container')
      .map((container) => container.name);

  test('keeps another process out while it lives, with all that it made left alone', async () => {
    const { said } = await hold(testnet);
    expect(said).toBe('holding');
    const before = await containers();
    expect(before).toHaveLength(2);
    expect((await hold(testnet)).said).toContain('run rolling-upgrade on');
    await expect(take()).rejects.toMatchObject({ code: 'locked' });
    expect(await containers()).toEqual(before);
  });

  test('loses its lease and its helper container to the next one, which touches nobody else’s', async () => {
    const other = await newTestnet();
    const bystander = await hold(other);
    const { child } = await hold(testnet);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await containers()).toHaveLength(2);
    await withUnstartedContainer(docker, { purpose: 'test', image }, {}, async (own) => {
      const lease = await take();
      expect(lease.token).toBe(8);
      expect(await containers()).toEqual([leaseName(testnet)]);
      expect((await own.inspect()).Id).toBe(own.id);
      await lease.release();
    });
    expect(await containers()).toEqual([]);
    expect(await containers(other)).toHaveLength(2);
    bystander.child.stdin?.end();
    await once(bystander.child, 'exit');
    for (const object of await listOwnedObjects(docker, other, { hasLease: true })) {
      await removeOwnedObject(docker, object);
    }
  });

  test('what removes a testnet’s objects while it holds the lease does not remove the lease', async () => {
    const lease = await take();
    const listed = await listOwnedObjects(docker, testnet);
    expect(listed.map(({ kind }) => kind)).toEqual(['volume']);
    for (const object of listed) await removeOwnedObject(docker, object);
    await lease.check();
    await lease.release();
    expect(await listOwnedObjects(docker, testnet, { hasLease: true })).toEqual([]);
  });

  test('a container of somebody else that has the lease’s name is left alone, and the error says what to do', async () => {
    const name = leaseName(testnet);
    const foreign = await docker.createContainer({ name, Image: image, Cmd: ['none'] });
    onTestFinished(() => foreign.remove({ force: true }));
    await expect(take()).rejects.toThrow(`if it is yours: docker rm -f ${name}`);
    expect((await foreign.inspect()).Name).toBe(`/${name}`);
  });

  test('a lease can be taken of a testnet whose images are all gone', async () => {
    const gone = leaseTopology(testnet, `sha256:${'0'.repeat(64)}`);
    const lab = createDockerLab({ topology: gone, docker });
    const lease = await lab.takeLease(testnet, await leaseOwner('down', '2026-01-02T00:00:00Z'));
    await lease.check();
    await lease.release();
  });
});
