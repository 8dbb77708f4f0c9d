import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJournal } from '../../src/journal/read-journal.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { readSnapshotManifest } from '../../src/lab/snapshot-manifest.ts';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const docker = await dockerForTests(['node-runtime']);
const node = 'validator-0';

describe.skipIf(docker.missing !== undefined)(
  suiteTitle('snapshots of containers', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      testnet = project.newTestnet();
      const releases = await buildReleases(join(project.root, 'releases'), [
        { version: '1.0.0' },
        // It rewrites its data in a format that 1.0.0 refuses, and then commits nothing.
        { version: '2.0.0', dataFormat: 2, fault: 'never-commits' },
      ]);
      await testnet.write(
        `system: reference\nlab: docker\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: smoke\nload: { perSecond: 10 }\n`,
      );
      const { exitCode, stdout, stderr } = await testnet.seatrial('up', testnet.file);
      if (exitCode !== 0) throw new Error(`up ended with ${exitCode}: ${stdout}${stderr}`);
    }, 900_000);
    afterAll(() => project?.dispose());

    test('a release that spoils the data is taken back with it, and the node agrees at the snapshot’s height', async () => {
      const set = ['version=2.0.0-never-commits', 'snapshot=yes', 'restore=yes'].flatMap((one) => ['--set', one]);
      const run = await testnet.seatrial('run', 'rolling-upgrade', testnet.name, ...set);
      expect(run.exitCode, run.stdout + run.stderr).toBe(1);
      expect(run.stdout).toMatch(/rolled-back/);
      const { runs } = JSON.parse((await testnet.seatrial('runs', testnet.name, '--json')).stdout) as {
        runs: { id: string }[];
      };
      const id = runs[0]?.id ?? '';
      const stateDir = join(project.root, '.seatrial', testnet.name);
      const { records } = await readJournal(runFolder(stateDir, id));
      expect(
        records.flatMap((record) => {
          if (record.type === 'effect.done') return [`${record.effect} ${record.node}`];
          return record.type === 'intent' ? [`change ${record.node} ${record.toVersion}`] : [];
        }),
      ).toEqual([
        `stop ${node}`,
        `snapshot ${node}`,
        `change ${node} 2.0.0-never-commits`,
        `stop ${node}`,
        `restore ${node}`,
        `change ${node} 1.0.0`,
      ]);
      const manifest = await readSnapshotManifest(join(stateDir, 'snapshots', id, node));
      expect(manifest).toMatchObject({ testnet: testnet.name, node, version: '1.0.0' });
      const proof = records.flatMap((record) => (record.type === 'finding' ? [record] : []));
      expect(proof).toMatchObject([{ finding: 'restore', verdict: 'pass', nodes: [node] }]);
      expect(proof[0]?.reason).toContain(`at height ${manifest?.height}`);
      const nodes = (await testnet.status()).map(({ version, healthy }) => [version, healthy]);
      expect(nodes).toEqual(Array.from({ length: 4 }, () => ['1.0.0', true]));
    });
  },
);
