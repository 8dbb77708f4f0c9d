import { join } from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { buildRelease } from '../../node/build.ts';
import { sha256File } from '../../src/core/canonical.ts';
import { defaultImages } from '../../src/lab/docker/images/default-images.ts';
import { programImage } from '../../src/lab/docker/images/program-image.ts';
import { resolveImages } from '../../src/lab/docker/images/resolve-images.ts';
import { deeds, DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import { copyContainer } from '../helpers/copy-container.ts';
import { listenOn } from '../helpers/listen-on.ts';

const docker = await dockerForTests(['node-runtime']);
const first = 'validator-0';
/** Where a node's HTTP port is published. */
const hostPort = ({ HostConfig }: ContainerInspectInfo): number =>
  Number((HostConfig.PortBindings as Record<string, { HostPort: string }[]>)['8080/tcp']?.[0]?.HostPort);

describe.skipIf(docker.missing !== undefined)(
  suiteTitle('four validators in containers', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      testnet = project.newTestnet();
      await testnet.upReference(
        [
          { version: '1.0.0' },
          { version: '1.1.0' },
          { version: '2', fault: 'exits-at-start' },
          { version: '2', fault: 'never-ready' },
          { version: '2', fault: 'never-commits' },
          { version: '2', fault: 'wrong-app-hash', faultHeight: 3 },
          { version: '2', fault: 'http-errors' },
          { version: '2', fault: 'lies-about-version', claim: '1.0.0' },
        ],
        'nodes: { validator: 4 }',
        'gate: smoke',
        'load: { perSecond: 20 }',
      );
    }, 900_000);
    afterAll(() => project?.dispose());

    const upgradeFirst = (version: string, ...more: string[]) =>
      testnet.seatrial(
        'run',
        'rolling-upgrade',
        testnet.name,
        '--set',
        `version=${version}`,
        '--set',
        `nodes=${first}`,
        ...more,
      );
    const othersThanFirst = async (): Promise<Record<string, string>> =>
      Object.fromEntries(Object.entries(await testnet.ids()).filter(([name]) => name !== first));
    const versions = async (): Promise<(string | null)[]> =>
      (await testnet.status()).map(({ version, healthy }) => (healthy ? version : `unhealthy ${version}`));

    describe('the gate catches and rolls back a release that', () => {
      test.each([
        ['exits at start', '2-exits-at-start', /FAIL.*(validator-0 is stopped|restarts that nobody asked for)/],
        ['never becomes ready', '2-never-ready', /FAIL.*not the intended state within/],
        ['answers its health check but never commits', '2-never-commits', /FAIL.*(catch-up|progress) of validator-0/],
        ['computes another application hash', '2-wrong-app-hash', /FAIL.*same-hash of validator-0.*application/],
        ['fails a share of its requests', '2-http-errors', /FAIL.*validator-0/],
        ['reports a version that it is not', '2-lies-about-version', /FAIL.*validator-0 says that it is 1\.0\.0/],
      ])('%s', async (_what, version, verdict) => {
        const before = await othersThanFirst();
        const { exitCode, stdout } = await upgradeFirst(version);
        expect(stdout).toMatch(verdict);
        expect(exitCode).toBe(1);
        expect(deeds(await testnet.newestRun())).toEqual([
          ...[`replace ${first}`, `FAIL ${first}`],
          ...[`replace ${first}`, `PASS ${first}`],
        ]);
        expect(Object.keys(before)).toHaveLength(3);
        expect(await othersThanFirst()).toEqual(before);
        expect(await versions()).toEqual(['1.0.0', '1.0.0', '1.0.0', '1.0.0']);
      });
    });

    test('1.0.0 that claims to be 1.1.0 is caught by what really runs', async () => {
      if (docker.missing !== undefined) return;
      expect((await upgradeFirst('1.1.0')).exitCode).toBe(0);
      const upgraded = await testnet.container(first).inspect();
      const output = join(project.root, 'releases', 'liar.mjs');
      await buildRelease({ version: '1.0.0', fault: 'lies-about-version', claim: '1.1.0', output });
      const runtime = await resolveImages(project.docker, { 'node-runtime': defaultImages['node-runtime'].registry });
      const liar = await programImage(project.docker, {
        program: output,
        digest: `sha256:${await sha256File(output)}`,
        runtimeImage: runtime['node-runtime'] ?? '',
        command: ['node'],
      });
      // Everything is as it was, the labels included, but for the image.
      await copyContainer(project.docker, upgraded, { Image: liar });
      const [claiming] = await testnet.status();
      expect(claiming).toMatchObject({ name: first, state: 'running', digest: liar });
      const told = async (): Promise<string> => {
        const answer = await fetch(`http://127.0.0.1:${hostPort(upgraded)}/status`);
        return ((await answer.json()) as { version: string }).version;
      };
      // The engine takes connections before the node does.
      const what = 'the node to answer';
      expect(await waitFor(told, { clock: systemClock, what, timeoutMs: 20_000 })).toBe('1.1.0');

      const others = await othersThanFirst();
      const refused = await testnet.seatrial('run', 'rolling-upgrade', testnet.name, '--set', 'version=1.1.0');
      expect(refused.stdout + refused.stderr).toMatch(/validator-0 runs sha256:[0-9a-f]{12} instead of sha256:/);
      expect(refused.exitCode).toBe(2);
      const gated = await testnet.seatrial('up', testnet.file);
      expect(gated.stdout).toMatch(/gate validator-0: FAIL.*validator-0 runs sha256:[0-9a-f]{12} instead of sha256:/);
      expect(gated.exitCode).toBe(1);
      expect(deeds(await testnet.newestRun())).toEqual([`FAIL ${first}`]);
      expect(Object.keys(others)).toHaveLength(3);
      expect(await othersThanFirst()).toEqual(others);
    });

    // It also puts an end to the impostor of the test before.
    test('a container that someone removed shows in status; a taken port makes nothing worse; up repairs it', async () => {
      const others = await othersThanFirst();
      const port = hostPort(await testnet.container(first).inspect());
      await testnet.container(first).remove({ force: true });
      const [removed] = await testnet.status();
      expect(removed).toMatchObject({ name: first, state: 'absent', version: null, healthy: false });

      const byHand = await testnet.pulumi('up', '--yes', '--skip-preview');
      expect(byHand.stdout).toMatch(/validator-0 was removed behind Pulumi's back.*pulumi refresh/);
      expect(byHand.exitCode).not.toBe(0);

      const occupant = await listenOn(port);
      onTestFinished(() => void occupant.close());
      const refused = await testnet.seatrial('up', testnet.file);
      expect(refused.stdout + refused.stderr).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}`));
      expect(refused.exitCode).toBe(4);
      expect(Object.keys(others)).toHaveLength(3);
      expect(await othersThanFirst()).toEqual(others);
      expect((await versions()).slice(1)).toEqual(['1.0.0', '1.0.0', '1.0.0']);

      occupant.close();
      const repaired = await testnet.seatrial('up', testnet.file);
      expect(repaired.stdout).toMatch(/gate validator-0: PASS/);
      expect(repaired.exitCode).toBe(0);
      expect(await othersThanFirst()).toEqual(others);
      expect(await versions()).toEqual(['1.1.0', '1.0.0', '1.0.0', '1.0.0']);
    });

    test('a run that was killed in a gate is named by the next one, which puts the node back', async () => {
      const before = await testnet.ids();
      const upgrade = ['run', 'rolling-upgrade', testnet.name, '--set', 'version=1.1.0'];
      await project.kill(upgrade, /gate validator-1: smoke/);
      const [killed] = await testnet.newestRun();
      const id = killed?.type === 'run.started' ? killed.runId : '';
      const back = await testnet.seatrial('run', 'rollback', testnet.name, '--set', `run=${id}`);
      expect(back.stderr).toContain(`run ${id} (rolling-upgrade) was cut off and never ended`);
      expect(back.stderr).toMatch(/validator-1: 1\.1\.0/);
      expect(back.stdout).toMatch(/gate validator-1: PASS/);
      expect(back.exitCode).toBe(0);
      expect(await versions()).toEqual(['1.1.0', '1.0.0', '1.0.0', '1.0.0']);
      const after = await testnet.ids();
      expect({ ...after, 'validator-1': '' }).toEqual({ ...before, 'validator-1': '' });
      const { exitCode, stdout } = await testnet.pulumi('preview', '--expect-no-changes');
      expect(stdout).toMatch(/\d unchanged/);
      expect(exitCode).toBe(0);
    });

    test('an image that does not exist is refused with its release and place, and no node is touched', async () => {
      const before = await testnet.ids();
      await testnet.edit(/^nodes:/m, "  3.0.0: { image: 'seatrial-test/never-made:1' }\nnodes:");
      const { exitCode, stderr } = await upgradeFirst('3.0.0');
      expect(stderr).toMatch(new RegExp(`${testnet.file}:13:19: release 3\\.0\\.0: image seatrial-test/never-made:1 `));
      expect(exitCode).toBe(4);
      expect(await testnet.ids()).toEqual(before);
      expect(Object.keys(before)).toHaveLength(4);
    });

    test('after an up that failed at a bad version a rollback puts the node back, and pulumi has nothing to do', async () => {
      const before = await othersThanFirst();
      await testnet.edit(/^version: .*$/m, 'version: 2-never-commits');
      const failed = await testnet.pulumi('up', '--yes', '--skip-preview');
      expect(failed.stdout).toMatch(/error: the gate of validator-0 says FAIL/);
      const back = await testnet.seatrial('run', 'rollback', testnet.name);
      expect(back.stdout).toMatch(/gate validator-0: PASS/);
      expect(back.exitCode).toBe(0);
      expect(Object.keys(before)).toHaveLength(3);
      expect(await othersThanFirst()).toEqual(before);
      expect(await versions()).toEqual(['1.1.0', '1.0.0', '1.0.0', '1.0.0']);
      expect((await testnet.pulumi('preview', '--expect-no-changes')).exitCode).toBe(0);
    });
  },
);
