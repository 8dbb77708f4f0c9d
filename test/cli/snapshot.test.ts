import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSnapshotManifest } from '../../src/lab/snapshot-manifest.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const project = useProject();
const { testnet } = project;

beforeAll(async () => {
  const releases = await buildReleases(project.root, [
    { version: '1.0.0' },
    { version: '1.1.0' },
    // It rewrites its data in a format that 1.x refuses, and then commits nothing.
    { version: '2.0.0', dataFormat: 2, fault: 'never-commits' },
  ]);
  await project.write(
    [
      'system: reference',
      'lab: process',
      'version: 1.0.0',
      'releases:',
      releases,
      'nodes: { validator: 4 }',
      'gate: smoke',
      'load: { perSecond: 10 }',
      '',
    ].join('\n'),
  );
  await project.succeed('up', project.file);
}, 110_000);

function upgrade(version: string, ...parameters: string[]): string[] {
  return ['rolling-upgrade', testnet, '--set', `version=${version}`, ...parameters.flatMap((one) => ['--set', one])];
}

function effects(records: readonly RunRecord[]): string[] {
  return records.flatMap((record) => {
    if (record.type === 'effect.done') return [`${record.effect} ${record.node}`];
    return record.type === 'intent' ? [`change ${record.node} ${record.toVersion}`] : [];
  });
}

// One story: each step stands on the one before.
describe('snapshots on processes', () => {
  test('the plan warns of signing twice, and restore without snapshots is refused', async () => {
    const { stdout } = await project.succeed('plan', ...upgrade('2.0.0-never-commits', 'snapshot=yes', 'restore=yes'));
    expect(stdout).toMatch(/the data of each node is copied between its stop and its change/);
    expect(stdout).toMatch(/a validator may sign the same heights again, otherwise \(double signing\)/);
    const refused = await project.seatrial('plan', ...upgrade('1.1.0', 'restore=yes'));
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(/restore=yes needs snapshot=yes/);
  });

  test('an upgrade keeps a snapshot of each node, which nobody else may read', async () => {
    await project.succeed('run', ...upgrade('1.1.0', 'snapshot=yes'));
    const records = await project.newestRun();
    const id = (await project.runIds()).at(-1) ?? '';
    const folder = join(project.stateDir, 'snapshots', id);
    expect((await readdir(folder)).sort()).toEqual(['validator-0', 'validator-1', 'validator-2', 'validator-3']);
    const manifest = await readSnapshotManifest(join(folder, 'validator-0'));
    expect(manifest).toMatchObject({ testnet, system: 'reference', node: 'validator-0', version: '1.0.0' });
    expect(manifest?.height).toBeGreaterThan(0);
    expect(manifest?.files.some(({ path }) => path.endsWith('.pem') || path.includes('genesis'))).toBe(false);
    expect((await stat(join(folder, 'validator-0', 'data.tar.gz'))).mode & 0o777).toBe(0o600);
    expect(effects(records).slice(0, 3)).toEqual([
      'stop validator-0',
      'snapshot validator-0',
      'change validator-0 1.1.0',
    ]);
  });

  test('a release that spoils the data is taken back with it, and the node agrees at the snapshot’s height', async () => {
    const run = await project.seatrial('run', ...upgrade('2.0.0-never-commits', 'snapshot=yes', 'restore=yes'));
    expect(run.exitCode, run.stdout + run.stderr).toBe(1);
    expect(run.stdout).toMatch(/rolled-back/);
    const records = await project.newestRun();
    expect(effects(records)).toEqual([
      'stop validator-0',
      'snapshot validator-0',
      'change validator-0 2.0.0-never-commits',
      'stop validator-0',
      'restore validator-0',
      'change validator-0 1.1.0',
    ]);
    const proof = records.flatMap((record) => (record.type === 'finding' ? [record] : []));
    expect(proof).toMatchObject([{ finding: 'restore', verdict: 'pass', nodes: ['validator-0'] }]);
    for (const { version, healthy } of await project.status()) expect([version, healthy]).toEqual(['1.1.0', true]);
    const verified = await project.seatrial('verify', (await project.runIds()).at(-1) ?? '');
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
    const load = records.find((record) => record.type === 'load.finished');
    expect(load?.summary).toMatchObject({ lost: 0, duplicated: 0 });
  });

  test('without restore the old release refuses what the new one wrote, and the run says that it could not go back', async () => {
    const run = await project.seatrial('run', ...upgrade('2.0.0-never-commits', 'snapshot=yes'));
    expect(run.exitCode).not.toBe(0);
    expect(run.stdout).toMatch(/rollback-failed/);
    const snapshots = join(project.stateDir, 'snapshots');
    const before = await readdir(snapshots);
    await project.succeed('down', testnet);
    // They belong to their runs, which stay as well.
    expect(await readdir(snapshots)).toEqual(before);
    expect(before).toHaveLength(3);
  });
});
