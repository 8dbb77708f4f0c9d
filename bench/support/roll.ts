/**
 * One operation of the product's own deployer on sample containers, with hooks that return at once. A program of its own, so that the
 * bench measures what a user waits for, the start of Node and the loading of Pulumi included. Prints the operation's own time in ms.
 *
 *     node bench/support/roll.ts <preview|roll|destroy> <project> <testnet> <slot> <image id> <version> <count>
 */
import Docker from 'dockerode';
import { systemClock } from '../../src/core/clock.ts';
import { createPulumiDeployer } from '../../src/deploy/pulumi/pulumi-deployer.ts';
import type { RollHooks } from '../../src/engine/deployer.ts';
import { dockerSocket } from '../../src/lab/docker/connection.ts';
import { createDockerLab } from '../../src/lab/docker/docker-lab.ts';
import { listOwnedObjects, removeOwnedObject } from '../../src/lab/docker/owned-objects.ts';
import { locateToolchain, toolchainEnvironment } from '../../toolchain/setup.ts';
import { benchTopology } from './containers.ts';

const [operation, root = '', testnet = '', slot, imageId = '', version = '', count] = process.argv.slice(2);
const docker = new Docker({ socketPath: dockerSocket() });
const topology = benchTopology({ root, testnet, slot: Number(slot), imageId, version, count: Number(count) });
const lab = createDockerLab({ topology, docker });
const deployer = createPulumiDeployer({
  root,
  testnet,
  toolchain: { cli: locateToolchain({ root }).pulumi, env: toolchainEnvironment({ root }) },
  dockerHost: `unix://${dockerSocket()}`,
  observe: (node) => lab.observe(node),
  placeSecrets: () => Promise.resolve(),
  objects: {
    list: (signal) => listOwnedObjects(docker, testnet, { signal }),
    remove: (object, signal) => removeOwnedObject(docker, object, { signal }),
  },
  clock: systemClock,
});
const hooks: RollHooks = {
  before: () => Promise.resolve(),
  after: () => Promise.resolve(),
  afterCreated: () => Promise.resolve(),
  isProven: () => Promise.resolve(true),
};
const startMs = performance.now();
if (operation === 'preview') await deployer.preview(topology);
else if (operation === 'destroy') await deployer.destroy(topology);
else await deployer.roll({ topology, order: [] }, hooks);
process.stdout.write(`${performance.now() - startMs}\n`);
await lab.close();
