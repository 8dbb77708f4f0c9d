import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { waitFor } from '../../../src/core/wait.ts';
import { removeAll, testEngine, testImages, uniquePrefix } from '../../helpers/toolchain/test-engine.ts';
import { PulumiProject, type Result } from './project.ts';

/** Building the CLI for the first time on a machine takes minutes. */
const setupTimeoutMs = 20 * 60_000;
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const docker = testEngine();
const prefix = uniquePrefix();
const block = `10.223.${process.pid % 200}`;
let image: string;
let root: string;
let project: PulumiProject;

beforeAll(async () => {
  [image] = await testImages(docker);
  root = await mkdtemp(join(tmpdir(), 'seatrial-toolchain-'));
  project = await PulumiProject.create(root);
}, setupTimeoutMs);
afterEach(async () => {
  try {
    await project.write('');
    expectSuccess(await project.pulumi('destroy', '--yes', '--refresh'));
    expect(await project.processes()).toEqual([]);
  } finally {
    await removeAll(docker, prefix);
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A network, a volume and a container with a static address, as a program in TypeScript with types to strip. */
function program(env: string, more = ''): string {
  return `
import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
const network: docker.Network = new docker.Network('network', {
  name: '${prefix}-net', ipamConfigs: [{ subnet: '${block}.0/24' }],
});
const volume = new docker.Volume('volume', { name: '${prefix}-vol' });
const container = new docker.Container('node', {
  name: '${prefix}-node', image: '${image}', command: ['sleep'], envs: [${env}], destroyGraceSeconds: 5,
  networksAdvanced: [{ name: network.name, ipv4Address: '${block}.10', aliases: ['node'] }],
  volumes: [{ volumeName: volume.name, containerPath: '/data' }],
  ${more}
});
export const address: pulumi.Output<string> = container.networkDatas.apply((all) => all[0]!.ipAddress);
`;
}

function expectSuccess({ exitCode, output }: Result): void {
  expect(exitCode, output).toBe(0);
}

const inspectNode = () => docker.getContainer(`${prefix}-node`).inspect();

describe('pulumi', () => {
  test('creates, sees no change, replaces, refreshes and destroys', async () => {
    await project.write(program(`'A=1'`));
    const preview = await project.pulumi('preview');
    expect(preview).toMatchObject({ exitCode: 0, output: expect.stringContaining('+ 4 to create') as string });
    const up = await project.up();
    expect(up).toMatchObject({ exitCode: 0, output: expect.stringContaining(`address: "${block}.10"`) as string });
    expect(up.output).not.toMatch(/warning/i);
    const first = await inspectNode();
    expect(first.State.Running).toBe(true);
    expectSuccess(await project.pulumi('preview', '--expect-no-changes'));
    expectSuccess(await project.pulumi('refresh', '--yes', '--expect-no-changes'));

    await project.write(program(`'A=2'`));
    const replaced = await project.up();
    expect(replaced).toMatchObject({ exitCode: 0, output: expect.stringContaining('+-1 replaced') as string });
    const second = await inspectNode();
    expect(second.Id).not.toBe(first.Id);
    expect(second.Config.Env).toContain('A=2');
    expect(second.NetworkSettings.Networks[`${prefix}-net`]?.IPAddress).toBe(`${block}.10`);

    expectSuccess(await project.pulumi('destroy', '--yes'));
    const filters = { name: [prefix] };
    expect(await docker.listContainers({ all: true, filters })).toEqual([]);
    expect(await docker.listNetworks({ filters })).toEqual([]);
    expect((await docker.listVolumes({ filters })).Volumes).toEqual([]);
  });

  test('changes memory and restart policy in place', async () => {
    await project.write(program(`'A=1'`, `memory: 32,`));
    expectSuccess(await project.up());
    const { Id: id } = await inspectNode();
    await project.write(program(`'A=1'`, `memory: 64, restart: 'always',`));
    expect(await project.up()).toMatchObject({ exitCode: 0, output: expect.stringContaining('~ 1 updated') as string });
    const { Id, HostConfig: host } = await inspectNode();
    expect({ Id, memory: host.Memory, restart: host.RestartPolicy?.Name }).toEqual({
      Id: id,
      memory: 64 * 1024 * 1024,
      restart: 'always',
    });
    expectSuccess(await project.pulumi('preview', '--expect-no-changes'));
  });

  test('makes a vanished container again after a refresh', async () => {
    await project.write(program(`'A=1'`));
    expectSuccess(await project.up());
    await docker.getContainer(`${prefix}-node`).remove({ force: true });
    expectSuccess(await project.pulumi('refresh', '--yes'));
    expect(await project.up()).toMatchObject({ exitCode: 0, output: expect.stringContaining('+ 1 created') as string });
    expect((await inspectNode()).State.Running).toBe(true);
  });

  test('starts a container with the next update that could not start with the first', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
    });
    await project.write(program(`'A=1'`, `ports: [{ internal: 80, external: ${port}, ip: '127.0.0.1' }],`));
    const failed = await project.up();
    expect(failed).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining('Unable to start container') as string,
    });
    await new Promise((resolve) => blocker.close(resolve));
    expectSuccess(await project.up());
    expect((await inspectNode()).State.Running).toBe(true);
    expectSuccess(await project.pulumi('preview', '--expect-no-changes'));
  });

  test('writes no secret into its state', async () => {
    await project.write(program(`pulumi.secret('TOKEN=hunter2')`));
    expectSuccess(await project.up());
    expect((await inspectNode()).Config.Env).toContain('TOKEN=hunter2');
    const { output } = await project.pulumi('stack', 'export');
    expect(output).toContain('"envs"');
    expect(output).not.toContain('hunter2');
    expectSuccess(await project.pulumi('preview', '--expect-no-changes'));
  });

  test('refuses what the provider does not have, by name, before anything is made', async () => {
    await project.write(program(`'A=1'`, `privileged: true,`));
    const refused = await project.pulumi('preview');
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toContain('Container.privileged is not supported by the offline docker provider');
  });

  test('uses one explicit provider per engine', async () => {
    await project.write(`
import * as docker from '@pulumi/docker';
const here = new docker.Provider('here', { host: process.env['DOCKER_HOST']! });
new docker.Volume('volume', { name: '${prefix}-vol' }, { provider: here });
`);
    expectSuccess(await project.up());
    expect((await docker.getVolume(`${prefix}-vol`).inspect()).Name).toBe(`${prefix}-vol`);
    expectSuccess(await project.pulumi('preview', '--expect-no-changes'));
  });

  test('says what it is made of', async () => {
    const about = await project.pulumi('about');
    expect(about.output).toMatch(/resource\s+docker\s+5\.2\.0/);
    expect(about.output).toContain(`executable='${process.execPath}'`);
  });
});

