import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AbortedError, LabError, RefusedError } from '../../../src/core/errors.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { NotedHooks, PulumiProject, type SampleTestnet } from '../../helpers/pulumi/pulumi-project.ts';
import { watchContainers } from '../../helpers/pulumi/watch-containers.ts';

let project: PulumiProject;
beforeAll(async () => {
  project = await PulumiProject.create();
});
afterAll(() => project.remove());

const order = ['node-2', 'node-0', 'node-3', 'node-1'];
const versions = (version: string): string[] => [version, version, version, version];
const replaceAll = ['node-0', 'node-1', 'node-2', 'node-3'].map((node) => ({ node, kind: 'replace' as const }));

/** Processes of the Pulumi CLI that this process started. */
async function enginesOf(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
  const commands = await Promise.all(
    children.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')),
  );
  return children.filter((_, index) => commands[index]?.includes('pulumi\0up\0'));
}

async function bringUp(testnet: SampleTestnet): Promise<{ topology: Topology; hooks: NotedHooks }> {
  const topology = testnet.topology(versions('1'));
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology, order }, hooks);
  hooks.take();
  return { topology, hooks };
}

test('nodes are created together and replaced one by one in the given order, never two of them down', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const hooks = new NotedHooks();
  const first = testnet.topology(versions('1'));
  const creations = (await deployer.preview(first)).map(({ node, kind }) => `${node} ${kind}`);
  expect(creations.sort()).toEqual(['node-0 create', 'node-1 create', 'node-2 create', 'node-3 create']);

  await deployer.roll({ topology: first, order }, hooks);
  expect(hooks.take()).toEqual([
    ...['node-0', 'node-1', 'node-2', 'node-3'].map((node) => `before ${node} create`),
    'created node-0 node-1 node-2 node-3',
  ]);
  const created = await testnet.ids();
  expect(Object.keys(created).sort()).toEqual(['node-0', 'node-1', 'node-2', 'node-3']);

  expect(await deployer.preview(first)).toEqual([]);
  await deployer.roll({ topology: first, order, expected: [] }, hooks);
  expect(hooks.take()).toEqual([]);
  expect(await testnet.ids()).toEqual(created);

  const second = testnet.topology(versions('2'));
  expect((await deployer.preview(second)).toSorted((a, b) => (a.node < b.node ? -1 : 1))).toEqual(replaceAll);
  const watch = await watchContainers(project.docker, testnet.name);
  await deployer.roll({ topology: second, order, expected: replaceAll }, hooks);
  const { replaced, mostDownAtOnce } = await watch.end();
  expect(hooks.take()).toEqual(order.flatMap((node) => [`before ${node} replace`, `after ${node}`]));
  expect(replaced).toEqual(order.map((node) => `${testnet.name}-${node}`));
  expect(mostDownAtOnce).toBe(1);
  const facts = await testnet.container('node-3').inspect();
  expect(facts.Config.Env).toContain('VERSION=2');
  expect(Object.values(await testnet.ids()).some((id) => Object.values(created).includes(id))).toBe(false);

  await deployer.destroy(second);
  expect(await testnet.objects()).toEqual([]);
});

test('in the stage’s order absent nodes are created one by one, each when the one before was seen', async () => {
  const testnet = project.testnet();
  const topology = testnet.topology(versions('1'));
  const hooks = new NotedHooks();
  const there: string[][] = [];
  hooks.onCreated = async () => void there.push(Object.keys(await testnet.ids()).sort());
  await testnet.deployer.roll({ topology, order, createsInOrder: true }, hooks);
  expect(hooks.take()).toEqual(order.flatMap((node) => [`before ${node} create`, `created ${node}`]));
  expect(there).toEqual(order.map((_, index) => order.slice(0, index + 1).sort()));
  expect(await testnet.deployer.preview(topology)).toEqual([]);
});

