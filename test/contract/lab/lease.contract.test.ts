import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import { createDockerLab } from '../../../src/lab/docker/docker-lab.ts';
import { listOwnedObjects } from '../../../src/lab/docker/owned-objects.ts';
import { createFakeLab } from '../../../src/lab/fake/fake-lab.ts';
import { FakeWorld } from '../../../src/lab/fake/fake-world.ts';
import { createProcessLab } from '../../../src/lab/process/process-lab.ts';
import { dockerForTests, describeWithDocker, type DockerForTests } from '../../helpers/docker-suite.ts';
import { leaseTopology } from '../../helpers/lease-topology.ts';
import { leaseContract, testnetName, type LabsWithLease } from './lease-contract.ts';

const docker = await dockerForTests(['node-runtime']);

leaseContract('fake', async () => ({
  testnet: async () => {
    const name = testnetName();
    const world = new FakeWorld({ clock: systemClock });
    return {
      name,
      lab: () => createFakeLab({ topology: { testnet: name }, clock: systemClock, world }),
      traces: async () => (world.lease ? ['lease'] : []),
      removeByHand: async () => void (world.lease = undefined),
    };
  },
  removal: /world\.lease = undefined$/,
  dispose: async () => undefined,
}));

leaseContract('process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'seatrial-lease-'));
  return {
    testnet: async () => {
      const name = testnetName();
      const stateDir = join(folder, name);
      const claims = join(stateDir, 'lease');
      const files = async (): Promise<string[]> => readdir(claims).catch(() => []);
      return {
        name,
        lab: () => createProcessLab({ topology: { testnet: name, stateDir }, clock: systemClock }),
        traces: async () => {
          // The newest claim stays, and says that it is released: it keeps the token.
          const texts = await Promise.all((await files()).map((file) => readFile(join(claims, file), 'utf8')));
          return texts.filter((text) => !(JSON.parse(text) as { isReleased: boolean }).isReleased);
        },
        removeByHand: async () => {
          for (const file of await files()) await rm(join(claims, file));
        },
      };
    },
    removal: /remove its lease by hand: rm \/.*\/lease\/000000001\.json$/,
    dispose: () => rm(folder, { recursive: true }),
  };
});

describeWithDocker('lease contract: docker', docker, (given) => leaseContract('docker', async () => dockerLabs(given)));

function dockerLabs({ engine, images }: Extract<DockerForTests, { missing: undefined }>): LabsWithLease {
  const { docker } = engine;
  const own: string[] = [];
  const containers = async (name: string): Promise<{ id: string; name: string }[]> =>
    listOwnedObjects(docker, name, { hasLease: true });
  const removeByHand = async (name: string): Promise<void> => {
    for (const { id } of await containers(name)) await docker.getContainer(id).remove({ force: true });
  };
  return {
    testnet: async () => {
      const name = testnetName();
      own.push(name);
      return {
        name,
        lab: () => createDockerLab({ topology: leaseTopology(name, images['node-runtime'] ?? ''), docker }),
        traces: async () => (await containers(name)).map((container) => container.name),
        removeByHand: () => removeByHand(name),
      };
    },
    removal: /remove its lease by hand: docker rm -f lease-[0-9a-f]+\.lease$/,
    dispose: async () => {
      for (const name of own) await removeByHand(name);
    },
  };
}