describe('a program that fails ends pulumi with 1', () => {
  test.each([
    ['throws', `throw new Error('thrown on purpose');`, 'thrown on purpose'],
    ['rejects', `await Promise.reject(new Error('rejected on purpose'));`, 'rejected on purpose'],
    ['leaves a rejection unhandled', `void Promise.reject(new Error('left alone'));`, 'left alone'],
    ['exits with 3', `process.exit(3);`, 'non-zero exit code: 3'],
    ['has a syntax error', `const x = ;`, 'SyntaxError'],
  ])('when it %s', async (_what, text, message) => {
    await project.write(text);
    const { exitCode, output } = await project.up();
    expect(output).toContain(message);
    expect(exitCode).toBe(1);
  });
});

describe('a running pulumi', () => {
  /** Starts an update that never ends; resolves once its container is in the state. */
  async function startHanging(more = ''): Promise<ReturnType<PulumiProject['start']>> {
    const marker = join(root, 'is-up');
    await rm(marker, { force: true });
    await project.write(`${program(`'A=1'`)}
import { writeFileSync } from 'node:fs';
${more}
container.id.apply(() => writeFileSync('is-up', ''));
setInterval(() => undefined, 1000);
await new Promise(() => undefined);
`);
    const running = project.start('up', '--yes', '--skip-preview');
    const isUp = () => readFile(marker, 'utf8');
    await waitFor(isUp, { clock: systemClock, what: 'the container to be recorded', timeoutMs: 60_000 });
    expect((await project.processes()).length).toBeGreaterThanOrEqual(3);
    return running;
  }

  async function expectNoProcess(): Promise<void> {
    const areGone = async () => ((await project.processes()).length === 0 ? true : undefined);
    await waitFor(areGone, { clock: systemClock, what: 'all plugins to end', timeoutMs: 5_000 });
  }

  test('that is killed leaves no plugin and no program behind', async () => {
    const running = await startHanging();
    running.kill('SIGKILL');
    await running.end;
    await expectNoProcess();
    expectSuccess(await project.pulumi('cancel', '--yes'));
  });

  test.each(['SIGINT', 'SIGKILL'] as const)('that gets a %s gives its program time to clean up', async (signal) => {
    const running = await startHanging(`
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => setTimeout(() => {
    writeFileSync('cleaned-up', name);
    process.exit(1);
  }, 500));
}`);
    running.kill(signal);
    await running.end;
    await expectNoProcess();
    expect(await readFile(join(root, 'cleaned-up'), 'utf8')).toMatch(/^SIG(INT|TERM)$/);
    await rm(join(root, 'cleaned-up'));
    if (signal === 'SIGKILL') expectSuccess(await project.pulumi('cancel', '--yes'));
  });

  test('that is interrupted ends soon and leaves nothing pending', async () => {
    const running = await startHanging();
    running.kill('SIGINT');
    expect((await running.end).exitCode).not.toBe(0);
    await expectNoProcess();
    const { output } = await project.pulumi('stack', 'export');
    expect(output).toContain('docker:index/container:Container');
    expect(output).not.toContain('pending_operations');
  });
});