test('a failed gate leaves the later nodes untouched; the next roll gates that node before it goes on', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { hooks } = await bringUp(testnet);
  const before = await testnet.ids();
  const failure = new Error('node-0 does not commit blocks');
  hooks.onAfter = async (node) => {
    if (node === 'node-0') throw failure;
  };
  const second = testnet.topology(versions('2'));
  await expect(deployer.roll({ topology: second, order, expected: replaceAll }, hooks)).rejects.toBe(failure);
  expect(hooks.take()).toEqual(['before node-2 replace', 'after node-2', 'before node-0 replace', 'after node-0']);
  const between = await testnet.ids();
  expect(between['node-3']).toBe(before['node-3']);
  expect(between['node-1']).toBe(before['node-1']);
  expect(between['node-0']).not.toBe(before['node-0']);
  const said = testnet.events.filter((event) => event.kind === 'message' && event.severity === 'error');
  expect(said.map((event) => event.kind === 'message' && event.text)).toEqual([
    expect.stringContaining('node-0 does not commit blocks'),
  ]);

  hooks.onAfter = undefined;
  const rest = (await deployer.preview(second)).map(({ node }) => node);
  expect(rest.sort()).toEqual(['node-1', 'node-3']);
  await deployer.roll({ topology: second, order }, hooks);
  expect(hooks.take()).toEqual([
    'after node-0',
    'before node-3 replace',
    'after node-3',
    'before node-1 replace',
    'after node-1',
  ]);
  expect((await testnet.ids())['node-2']).toBe(between['node-2']);
});

test('a rollback mends the node whose gate failed before it takes another one down', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { hooks } = await bringUp(testnet);
  hooks.onAfter = async (node) => {
    if (node === 'node-0') throw new Error('bad release');
  };
  await expect(deployer.roll({ topology: testnet.topology(versions('bad')), order }, hooks)).rejects.toThrow('bad');
  hooks.onAfter = undefined;
  hooks.take();
  await deployer.roll({ topology: testnet.topology(versions('1')), order }, hooks);
  expect(hooks.take()).toEqual(['before node-0 replace', 'after node-0', 'before node-2 replace', 'after node-2']);
});

test('a stage is refused as drift, and nothing touched, when a preview shows more or less than was expected', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { topology, hooks } = await bringUp(testnet);
  const ids = await testnet.ids();
  const refusal = (stage: Parameters<typeof deployer.roll>[0]): Promise<unknown> =>
    deployer.roll(stage, hooks).then(
      () => undefined,
      (error: unknown) => error,
    );
  const second = testnet.topology(versions('2'));
  const tooMuch = await refusal({ topology: second, order, expected: replaceAll.slice(1) });
  expect(tooMuch).toBeInstanceOf(RefusedError);
  expect(tooMuch).toMatchObject({
    code: 'drift',
    details: { differences: ['node-0: no change planned, needs replace'] },
  });

  const tooLittle = await refusal({ topology, order, expected: replaceAll.slice(0, 1) });
  expect(tooLittle).toMatchObject({ details: { differences: ['node-0: planned replace, needs no change'] } });

  const patient = {
    ...topology,
    nodes: topology.nodes.map((node) => ({ ...node, stop: { ...node.stop, graceMs: 4000 } })),
  };
  const inPlace = await refusal({
    topology: { ...patient, nodes: [...topology.nodes.slice(0, 3), ...patient.nodes.slice(3)] },
    order,
    expected: [],
  });
  expect(inPlace).toMatchObject({ code: 'drift', message: expect.stringContaining('node-3') as string });
  expect(hooks.calls).toEqual([]);
  expect(await testnet.ids()).toEqual(ids);
});

test('an abort while a gate waits ends the roll promptly and leaves a state that goes on', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { hooks } = await bringUp(testnet);
  const controller = new AbortController();
  const reason = new AbortedError('interrupted by a test');
  let abortedAtMs = 0;
  hooks.onAfter = () =>
    new Promise((_resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(reason), { once: true });
      abortedAtMs = performance.now();
      controller.abort(reason);
    });
  const second = testnet.topology(versions('2'));
  await expect(deployer.roll({ topology: second, order }, hooks, controller.signal)).rejects.toBe(reason);
  expect(performance.now() - abortedAtMs).toBeLessThan(3000);
  expect(hooks.take()).toEqual(['before node-2 replace', 'after node-2']);
  await expect(deployer.preview(second, controller.signal)).rejects.toBe(reason);

  const { deployment } = JSON.parse((await project.pulumi('stack', 'export', '--stack', testnet.name)).output) as {
    deployment: { pending_operations?: unknown[]; resources: unknown[] };
  };
  expect(deployment.resources.length).toBeGreaterThan(10);
  expect(deployment.pending_operations ?? []).toEqual([]);
  hooks.onAfter = undefined;
  await deployer.roll({ topology: second, order }, hooks);
  expect(hooks.take().slice(0, 3)).toEqual(['after node-2', 'before node-0 replace', 'after node-0']);
});

