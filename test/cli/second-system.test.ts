import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { useProject } from '../helpers/project.ts';

const systems = join(import.meta.dirname, '../fixtures/systems');
const project = useProject({ systems });
const { testnet } = project;
const context = join(systems, 'tiny');

beforeAll(() =>
  project.write(`system: tiny
lab: process
version: 1.0.0
releases:
  1.0.0: { build: { context: ${context}, args: { version: 1.0.0 } } }
  2.0.0: { build: { context: ${context}, args: { version: 2.0.0 } } }
  3.0.0: { build: { context: ${context}, args: { version: 3.0.0, broken: 'yes' } } }
  4.0.0: { build: { context: ${context}, args: { vresion: 4.0.0 } } }
nodes: { service: { flags: { greeting: hi } } }
gate: smoke
`),
);

// Neither heights nor peers, quorum, metrics, keys or traffic: what the system lacks is left out, nothing is made up.
test('a system without heights and quorum is brought up from its profile alone', async () => {
  const { stdout } = await project.succeed('up', project.file);
  expect(stdout).toMatch(/gate service-0, service-1: PASS/);
  const nodes = await project.status();
  expect(nodes.map(({ name, version, height, healthy }) => [name, version, height, healthy])).toEqual([
    ['service-0', '1.0.0', null, true],
    ['service-1', '1.0.0', null, true],
  ]);
});

test('it is upgraded node by node behind gates, without load and without a quorum margin', async () => {
  const { stdout } = await project.succeed('run', 'rolling-upgrade', testnet, '--set', 'version=2.0.0');
  expect(stdout).not.toMatch(/quorum/);
  expect(stdout).toMatch(/gate service-0: PASS[^]*gate service-1: PASS/);
  expect((await project.status()).map(({ version }) => version)).toEqual(['2.0.0', '2.0.0']);
});

test('its bad release is caught at the first node and rolled back', async () => {
  const { 'service-1': untouched } = await project.instances();
  const { exitCode, stdout } = await project.seatrial('run', 'rolling-upgrade', testnet, '--set', 'version=3.0.0');
  expect(stdout).toMatch(/gate service-0: FAIL/);
  expect(exitCode).toBe(1);
  expect(untouched).toBeDefined();
  expect((await project.instances())['service-1']).toBe(untouched);
  expect((await project.status()).map(({ version, healthy }) => [version, healthy])).toEqual([
    ['2.0.0', true],
    ['2.0.0', true],
  ]);
});

test('load is refused by a system that takes no transactions', async () => {
  const { exitCode, stderr } = await project.seatrial('load', testnet);
  expect(stderr).toMatch(/takes no transactions/);
  expect(exitCode).toBe(2);
});

test('a build that fails shows what the build said; nothing is touched', async () => {
  const before = await project.instances();
  const { exitCode, stderr } = await project.seatrial('run', 'rolling-upgrade', testnet, '--set', 'version=4.0.0');
  expect(stderr).toMatch(/release 4\.0\.0 could not be built[^]*a build needs version=…/);
  expect(exitCode).toBe(4);
  expect(Object.keys(before)).toHaveLength(2);
  expect(await project.instances()).toEqual(before);
});

test('run rollback takes the last upgrade back, newest node first', async () => {
  const { stdout } = await project.succeed('run', 'rollback', testnet);
  expect(stdout).toMatch(/service-1: replacing 2\.0\.0 → 1\.0\.0[^]*service-0: replacing 2\.0\.0 → 1\.0\.0/);
  expect((await project.status()).map(({ version }) => version)).toEqual(['1.0.0', '1.0.0']);
});

test('down leaves nothing of it', async () => {
  await project.succeed('down', testnet);
  expect(await project.instances()).toEqual({});
});
