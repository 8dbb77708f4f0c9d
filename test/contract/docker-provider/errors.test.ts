import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Properties } from '../../../toolchain/plugin/properties.ts';
import { initFailure, ProviderProcess, type ResourceType } from '../../helpers/toolchain/provider-client.ts';
import { engineHost, removeAll, testEngine, testImages, uniquePrefix } from '../../helpers/toolchain/test-engine.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
const docker = testEngine();
const prefix = uniquePrefix();
const missingImage = `sha256:${'d'.repeat(64)}`;
let image: string;
let provider: ProviderProcess;

beforeAll(async () => {
  [image] = await testImages(docker);
  provider = await ProviderProcess.start(engineHost);
});
afterEach(() => removeAll(docker, prefix));
afterAll(() => provider.stop());

async function create(type: ResourceType, properties: Properties): Promise<{ id: string; state: Properties }> {
  const { inputs, failures } = await provider.check(type, { name: prefix, ...properties });
  expect(failures).toEqual([]);
  return provider.create(type, inputs);
}

async function failed(type: ResourceType, properties: Properties): Promise<Error> {
  return create(type, properties).then(
    () => expect.fail('nothing failed'),
    (error: unknown) => error as Error,
  );
}

/** The error is of the kind that leaves the container in the state, and the container is there. */
async function expectKept(error: Error, reason: RegExp): Promise<void> {
  const failure = initFailure(error);
  expect(failure?.reasons).toEqual([expect.stringMatching(reason)]);
  expect(failure?.properties['name']).toBe(prefix);
  expect((await docker.getContainer(failure?.id ?? '').inspect()).Name).toBe(`/${prefix}`);
}

test.each([
  ['id', missingImage],
  ['name', 'nosuch:1'],
])('a missing image given by its %s is named, and nothing is made', async (_kind, name) => {
  const error = await failed('Container', { image: name });
  expect(error.message).toContain(`Unable to create container with image ${name}: `);
  expect(initFailure(error)).toBeUndefined();
  expect(await docker.listContainers({ all: true, filters: { name: [prefix] } })).toEqual([]);
});

test.each([true, false])('a container that exits at once is created all the same (mustRun %s)', async (mustRun) => {
  const { id } = await create('Container', { image, command: ['true'], mustRun });
  expect((await docker.getContainer(id).inspect()).Name).toBe(`/${prefix}`);
});

test('a missing network mode leaves a container that did not start', async () => {
  const error = await failed('Container', { image, command: ['sleep'], networkMode: `${prefix}-nosuch` });
  await expectKept(error, new RegExp(`Unable to start container: .*network ${prefix}-nosuch not found`));
});

test('a missing network to join leaves a container that did not start', async () => {
  const error = await failed('Container', {
    image,
    command: ['sleep'],
    networksAdvanced: [{ name: `${prefix}-nosuch` }],
  });
  await expectKept(error, new RegExp(`network ${prefix}-nosuch not found`));
});

test('a port in use leaves a container that starts with the next update, once the port is free', async () => {
  const { server, port } = await occupiedPort();
  const ports = [{ internal: 80, external: port, ip: '127.0.0.1' }];
  const error = await failed('Container', { image, command: ['sleep'], ports });
  await expectKept(error, /Unable to start container: .*(port is already allocated|address already in use)/);
  await new Promise((resolve) => server.close(resolve));
  const { inputs } = await provider.check('Container', { name: prefix, image, command: ['sleep'], ports });
  const id = initFailure(error)?.id ?? '';
  await provider.update('Container', id, inputs, inputs);
  expect((await docker.getContainer(id).inspect()).State.Running).toBe(true);
});

test('a name in use is a conflict, and nothing is made', async () => {
  await create('Container', { image, command: ['sleep'] });
  const error = await failed('Container', { image, command: ['sleep'] });
  expect(error.message).toMatch(
    new RegExp(`Unable to create container: .*Conflict. The container name "/${prefix}" is already in use`),
  );
  expect(initFailure(error)).toBeUndefined();
});

test('a command that does not exist leaves a container that did not start', async () => {
  const error = await failed('Container', { image, command: ['/nosuch'] });
  await expectKept(error, /Unable to start container: .*no such file or directory/);
});

test('a container that does not become healthy in time is an error that tells what was last seen', async () => {
  const healthcheck = { tests: ['CMD', 'false'], interval: '100ms', retries: 1 };
  const error = await failed('Container', { image, command: ['sleep'], healthcheck, wait: true, waitTimeout: 1 });
  await expectKept(error, /container failed to be in healthy state within 1 s; last seen: unhealthy/);
});

test('an overlapping subnet is refused, and nothing is made', async () => {
  const ipamConfigs = [{ subnet: `10.221.${process.pid % 200}.0/24` }];
  await create('Network', { ipamConfigs });
  const error = await failed('Network', { name: `${prefix}-2`, ipamConfigs });
  expect(error.message).toContain('Unable to create network: Error response from daemon: Pool overlaps');
  expect(initFailure(error)).toBeUndefined();
});

test('two networks of one name are refused', async () => {
  await create('Network', {});
  expect((await failed('Network', {})).message).toMatch(/Unable to create network: .*already exists/);
});

test("a volume that exists with other labels is somebody else's, and is not taken over", async () => {
  await docker.createVolume({ Name: prefix, Labels: { owner: 'somebody else' } });
  expect((await failed('Volume', { labels: [{ label: 'testnet', value: 'a' }] })).message).toContain('exists already');
});

test('a volume in use is not removed', async () => {
  const { id } = await create('Volume', {});
  const volumes = [{ volumeName: prefix, containerPath: '/data' }];
  await create('Container', { image, command: ['sleep'], volumes });
  await expect(provider.delete('Volume', id, {})).rejects.toThrow(/Unable to remove volume .*volume is in use/);
});

test('an engine that is not there is named, and no operation is left pending', async () => {
  const lost = await ProviderProcess.start('unix:///nonexistent/docker.sock');
  try {
    const { inputs } = await lost.check('Volume', { name: prefix });
    const error = await lost.create('Volume', inputs).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({
      code: 9,
      message: expect.stringContaining('Cannot connect to the Docker engine') as string,
    });
  } finally {
    await lost.stop();
  }
});

function occupiedPort(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address ? address.port : 0 });
    });
  });
}
