import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildRelease } from '../../node/build.ts';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const project = useProject();
const { testnet } = project;

beforeAll(async () => {
  const releases = await buildReleases(project.root, [
    { version: '1.0.0' },
    { version: '1.1.0' },
    { version: '2', fault: 'exits-at-start' },
    { version: '2', fault: 'never-ready' },
    { version: '2', fault: 'never-commits' },
    { version: '2', fault: 'wrong-app-hash', faultHeight: 3 },
    { version: '2', fault: 'http-errors' },
    { version: '2', fault: 'lies-about-version', claim: '1.0.0' },
  ]);
  await project.write(
    `system: reference\nlab: process\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: smoke\nload: { perSecond: 20 }\n`,
  );
  await project.succeed('up', project.file);
});

async function othersThanFirst(): Promise<Record<string, string>> {
  const instances = Object.entries(await project.instances());
  return Object.fromEntries(instances.filter(([name]) => name !== 'validator-0'));
}

async function upgradeTo(version: string) {
  const before = await othersThanFirst();
  const { exitCode, stdout } = await project.seatrial('run', 'rolling-upgrade', testnet, '--set', `version=${version}`);
  expect(Object.keys(before)).toHaveLength(3);
  expect(await othersThanFirst()).toEqual(before);
  return { exitCode, stdout };
}

describe('the gate catches at the first node a release that', () => {
  test.each([
    ['exits at start', '2-exits-at-start', /FAIL.*validator-0 is stopped/],
    ['never becomes ready', '2-never-ready', /FAIL.*not the intended state within/],
    ['answers its health check but never commits', '2-never-commits', /FAIL.*(catch-up|progress) of validator-0/],
    ['computes another application hash', '2-wrong-app-hash', /FAIL.*same-hash of validator-0.*application/],
    ['fails a share of its requests', '2-http-errors', /FAIL.*validator-0/],
    ['reports a version that it is not', '2-lies-about-version', /FAIL.*validator-0 says that it is 1\.0\.0/],
  ])('%s', async (_what, version, verdict) => {
    const { exitCode, stdout } = await upgradeTo(version);
    expect(stdout).toMatch(verdict);
    expect(stdout).toMatch(/gate validator-0: PASS/);
    expect(stdout).toMatch(/rolled-back/);
    expect(exitCode).toBe(1);
    const nodes = await project.status();
    expect(nodes.map((node) => [node.version, node.healthy])).toEqual(Array.from({ length: 4 }, () => ['1.0.0', true]));
    const load = (await project.newestRun()).find((record) => record.type === 'load.finished');
    expect(load?.summary).toMatchObject({ lost: 0, duplicated: 0 });
  });
});

describe('identity is what runs, not what is claimed', () => {
  test('an older program that claims the new version is caught, however well it answers', async () => {
    const { sha256 } = await buildRelease({ version: '1.1.0', output: join(project.root, '1.1.0.mjs') });
    const impostor = join(project.root, 'impostor.mjs');
    await buildRelease({ version: '1.0.0', fault: 'lies-about-version', claim: '1.1.0', output: impostor });

    const command = project.start('run', 'rolling-upgrade', testnet, '--set', 'version=1.1.0');
    // While the network is looked at, somebody puts the old program in the place of the new one.
    await command.wrote(/gate 4 nodes: smoke/);
    await copyFile(impostor, join(project.root, '.seatrial/releases', `${sha256}.mjs`));
    const { exitCode, stdout } = await command.ended;

    expect(stdout).toMatch(
      new RegExp(`FAIL.*validator-0 runs sha256:\\w+ instead of sha256:${sha256.slice(0, 12)} \\(1\\.1\\.0\\)`),
    );
    expect(stdout).toMatch(/rolled-back/);
    expect(exitCode).toBe(1);
    const nodes = await project.status();
    expect(nodes.map((node) => [node.version, node.healthy])).toEqual(Array.from({ length: 4 }, () => ['1.0.0', true]));
  });
});
