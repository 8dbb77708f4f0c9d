import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildRelease } from '../../node/build.ts';
import { defaultImages } from '../../src/lab/docker/images/default-images.ts';
import { contextImage } from '../../src/lab/docker/images/build-image.ts';
import { resolveImages } from '../../src/lab/docker/images/resolve-images.ts';
import { readAllocation } from '../../src/topology/allocation.ts';
import { DockerProject } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';

const docker = await dockerForTests(['node-runtime']);

describe.skipIf(docker.missing !== undefined)(
  suiteTitle('testnets in containers', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let runtimeImage: string;

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      const found = await resolveImages(project.docker, { 'node-runtime': defaultImages['node-runtime'].registry });
      runtimeImage = found['node-runtime'] ?? '';
      for (const version of ['1.0.0', '1.1.0', '1.0.1', '1.0.2']) {
        await buildRelease({ version, output: join(project.root, 'releases', `${version}.mjs`) });
      }
      await writeFile(
        join(project.root, 'releases', 'Dockerfile'),
        `FROM ${runtimeImage}\nARG version\nLABEL version=$version\nCOPY $version.mjs /program.mjs\nENTRYPOINT ["node", "/program.mjs"]\n`,
      );
      // Understands flags of its own, where the reference chain has none.
      await mkdir(join(project.root, 'systems', 'flagged'));
      await writeFile(
        join(project.root, 'systems', 'flagged', 'profile.ts'),
        `import reference from '../reference/profile.ts';
export default {
  ...reference,
  name: 'flagged',
  command: (node, network) => [
    ...reference.command(node, network),
    ...Object.entries(node.flags).flatMap(([name, value]) => ['--' + name, String(value)]),
  ],
};
`,
      );
    }, 900_000);
    afterAll(() => project?.dispose());

    const programs = `
  1.0.0: { program: ../releases/1.0.0.mjs }
  1.1.0: { program: ../releases/1.1.0.mjs }`;

    test('two testnets brought up at once, of every kind of release, share nothing and do not notice each other', async () => {
      const name = 'seatrial-test-release:e2e';
      const context = join(project.root, 'releases');
      const build = { context, dockerfile: 'Dockerfile', args: { version: '1.0.1' } };
      const named = await contextImage(project.docker, build);
      await project.docker.getImage(named).tag({ repo: 'seatrial-test-release', tag: 'e2e' });
      onTestFinished(async () => {
        await project.docker.getImage(name).remove({ force: true });
      });
      const four = project.newTestnet();
      await four.write(`system: flagged
lab: docker
version: 1.0.0
releases:${programs}
  1.0.1: { image: '${name}' }
  1.0.2: { build: { context: ../releases, dockerfile: Dockerfile, args: { version: 1.0.2 } } }
nodes: { validator: { count: 4, env: { SHARED: all, LEVEL: role } } }
overrides:
  validator-1: { version: 1.0.1 }
  validator-2: { version: 1.0.2, flags: { log-level: debug }, env: { LEVEL: "one's own" }, memoryMb: 256, cpus: 0.5 }
  validator-3: { version: 1.1.0 }
gate: smoke
`);
      const one = project.newTestnet();
      await one.write(
        `system: reference\nlab: docker\nversion: 1.1.0\nreleases:${programs}\nnodes: { validator: 1 }\ngate: smoke\n`,
      );
      const ups = await Promise.all([four, one].map((testnet) => testnet.seatrial('up', testnet.file)));
      expect(ups.map(({ stdout, stderr }) => /gate .*: (PASS|FAIL.*)/.exec(stdout)?.[1] ?? stdout + stderr)).toEqual([
        'PASS',
        'PASS',
      ]);
      expect(ups.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
      expect((await four.status()).map(({ version, healthy }) => [version, healthy])).toEqual([
        ['1.0.0', true],
        ['1.0.1', true],
        ['1.0.2', true],
        ['1.1.0', true],
      ]);
      expect((await one.status()).map(({ version, healthy }) => [version, healthy])).toEqual([['1.1.0', true]]);

      const facts = await Promise.all([0, 1, 2, 3].map((index) => four.container(`validator-${index}`).inspect()));
      const [program, image, built, other] = facts;
      expect(image?.Image).toBe(named);
      expect(new Set(facts.map(({ Image }) => Image)).size).toBe(4);
      expect((built?.Config.Labels as Record<string, string>)['version']).toBe('1.0.2');
      expect(other?.Image).toBe((await one.container('validator-0').inspect()).Image);
      expect(built?.Config.Cmd?.slice(-2)).toEqual(['--log-level', 'debug']);
      expect(program?.Config.Cmd).not.toContain('--log-level');
      expect(built?.Config.Env).toEqual(expect.arrayContaining(['SHARED=all', "LEVEL=one's own"]));
      expect(program?.Config.Env).toEqual(expect.arrayContaining(['SHARED=all', 'LEVEL=role']));
      expect([built?.HostConfig.Memory, built?.HostConfig.NanoCpus]).toEqual([256 * 2 ** 20, 5e8]);
      expect([program?.HostConfig.Memory, program?.HostConfig.NanoCpus]).toEqual([0, 0]);

      const before = await one.ids();
      const down = await four.seatrial('down', four.name);
      expect(down.exitCode).toBe(0);
      expect(await four.objects()).toEqual([]);
      expect(await one.ids()).toEqual(before);
      expect((await one.status()).map(({ healthy }) => healthy)).toEqual([true]);
    });

    test('testnets that are resolved at the same moment are given ports and a subnet of their own', async () => {
      const testnets = Array.from({ length: 4 }, () => project.newTestnet());
      for (const testnet of testnets) {
        await testnet.write(
          `system: reference\nlab: docker\nversion: 1.1.0\nreleases:${programs}\nnodes: { validator: 4 }\ngate: smoke\n`,
        );
      }
      const rendered = await Promise.all(testnets.map(({ name }) => project.seatrial(['render', name])));
      expect(rendered.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
      const allocations = await Promise.all(testnets.map(({ stateDir }) => readAllocation(stateDir)));
      expect(new Set(allocations.map(({ subnet }) => subnet)).size).toBe(4);
      const ports = allocations.flatMap((allocation) => Object.values(allocation.ports));
      expect(ports).toHaveLength(32);
      expect(new Set(ports).size).toBe(32);
    });

    test('an engine that does not run is named by its socket with what to do, and nothing is written of a run', async () => {
      const testnet = project.newTestnet();
      await testnet.write(
        `system: reference\nlab: docker\nversion: 1.1.0\nreleases:${programs}\nnodes: { validator: 1 }\ngate: smoke\n`,
      );
      const socket = join(project.root, 'no-engine.sock');
      const env = { DOCKER_HOST: `unix://${socket}` };
      const { exitCode, stderr } = await project.seatrial(['up', testnet.file], env);
      expect(stderr).toContain(socket);
      expect(stderr).toMatch(/start|running|DOCKER_HOST/);
      expect(exitCode).toBe(4);
      const elsewhere = await project.seatrial(['up', testnet.file], { DOCKER_HOST: 'tcp://127.0.0.1:2375' });
      expect(elsewhere.stderr).toMatch(/only a local socket is supported/);
      expect(elsewhere.exitCode).toBe(2);
      const doctor = await project.seatrial(['doctor'], env);
      expect(doctor.stdout).toMatch(new RegExp(`MISSING +Docker engine .*${socket}`));
      expect(doctor.exitCode).toBe(1);

      await project.pulumi(['stack', 'select', '--create', testnet.name]);
      const byHand = await project.pulumi(['up', '--yes', '--stack', testnet.name], env);
      expect(byHand.stdout).toContain(socket);
      expect(byHand.exitCode).not.toBe(0);
      expect(await testnet.objects()).toEqual([]);
    });

    test('a name that another container holds is refused and that container left alone', async () => {
      const testnet = project.newTestnet();
      await testnet.write(
        `system: reference\nlab: docker\nversion: 1.1.0\nreleases:${programs}\nnodes: { validator: 1 }\ngate: smoke\n`,
      );
      const holder = await project.docker.createContainer({
        name: `${testnet.name}-validator-0`,
        Image: runtimeImage,
        Cmd: ['sleep', '300'],
      });
      onTestFinished(() => holder.remove({ force: true }));
      await holder.start();
      const { exitCode, stderr } = await testnet.seatrial('up', testnet.file);
      expect(stderr).toMatch(/validator-0 is taken by something that Seatrial did not make/);
      expect(exitCode).toBe(2);
      await project.pulumi(['stack', 'select', '--create', testnet.name]);
      const byHand = await testnet.pulumi('up', '--yes', '--skip-preview');
      expect(byHand.stdout).toMatch(/error: validator-0 is taken by something that Seatrial did not make/);
      expect(byHand.exitCode).not.toBe(0);
      expect(await testnet.objects()).toEqual([]);
      const { State: state, Id: id } = await holder.inspect();
      expect([id, state.Running]).toEqual([holder.id, true]);
    });
  },
);