test('a Ctrl-C that reaches the engine as well as the roll is one interrupt: nothing is left locked or pending', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { hooks } = await bringUp(testnet);
  const controller = new AbortController();
  const reason = new AbortedError('interrupted by a test');
  hooks.onAfter = () =>
    new Promise((_resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(reason), { once: true });
      void enginesOf(process.pid).then((engines) => {
        expect(engines).toHaveLength(1);
        for (const pid of engines) process.kill(pid, 'SIGINT');
        controller.abort(reason);
      });
    });
  const second = testnet.topology(versions('2'));
  await expect(deployer.roll({ topology: second, order }, hooks, controller.signal)).rejects.toBe(reason);
  hooks.onAfter = undefined;
  hooks.take();
  await deployer.roll({ topology: second, order }, hooks);
  expect(hooks.take()[0]).toBe('after node-2');
});

test("an error of the engine is told in the engine's own words, and the roll goes on once it is mended", async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { topology, hooks } = await bringUp(testnet);
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  const clashing: Topology = {
    ...testnet.topology(['1', '1', '2', '1']),
    nodes: testnet
      .topology(['1', '1', '2', '1'])
      .nodes.map((node) =>
        node.name === 'node-2' ? { ...node, ports: [{ name: 'http', containerPort: 8080, hostPort: port }] } : node,
      ),
  };
  const error: unknown = await deployer.roll({ topology: clashing, order }, hooks).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LabError);
  expect((error as LabError).message).toMatch(/node-2-container: .*(already in use|port is already allocated|bind)/s);
  expect(hooks.take()).toEqual(['before node-2 replace']);
  occupant.close();
  await once(occupant, 'close');
  await deployer.roll({ topology, order }, hooks);
  expect(hooks.take()).toEqual(['before node-2 replace', 'after node-2']);
  expect((await testnet.container('node-2').inspect()).State.Running).toBe(true);
});

test('a stopped node is mended first, and a container that someone removed is made anew', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { topology, hooks } = await bringUp(testnet);
  await testnet.container('node-1').stop({ t: 1 });
  expect(await deployer.preview(topology)).toEqual([{ node: 'node-1', kind: 'replace' }]);
  await deployer.roll({ topology, order }, hooks);
  expect(hooks.take()).toEqual(['before node-1 replace', 'after node-1']);

  await testnet.container('node-3').remove({ force: true });
  expect(await deployer.preview(topology)).toEqual([{ node: 'node-3', kind: 'create' }]);
  await deployer.roll({ topology, order, expected: [{ node: 'node-3', kind: 'create' }] }, hooks);
  expect(hooks.take()).toEqual(['before node-3 create', 'created node-3']);
  expect((await testnet.container('node-3').inspect()).State.Running).toBe(true);
});

test('nodes that are down and none of the stage’s stay down, and are no drift', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { hooks } = await bringUp(testnet);
  const before = await testnet.ids();
  await testnet.container('node-1').pause();
  await testnet.container('node-3').stop({ t: 1 });
  const target = testnet.topology(['1', '1', '2', '1']);
  const stage = { topology: target, order: ['node-2'], only: ['node-0', 'node-2'] };
  await deployer.roll({ ...stage, expected: [{ node: 'node-2', kind: 'replace' }] }, hooks);
  expect(hooks.take()).toEqual(['before node-2 replace', 'after node-2']);
  const after = await testnet.ids();
  expect(after['node-2']).not.toBe(before['node-2']);
  for (const node of ['node-0', 'node-1', 'node-3']) expect(after[node], node).toBe(before[node]);
  const states = await Promise.all(['node-1', 'node-3'].map((node) => testnet.container(node).inspect()));
  expect(states.map(({ State }) => [State.Paused, State.Running])).toEqual([
    [true, true],
    [false, false],
  ]);
  await testnet.container('node-1').unpause();
});

test('a node that left the topology is removed with its data after the others, and said so before', async () => {
  const testnet = project.testnet();
  const { deployer } = testnet;
  const { topology, hooks } = await bringUp(testnet);
  const smaller = { ...topology, nodes: topology.nodes.slice(0, 3) };
  const expected = [{ node: 'node-3', kind: 'remove' as const }];
  expect(await deployer.preview(smaller)).toEqual(expected);
  await deployer.roll({ topology: smaller, order, expected }, hooks);
  expect(hooks.take()).toEqual(['before node-3 remove']);
  expect((await testnet.objects()).filter(({ node }) => node === 'node-3')).toEqual([]);
  expect(Object.keys(await testnet.ids()).sort()).toEqual(['node-0', 'node-1', 'node-2']);
});
