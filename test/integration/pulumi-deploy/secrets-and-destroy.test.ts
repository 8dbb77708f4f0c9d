import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { CleanupError } from '../../../src/core/errors.ts';
import { createPulumiDeployer } from '../../../src/deploy/pulumi/pulumi-deployer.ts';
import { listOwnedObjects, removeOwnedObject } from '../../../src/lab/docker/owned-objects.ts';
import { NotedHooks, PulumiProject, type SampleTestnet } from '../../helpers/pulumi/pulumi-project.ts';
import { engineHost } from '../../helpers/toolchain/test-engine.ts';

let project: PulumiProject;
beforeAll(async () => {
  project = await PulumiProject.create();
});
afterAll(() => project.remove());

async function fileIn(testnet: SampleTestnet, node: string, path: string): Promise<string> {
  const archive = (await testnet.container(node).getArchive({ path })).pipe(extract());
  let text = '';
  for await (const entry of archive) for await (const chunk of entry) text += String(chunk);
  return text;
}

test("secrets reach the nodes, but neither Pulumi's state and output nor what the engine tells of a container", async () => {
  const testnet = project.testnet();
  const secret = 'do-not-tell-';
  const topology = testnet.topology(['1', '1'], await testnet.secretFiles(2, secret));
  await testnet.deployer.roll({ topology, order: [] }, new NotedHooks());
  expect(await fileIn(testnet, 'node-1', '/secrets/key')).toBe(`${secret}1`);

  const { output: state } = await project.pulumi('stack', 'export', '--show-secrets', '--stack', testnet.name);
  expect(state).toContain(`${testnet.name}-node-1-secrets`);
  const inspected = JSON.stringify(await testnet.container('node-1').inspect());
  expect(inspected).toContain(`${testnet.name}-node-1-secrets`);
  const events = JSON.stringify(testnet.events);
  expect(events).toContain(`${testnet.name}-node-1-container`);
  for (const text of [state, inspected, events]) expect(text).not.toContain(secret);
  await testnet.deployer.destroy(topology);
  expect(await testnet.objects()).toEqual([]);
});

test('destroy removes a testnet by its label when the state is gone, and says nothing when there is nothing', async () => {
  const testnet = project.testnet();
  const topology = testnet.topology(['1', '1'], await testnet.secretFiles(2, 'secret'));
  await testnet.deployer.roll({ topology, order: [] }, new NotedHooks());
  expect(await testnet.objects()).toHaveLength(7);
  await rm(join(project.root, '.seatrial/pulumi-state/.pulumi/stacks/seatrial', `${testnet.name}.json`));
  await testnet.deployer.destroy(topology);
  expect(await testnet.objects()).toEqual([]);
  await testnet.deployer.destroy(topology);
});

test('destroy removes the containers without a CLI as well, and names the state that it could not remove', async () => {
  const testnet = project.testnet();
  const topology = testnet.topology(['1']);
  await testnet.deployer.roll({ topology, order: [] }, new NotedHooks());
  const { docker, root } = project;
  const lame = createPulumiDeployer({
    root,
    testnet: testnet.name,
    toolchain: { cli: join(root, 'missing', 'bin', 'pulumi'), env: project.env },
    dockerHost: engineHost,
    observe: (node) => Promise.resolve({ node: node.name, state: 'absent' }),
    placeSecrets: () => Promise.resolve(),
    objects: {
      list: (signal) => listOwnedObjects(docker, testnet.name, { signal }),
      remove: (object, signal) => removeOwnedObject(docker, object, { signal }),
    },
    clock: systemClock,
  });
  const error: unknown = await lame.destroy(topology).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CleanupError);
  expect((error as CleanupError).details['leftovers']).toEqual([
    expect.stringContaining(`the state of stack ${testnet.name}`),
  ]);
  expect(await testnet.objects()).toEqual([]);
  await testnet.deployer.destroy(topology);
  expect((await project.pulumi('stack', 'ls')).output).not.toContain(testnet.name);
});
