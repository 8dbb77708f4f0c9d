import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { findDaemon } from '../../src/lab/process/mark.ts';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;
const yaml = (version: string): string =>
  [
    ...['system: reference', 'lab: process', 'gate: smoke', `version: ${version}`],
    'releases:',
    '  1.0.0: { build: { context: ../node, args: { version: 1.0.0 } } }',
    '  1.1.0: { build: { context: ../node, args: { version: 1.1.0 } } }',
    'nodes: { validator: 4, follower: 1 }',
    '',
  ].join('\n');

beforeAll(async () => {
  await project.write(yaml('1.0.0'));
  await project.succeed('up', project.file);
});

/** Hash of a block as a node tells it. */
async function hashAt(height: number): Promise<string> {
  const { nodes } = await project.json<{ nodes: { endpoints: { http: string } }[] }>('status', testnet);
  const answer = await fetch(`${nodes[0]?.endpoints.http}/block/${height}`);
  return ((await answer.json()) as { hash: string }).hash;
}

test('down --keep stops every node, followers first, and keeps data, keys and ports; up starts them with their chain', async () => {
  const before = await project.status();
  const hash = await hashAt(3);
  const allocation = await project.readState('allocation.json');
  const { stdout } = await project.succeed('down', testnet, '--keep');
  expect(stdout).toMatch(/is stopped \(stopped follower-0, validator-\d, .*\); its data and keys are kept/);
  expect(await project.instances()).toEqual({});
  expect(await findDaemon(testnet, project.stateDir)).toEqual([]);
  const status = await project.json<{ stoppedSince: string; nodes: { state: string }[] }>('status', testnet);
  expect(status.stoppedSince).toMatch(/^\d{4}-/);
  expect(status.nodes.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'stopped'));
  expect((await project.succeed('status', testnet)).stdout).toMatch(/stopped since .* start it with: seatrial up/);

  const up = await project.succeed('up', project.file);
  expect(up.stdout).toMatch(/gate 5 nodes: PASS/);
  expect(up.stdout).not.toMatch(/replacing|creating|gate validator-/);
  const after = await project.status();
  expect(after.every(({ healthy }) => healthy)).toBe(true);
  expect(after[0]?.height).toBeGreaterThanOrEqual(before[0]?.height ?? Infinity);
  expect(await hashAt(3)).toBe(hash);
  expect(await project.readState('allocation.json')).toBe(allocation);
  expect(await project.json<object>('status', testnet)).not.toHaveProperty('stoppedSince');
});

test('a down --keep that was killed is repeated and ends it; meanwhile nothing runs on what is stopped', async () => {
  const stopping = project.start('down', testnet, '--keep');
  // The follower goes first; the validators are looked at only when it is gone.
  const isBegun = async () =>
    (await project.readState('nodes/follower-0/process.json')).includes('"stopRequestedAtMs": null') ? undefined : true;
  await waitFor(isBegun, { clock: systemClock, what: 'the first stop', timeoutMs: 20_000, intervalMs: 1 });
  stopping.kill('SIGKILL');
  await stopping.ended;
  const { stdout } = await project.succeed('down', testnet, '--keep', '--json');
  expect((JSON.parse(stdout) as { stopped: string[] }).stopped).toContain('validator-0');
  expect(await project.instances()).toEqual({});
  expect((await project.succeed('down', testnet, '--keep')).stdout).toContain('nothing of it ran any more');
  for (const command of [
    ['run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0'],
    ['load', testnet],
  ]) {
    const { exitCode, stderr } = await project.seatrial(...command);
    expect(stderr).toMatch(/seatrial (up|status)/);
    expect(exitCode).toBe(2);
  }
});

test('what the file wants since is brought about after the start, node by node', async () => {
  await project.write(yaml('1.1.0'));
  const { stdout } = await project.succeed('up', project.file);
  expect(stdout).toMatch(/gate 5 nodes: PASS[^]*validator-0: replacing 1\.0\.0 → 1\.1\.0[^]*gate validator-0: PASS/);
  expect((await project.status()).map(({ version }) => version)).toEqual(Array.from({ length: 5 }, () => '1.1.0'));
});

test('a crash of so many nodes that the quorum is lost is mended by up as well', async () => {
  await Promise.all(['validator-1', 'validator-2', 'validator-3'].map((name) => project.crash(name)));
  const { stdout } = await project.succeed('up', project.file);
  expect(stdout).toMatch(/gate validator-1, validator-2, validator-3: PASS/);
});

test('down after down --keep removes everything', async () => {
  await project.succeed('down', testnet, '--keep');
  await project.succeed('down', testnet);
  expect((await project.files()).filter((file) => !/^(runs|lease)\//.test(file))).toEqual([]);
  const runs = await readFile(
    join(project.stateDir, 'runs', (await project.runIds())[0] ?? '', 'journal.jsonl'),
    'utf8',
  );
  expect(runs.length).toBeGreaterThan(100);
});
