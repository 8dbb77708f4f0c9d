import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { processIdentity } from '../../../src/core/process-identity.ts';
import { waitFor } from '../../../src/core/wait.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { operationProcess } from '../../helpers/pulumi/operation-process.ts';
import { NotedHooks, PulumiProject, type SampleTestnet } from '../../helpers/pulumi/pulumi-project.ts';

const script = join(import.meta.dirname, '../../fixtures/pulumi-entry/rolling-child.ts');
let project: PulumiProject;
beforeAll(async () => {
  project = await PulumiProject.create();
});
afterAll(() => project.remove());

/** Rolls in a process of its own and kills that and, unless told not to, its CLI, but not the plugins, once `line` stands in the log. */
async function rollAndKill(topology: Topology, line: string, afterMs = 0, isCliSpared = false): Promise<void> {
  const { root, cli, env } = project;
  await writeFile(join(root, 'input.json'), JSON.stringify({ topology, cli, env }));
  await rm(join(root, 'calls.log'), { force: true });
  const child = spawn(process.execPath, [script, root], {
    detached: true,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  await waitFor(async () => ((await readFile(join(root, 'calls.log'), 'utf8')).includes(line) ? true : undefined), {
    clock: systemClock,
    what: `the roll to log "${line}"`,
    timeoutMs: 60_000,
    intervalMs: 10,
  });
  await systemClock.sleep(afterMs);
  process.kill((child.pid ?? 0) * (isCliSpared ? 1 : -1), 'SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

/** Pids of living processes that an operation on this testnet started. */
async function processesOf(testnet: SampleTestnet): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const isOwn = environment.includes('SEATRIAL_OPERATION=') && environment.includes(`"testnet":"${testnet.name}"`);
      return isOwn && (await processIdentity(pid)) ? [pid] : [];
    }),
  );
  return found.flat();
}

async function locks(testnet: SampleTestnet): Promise<string[]> {
  const folder = join(project.root, '.seatrial/pulumi-state/.pulumi/locks/organization/seatrial', testnet.name);
  const files = await readdir(folder).catch(() => []);
  return files.filter((file) => file.endsWith('.json'));
}

test('a roll goes on where one was killed in the middle of a replacement', async () => {
  const testnet = project.testnet();
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology: testnet.topology(['1', '1', '1']), order: [] }, hooks);
  const second = testnet.topology(['2', '2', '2']);
  await rollAndKill(second, 'before node-1 replace', 60);
  expect(await locks(testnet)).toHaveLength(1);
  hooks.take();

  await testnet.deployer.roll({ topology: second, order: [] }, hooks);
  expect(hooks.take().filter((call) => call.startsWith('after') || call.startsWith('created'))).toEqual(
    expect.arrayContaining([expect.stringContaining('node-1') as string, 'after node-2']),
  );
  const versions = await Promise.all(
    second.nodes.map(async ({ name }) => (await testnet.container(name).inspect()).Config.Env),
  );
  for (const env of versions) expect(env).toContain('VERSION=2');
  expect(await testnet.deployer.preview(second)).toEqual([]);
  expect(await locks(testnet)).toEqual([]);
});

test('what a killed roll holds is given back when nothing is left to roll; where nothing is held, nothing is done', async () => {
  const testnet = project.testnet();
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology: testnet.topology(['1', '1']), order: [] }, hooks);
  const second = testnet.topology(['2', '2']);
  await rollAndKill(second, 'before node-0 replace', 60);
  expect(await locks(testnet)).toHaveLength(1);
  await testnet.deployer.recover?.();
  expect(await locks(testnet)).toEqual([]);
  const objects = await testnet.objects();
  expect(objects.length).toBeGreaterThan(0);
  await testnet.deployer.recover?.();
  expect((await testnet.objects()).sort(byId)).toEqual(objects.sort(byId));
  // The state is what the engine has: what is left of the roll is still to be done.
  expect((await testnet.deployer.preview(second)).length).toBeGreaterThan(0);
});

test.each([0, 400, 900])(
  'destroy leaves nothing after a roll was killed %i ms into the first creation',
  async (afterMs) => {
    const testnet = project.testnet();
    const topology = testnet.topology(['1', '1', '1'], await testnet.secretFiles(3, 'secret-'));
    await rollAndKill(topology, 'before node-2 create', afterMs);
    await testnet.deployer.destroy(topology);
    expect(await testnet.objects()).toEqual([]);
    expect((await project.pulumi('stack', 'ls')).output).not.toContain(testnet.name);
    expect((await readdir(join(project.root, 'stacks'))).join()).not.toContain(testnet.name);
    expect(await locks(testnet)).toEqual([]);
  },
);

test('a state that was left torn is put back from before, and what was made since is found again', async () => {
  const testnet = project.testnet();
  const topology = testnet.topology(['1', '1']);
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology, order: [] }, hooks);
  const state = join(project.root, '.seatrial/pulumi-state/.pulumi/stacks/seatrial', `${testnet.name}.json`);
  const whole = await readFile(state, 'utf8');
  await writeFile(state, whole.slice(0, whole.length / 2));
  await testnet.deployer.roll({ topology: testnet.topology(['2', '2']), order: [] }, hooks);
  expect((await testnet.container('node-1').inspect()).Config.Env).toContain('VERSION=2');
  await writeFile(state, '');
  await testnet.deployer.destroy(topology);
  expect(await testnet.objects()).toEqual([]);
  expect((await project.pulumi('stack', 'ls')).output).not.toContain(testnet.name);
});

