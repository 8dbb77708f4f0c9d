import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { readJsonFile } from '../../src/core/files.ts';
import { waitFor } from '../../src/core/wait.ts';
import type { Allocation } from '../../src/topology/allocation.ts';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const project = useProject();
const { testnet } = project;
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
let sound = '';

beforeAll(async () => {
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }, { version: '1.1.0' }]);
  sound = `system: reference\nlab: process\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: smoke\nload: { perSecond: 20 }\n`;
  await project.write(sound);
});

const upgrade = ['run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0'] as const;

async function versions(): Promise<[string | null, boolean][]> {
  return (await project.status()).map(({ version, healthy }) => [version, healthy]);
}

const all = (version: string): [string, boolean][] => Array.from({ length: 4 }, () => [version, true]);

describe('before anything is up', () => {
  test.each([
    ['status of a testnet that is not up', ['status', testnet], `${testnet} is not up; bring it up with: seatrial up`],
    ['a run on a testnet that is not up', [...upgrade], `${testnet} is not up; bring it up with: seatrial up`],
    ['down of a testnet that is not up', ['down', testnet], `${testnet} is not up`],
    ['an unknown testnet', ['status', `${testnet}x`], `there is no testnet ${testnet}x; did you mean ${testnet}?`],
    [
      'the runs of an unknown testnet',
      ['runs', `${testnet}x`],
      `there is no testnet ${testnet}x; did you mean ${testnet}?`,
    ],
    [
      'an unknown runbook',
      ['run', 'rolling-upgrad', testnet],
      'there is no runbook rolling-upgrad; did you mean rolling-upgrade?',
    ],
    ['an unknown run', ['show', 'nothing'], 'there is no run nothing'],
    ['a report before the first run', ['report', testnet], `${testnet} has no runs yet`],
    ['a file that is not there', ['up', 'stacks/nothing.yaml'], 'stacks/nothing.yaml: there is no such file'],
    ['an abort of all runs and of one', ['abort', '--all', testnet], `leave out ${testnet}, or leave out --all`],
    ['a folder that is no run', ['verify', './stacks'], 'stacks is not the folder of a run: it has no journal.jsonl'],
    ['an unknown command', ['upp'], "unknown command 'upp'"],
  ])('%s: exit 2 and a message that says what to do', async (_what, args, message) => {
    const { exitCode, stderr } = await project.seatrial(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(exitCode).toBe(2);
  });

  test('with --json an error is JSON as well', async () => {
    const { exitCode, stdout } = await project.seatrial('status', testnet, '--json');
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage' } });
  });

  test('malformed YAML: exit 2 with file, line and column, nothing is made', async () => {
    await project.write(`${sound}overrides: [\n`);
    onTestFinished(() => project.write(sound));
    const { exitCode, stderr } = await project.seatrial('up', project.file);
    expect(stderr).toMatch(new RegExp(`${testnet}\\.yaml:\\d+:\\d+: not valid YAML`));
    expect(exitCode).toBe(2);
    expect(await project.instances()).toEqual({});
    expect((await project.seatrial('status', testnet)).exitCode).toBe(2);
  });

  test('a program that is not there: exit 2 with its place in the file', async () => {
    await project.write(sound.replace('1.0.0.mjs', 'gone.mjs'));
    onTestFinished(() => project.write(sound));
    const { exitCode, stderr } = await project.seatrial('up', project.file);
    expect(stderr).toMatch(/yaml:5:\d+: release 1\.0\.0: the program cannot be read: ENOENT/);
    expect(exitCode).toBe(2);
  });
});

describe('with four nodes that are up', () => {
  beforeAll(async () => {
    await project.succeed('up', project.file);
  });

  test.each([
    [
      'an unknown release',
      ['run', 'rolling-upgrade', testnet, '--set', 'version=1.2.0'],
      /unknown release 1\.2\.0; did you mean 1\.[01]\.0\?/,
    ],
    ['a missing parameter', ['run', 'rolling-upgrade', testnet], /rolling-upgrade needs --set version=…/],
    ['a parameter without a value', [...upgrade, '--set', 'nodes'], /--set takes name=value, not nodes/],
    ['a parameter that is given twice', [...upgrade, '--set', 'version=1.0.0'], /version=… is given twice/],
    ['a time of nothing', [...upgrade, '--set', 'deadline=0s'], /deadline cannot be "0s": it is at least 1ms/],
    ['an unknown parameter', [...upgrade, '--set', 'nodse=a'], /has no parameter nodse; did you mean nodes\?/],
    [
      'an unknown value',
      [...upgrade, '--set', 'on-failure=rolback'],
      /on-failure cannot be rolback; did you mean rollback\?/,
    ],
    [
      'an unknown node',
      [...upgrade, '--set', 'nodes=validator-9'],
      /there is no node validator-9; did you mean validator-0\?/,
    ],
    ['a node in logs', ['logs', testnet, 'validator-9'], /there is no node validator-9; did you mean validator-0\?/],
    ['a rollback of nothing', ['run', 'rollback', testnet], /there is nothing to roll back/],
    ['a rollback of an unknown run', ['run', 'rollback', testnet, '--set', 'run=x'], /there is no run x/],
  ])('%s: exit 2, nothing is touched and no run is written', async (_what, args, message) => {
    const before = { instances: await project.instances(), runs: await project.runIds() };
    const { exitCode, stderr } = await project.seatrial(...args);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
    expect(Object.keys(before.instances)).toHaveLength(4);
    expect({ instances: await project.instances(), runs: await project.runIds() }).toEqual(before);
  });

  test.skipIf(!isRoot)(
    'a disk that is full while journalling (needs root on Linux, to mount one of 64 KiB): exit 4, nothing is touched',
    async () => {
      const before = { instances: await project.instances(), versions: await versions() };
      const runs = join(project.stateDir, 'runs');
      await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', runs]);
      try {
        await writeFile(join(runs, 'filler'), Buffer.alloc(48 * 1024));
        const { exitCode, stdout, stderr } = await project.seatrial(...upgrade);
        expect(stdout).toMatch(/gate 4 nodes: smoke/);
        expect(`${stdout}${stderr}`).toMatch(/runs\/.*ENOSPC/);
        expect(exitCode).toBe(4);
      } finally {
        await promisify(execFile)('umount', ['--lazy', runs]);
      }
      expect(Object.keys(before.instances)).toHaveLength(4);
      expect({ instances: await project.instances(), versions: await versions() }).toEqual(before);
    },
  );

  test('a second command while one runs: exit 2 and the name of the one that holds the lock', async () => {
    const first = project.start(...upgrade, '--set', 'nodes=validator-0');
    await first.wrote(/gate 4 nodes/);
    const second = await project.seatrial(...upgrade);
    const down = await project.seatrial('down', testnet);
    expect(second.stderr).toMatch(
      `another command is changing this testnet: run rolling-upgrade (pid ${first.pid}, since `,
    );
    expect([second.exitCode, down.exitCode]).toEqual([2, 2]);
    expect((await first.ended).exitCode).toBe(0);
    expect(await versions()).toEqual([['1.1.0', true], ...all('1.0.0').slice(1)]);
  });

  test('Ctrl-C during a gate: exit 130, the run says so, and the next one goes on', async () => {
    const command = project.start(...upgrade, '--set', 'nodes=validator-1');
    await command.wrote(/gate validator-1: smoke/);
    command.kill('SIGINT');
    expect((await command.ended).exitCode).toBe(130);
    const last = (await project.newestRun()).at(-1);
    expect(last).toMatchObject({ type: 'run.finished', outcome: 'interrupted', exitCode: 130 });
    expect(Object.keys(await project.instances())).toHaveLength(4);
    const { exitCode, stdout } = await project.seatrial('up', project.file);
    expect(stdout).toMatch(/gate validator-1: PASS/);
    expect(exitCode).toBe(0);
    expect(await versions()).toEqual([...all('1.1.0').slice(2), ...all('1.0.0').slice(2)]);
  });

  test('killed in the middle: the next command names the run and each node’s release, and rollback works from there', async () => {
    const command = project.start(...upgrade);
    await command.wrote(/gate validator-2: smoke/);
    command.kill('SIGKILL');
    await command.ended;
    const killed = (await project.runIds()).at(-1) ?? '';
    const { runs } = await project.json<{ runs: { id: string; outcome: string }[] }>('runs', testnet);
    expect(runs[0]).toMatchObject({ id: killed, outcome: 'unfinished' });

    const { exitCode, stderr, stdout } = await project.seatrial('run', 'rollback', testnet, '--set', `run=${killed}`);
    expect(stderr).toContain(`run ${killed} (rolling-upgrade) was cut off and never ended`);
    expect(stderr).toMatch(/validator-1: 1\.1\.0\n/);
    expect(stderr).toMatch(/validator-2: 1\.1\.0\n/);
    expect(stderr).toMatch(/validator-3: 1\.0\.0\n/);
    expect(stdout).toMatch(/validator-2: replacing 1\.1\.0 → 1\.0\.0[^]*gate validator-2: PASS/);
    expect(exitCode).toBe(0);
    expect(await versions()).toEqual([...all('1.1.0').slice(2), ...all('1.0.0').slice(2)]);
  });

  test('an upgrade with three of four nodes down: exit 2, nothing is touched; up repairs them', async () => {
    for (const name of ['validator-1', 'validator-2', 'validator-3']) await project.crash(name);
    const before = await project.instances();
    expect(Object.keys(before)).toEqual(['validator-0']);
    const { exitCode, stderr, stdout } = await project.seatrial(...upgrade);
    expect(`${stdout}${stderr}`).toMatch(
      /the network has no quorum to begin with: [01] of 4 voting power is left and 3 is needed/,
    );
    expect(exitCode).toBe(2);
    expect(await project.instances()).toEqual(before);
    expect((await project.newestRun()).filter(({ type }) => type === 'intent')).toEqual([]);

    await project.succeed('up', project.file);
    expect(await versions()).toEqual([...all('1.1.0').slice(2), ...all('1.0.0').slice(2)]);
  });

  test('a port that is taken: exit 4 with port and holder, the other nodes go on untouched', async () => {
    const allocation = await readJsonFile<Allocation>(join(project.stateDir, 'allocation.json'));
    const port = allocation?.ports['validator-3/http'] ?? 0;
    await project.crash('validator-3');
    const squatter = await listen(port);
    onTestFinished(() => void squatter.close());
    const before = await project.instances();
    const { exitCode, stdout, stderr } = await project.seatrial('up', project.file);
    expect(`${stdout}${stderr}`).toMatch(
      new RegExp(`port 127\\.0\\.0\\.1:${port} needed by validator-3 is taken by pid ${process.pid} `),
    );
    expect(exitCode).toBe(4);
    expect(Object.keys(before)).toHaveLength(3);
    expect(await project.instances()).toEqual(before);

    squatter.close();
    await project.succeed('up', project.file);
    expect((await versions()).every(([, healthy]) => healthy)).toBe(true);
  });

  test('killed in the middle: down works from there', async () => {
    const command = project.start(...upgrade);
    await command.wrote(/validator-2: replacing 1\.0\.0/);
    command.kill('SIGKILL');
    await command.ended;
    const { exitCode, stderr } = await project.seatrial('down', testnet);
    expect(stderr).toMatch(/was cut off and never ended/);
    expect(exitCode).toBe(0);
    expect(await project.instances()).toEqual({});
    await rm(project.stateDir, { recursive: true });
  });
});

/** A server on the port of a node that has just ended: the system may take a moment to give it back. */
function listen(port: number): Promise<Server> {
  const attempt = async (): Promise<Server> => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return server;
  };
  return waitFor(attempt, { clock: systemClock, what: `port ${port}`, timeoutMs: 5000 });
}
