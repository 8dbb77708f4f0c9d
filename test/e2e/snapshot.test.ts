import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { readSnapshotManifest } from '../../src/lab/snapshot-manifest.ts';
import { DockerProject, type ProjectTestnet } from '../helpers/docker-project.ts';
import { dockerForTests, suiteTitle } from '../helpers/docker-suite.ts';

const docker = await dockerForTests(['node-runtime']);
const node = 'validator-0';

describe.skipIf(docker.missing !== undefined)(
  suiteTitle('snapshots of containers', docker),
  { timeout: 240_000 },
  () => {
    let project: DockerProject;
    let testnet: ProjectTestnet;
    const newestRun = async (): Promise<{ id: string; records: RunRecord[] }> => {
      const { runs } = JSON.parse((await testnet.seatrial('runs', testnet.name, '--json')).stdout) as {
        runs: { id: string }[];
      };
      const id = runs[0]?.id ?? '';
      return { id, ...(await readJournal(runFolder(join(project.root, '.seatrial', testnet.name), id))) };
    };

    beforeAll(async () => {
      if (docker.missing !== undefined) return;
      project = await DockerProject.create(docker.engine.docker);
      testnet = project.newTestnet();
      await testnet.upReference(
        [
          { version: '1.0.0' },
          // It rewrites its data in a format that 1.0.0 refuses, and then commits nothing.
          { version: '2.0.0', dataFormat: 2, fault: 'never-commits' },
        ],
        'nodes: { validator: 4 }',
        'gate: smoke',
        'load: { perSecond: 10 }',
      );
    }, 900_000);
    afterAll(() => project?.dispose());

    test('a release that spoils the data is taken back with it, and the node agrees at the snapshot’s height', async () => {
      const set = ['version=2.0.0-never-commits', 'snapshot=yes', 'restore=yes'].flatMap((one) => ['--set', one]);
      const run = await testnet.seatrial('run', 'rolling-upgrade', testnet.name, ...set);
      expect(run.exitCode, run.stdout + run.stderr).toBe(1);
      expect(run.stdout).toMatch(/rolled-back/);
      const { id, records } = await newestRun();
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
      const manifest = await readSnapshotManifest(join(project.root, '.seatrial', testnet.name, 'snapshots', id, node));
      expect(manifest).toMatchObject({ testnet: testnet.name, node, version: '1.0.0' });
      const proof = records.flatMap((record) => (record.type === 'finding' ? [record] : []));
      expect(proof).toMatchObject([{ finding: 'restore', verdict: 'pass', nodes: [node] }]);
      expect(proof[0]?.reason).toContain(`at height ${manifest?.height}`);
      const nodes = (await testnet.status()).map(({ version, healthy }) => [version, healthy]);
      expect(nodes).toEqual(Array.from({ length: 4 }, () => ['1.0.0', true]));
    });

    test('a testnet that is gone is built anew from its backup, the node with the newest data first', async () => {
      for (const args of [
        ['backup', testnet.name],
        ['down', testnet.name],
        ['restore', testnet.name, 'newest', '--rebuild'],
      ]) {
        const { exitCode, stdout, stderr } = await testnet.seatrial(...args);
        expect(exitCode, stdout + stderr).toBe(0);
      }
      const { records } = await newestRun();
      const made = records.flatMap((record) => (record.type === 'intent' ? [record.node] : []));
      const proven = records.flatMap((record) => (record.type === 'finding' ? [record] : []));
      expect(proven.map(({ finding, verdict }) => [finding, verdict])).toEqual(made.map(() => ['restore', 'pass']));
      const heightOf = (name: string): number =>
        Number(/at height (\d+)/.exec(proven.find(({ nodes }) => nodes?.[0] === name)?.reason ?? '')?.[1]);
      expect(made).toHaveLength(4);
      expect(made.map(heightOf)).toEqual(made.map(heightOf).toSorted((a, b) => b - a));
      expect(heightOf(made[0] ?? '')).toBeGreaterThan(heightOf(made[3] ?? ''));
      expect((await testnet.status()).map(({ healthy }) => healthy)).toEqual([true, true, true, true]);
    });
  },
);
