import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const docker = await dockerForTests(['node-runtime', 'prometheus', 'alertmanager']);

describe.skipIf(docker.missing !== undefined)(
  suiteTitle('containers that are stopped and kept', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;
    const succeed = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await testnet.seatrial(...args);
      expect(exitCode, stdout + stderr).toBe(0);
      return stdout;
    };
    const states = async (): Promise<string[]> => {
      const members = ['validator-0', 'validator-1', 'validator-2', 'validator-3', 'prometheus', 'alertmanager'];
      return Promise.all(members.map(async (member) => (await testnet.container(member).inspect()).State.Status));
    };

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      testnet = project.newTestnet();
      const releases = await buildReleases(join(project.root, 'releases'), [{ version: '1.0.0' }]);
      await testnet.write(
        `system: reference\nlab: docker\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: smoke\nmonitoring: true\n`,
      );
      await succeed('up', testnet.file);
    }, 900_000);
    afterAll(() => project?.dispose());

    test('down --keep stops nodes and monitoring; for Pulumi nothing has changed, and up starts the same containers', async () => {
      const ids = await testnet.ids();
      const [before] = await testnet.status();
      expect(await succeed('logs', testnet.name, 'prometheus', '--tail', '3')).toMatch(/level=|msg=/);
      await succeed('down', testnet.name, '--keep');
      expect(new Set(await states())).toEqual(new Set(['exited']));
      const preview = await testnet.pulumi('preview', '--expect-no-changes');
      expect(preview.exitCode, preview.stdout + preview.stderr).toBe(0);
      const byHand = await testnet.pulumi('up', '--yes');
      expect(byHand.stdout + byHand.stderr).toMatch(/is stopped since .* start it with: seatrial up/);
      expect(byHand.exitCode).not.toBe(0);

      expect(await succeed('up', testnet.file)).toMatch(/gate 4 nodes: PASS/);
      expect(new Set(await states())).toEqual(new Set(['running']));
      expect(await testnet.ids()).toEqual(ids);
      const [after] = await testnet.status();
      expect(after?.height).toBeGreaterThanOrEqual(before?.height ?? Infinity);
      const again = await testnet.pulumi('preview', '--expect-no-changes');
      expect(again.exitCode, again.stdout + again.stderr).toBe(0);
    });

    test('down after down --keep removes all of it', async () => {
      await succeed('down', testnet.name, '--keep');
      await succeed('down', testnet.name);
      expect(await testnet.objects()).toEqual([]);
    });
  },
);