test.each(['', '{"user.cache_control":'])(
  'a state whose attributes a kill left torn ("%s") is read all the same',
  async (torn) => {
    const testnet = project.testnet();
    const topology = testnet.topology(['1', '1']);
    const hooks = new NotedHooks();
    await testnet.deployer.roll({ topology, order: [] }, hooks);
    const stacks = join(project.root, '.seatrial/pulumi-state/.pulumi/stacks/seatrial');
    const attributes = join(stacks, `${testnet.name}.json.attrs`);
    expect(JSON.parse(await readFile(attributes, 'utf8'))).toHaveProperty('md5');
    await writeFile(attributes, torn);
    const refused = await project.pulumi('stack', 'export', '--stack', testnet.name);
    expect(refused.output).toContain('failed to load checkpoint');
    hooks.take();
    await testnet.deployer.roll({ topology: testnet.topology(['1', '2']), order: [] }, hooks);
    expect(hooks.take().filter((call) => call.startsWith('after'))).toEqual(['after node-1']);
    await writeFile(attributes, torn);
    await testnet.deployer.destroy(topology);
    expect(await testnet.objects()).toEqual([]);
    expect((await project.pulumi('stack', 'ls')).output).not.toContain(testnet.name);
  },
);

test('a lock and a torn state that a kill left together hold neither a roll nor a destroy back', async () => {
  const testnet = project.testnet();
  const topology = testnet.topology(['1', '1']);
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology, order: [] }, hooks);
  const state = join(project.root, '.seatrial/pulumi-state/.pulumi/stacks/seatrial', `${testnet.name}.json`);
  const folder = join(project.root, '.seatrial/pulumi-state/.pulumi/locks/organization/seatrial', testnet.name);
  const { pid } = spawnSync('true');
  const kill = async (): Promise<void> => {
    await mkdir(folder, { recursive: true });
    const lock = { pid, username: userInfo().username, hostname: hostname(), timestamp: new Date().toISOString() };
    await writeFile(join(folder, `${randomUUID()}.json`), JSON.stringify(lock));
    await writeFile(state, '');
  };
  await kill();
  await testnet.deployer.roll({ topology: testnet.topology(['2', '2']), order: [] }, hooks);
  expect((await testnet.container('node-1').inspect()).Config.Env).toContain('VERSION=2');
  await kill();
  await testnet.deployer.destroy(topology);
  expect(await testnet.objects()).toEqual([]);
  expect(await locks(testnet)).toEqual([]);
});

test('processes that outlived a killed command are ended by the next one, and no others', async () => {
  const testnet = project.testnet();
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology: testnet.topology(['1', '1']), order: [] }, hooks);
  await rollAndKill(testnet.topology(['2', '2']), 'before node-1 replace', 60);
  // The engine's own plugin may end by itself before anybody looks; this one does not.
  const dead = { root: project.root, testnet: testnet.name, pid: 2 ** 22 + 1, startTicks: '1', bootId: 'another' };
  const planted = operationProcess(dead);
  const others = [
    operationProcess({ ...dead, testnet: `${testnet.name}-b` }),
    operationProcess({ ...dead, root: '/elsewhere' }),
    operationProcess({ ...dead, ...(await processIdentity(process.pid)) }),
  ];
  const left = await processesOf(testnet);
  expect(left).toContain(planted.pid);
  await testnet.nextDeployer().roll({ topology: testnet.topology(['2', '2']), order: [] }, hooks);
  for (const pid of left.filter((one) => !others.some((other) => other.pid === one))) {
    expect(await processIdentity(pid)).toBeUndefined();
  }
  for (const other of others) expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});

test('a roll goes on after a command was killed whose CLI lived on, and leaves no process', async () => {
  const testnet = project.testnet();
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology: testnet.topology(['1', '1']), order: [] }, hooks);
  const second = testnet.topology(['2', '2']);
  await rollAndKill(second, 'before node-1 replace', 60, true);
  await testnet.nextDeployer().roll({ topology: second, order: [] }, hooks);
  const versions = await Promise.all(
    second.nodes.map(async ({ name }) => (await testnet.container(name).inspect()).Config.Env),
  );
  for (const env of versions) expect(env).toContain('VERSION=2');
  expect(await testnet.nextDeployer().preview(second)).toEqual([]);
  expect(await locks(testnet)).toEqual([]);
  expect(await processesOf(testnet)).toEqual([]);
});

test('a lock of a process on another machine is respected, and nothing is touched', async () => {
  const testnet = project.testnet();
  const topology = testnet.topology(['1', '1']);
  const hooks = new NotedHooks();
  await testnet.deployer.roll({ topology, order: [] }, hooks);
  const before = await testnet.objects();
  hooks.take();
  const folder = join(project.root, '.seatrial/pulumi-state/.pulumi/locks/organization/seatrial', testnet.name);
  await mkdir(folder, { recursive: true });
  const lock = { pid: 1, username: 'someone', hostname: 'elsewhere', timestamp: new Date().toISOString() };
  const file = join(folder, `${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(lock));

  const refused = { code: 'locked', message: expect.stringContaining('someone@elsewhere') as string };
  await expect(
    testnet.deployer.roll({ topology: testnet.topology(['2', '2']), order: [] }, hooks),
  ).rejects.toMatchObject(refused);
  await expect(testnet.deployer.destroy(topology)).rejects.toMatchObject(refused);
  expect(hooks.calls).toEqual([]);
  expect((await testnet.objects()).sort(byId)).toEqual(before.sort(byId));
  expect(before.length).toBeGreaterThan(4);
  expect(await locks(testnet)).toHaveLength(1);
});
