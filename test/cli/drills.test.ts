import { beforeAll, describe, expect, test } from 'vitest';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const project = useProject();
const { testnet } = project;

interface DrillJson {
  drill: {
    verdict: string;
    isShort: boolean;
    rtoMs: number;
    rtoParts: Record<string, number>;
    rpo: { lostWrites: number; oldestLostMs: number; lostFromBackup: number };
    integrity: Record<string, number>;
    exercises: { milestones: { milestone: string }[] }[];
  };
}

const whole = { duplicated: 0, resurrected: 0, reordered: 0, acceptedByMinority: 0, unchecked: 0 };

beforeAll(async () => {
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }]);
  const lines = [
    'system: reference',
    'lab: process',
    'version: 1.0.0',
    'releases:',
    releases,
    'nodes: { validator: 4 }',
  ];
  await project.write([...lines, 'gate: quick', 'load: { perSecond: 20 }', ''].join('\n'));
  await project.succeed('up', project.file);
}, 110_000);

async function drilled(runbook: string, ...set: string[]): Promise<DrillJson['drill']> {
  const parameters = set.flatMap((one) => ['--set', one]);
  await project.succeed('run', runbook, testnet, '--gate', 'smoke', ...parameters);
  const { stdout } = await project.succeed('report', testnet, '--format', 'json');
  await project.succeed('verify', testnet);
  return (JSON.parse(stdout) as DrillJson).drill;
}

// One story: each drill begins on what the one before has left.
describe('drills on processes', () => {
  test('a node that is lost with its disk comes back, and no acknowledged write is missing', async () => {
    const drill = await drilled('node-loss');
    expect(drill).toMatchObject({ verdict: 'pass', isShort: true, rpo: { lostWrites: 0 }, integrity: whole });
    expect(drill.rtoMs).toBeGreaterThan(1_000);
    expect(Object.values(drill.rtoParts).reduce((a, b) => a + b, 0)).toBe(drill.rtoMs);
  }, 100_000);

  test('a minority that is cut off stands still, the others go on, and nothing is lost when it is back', async () => {
    const drill = await drilled('partition');
    expect(drill).toMatchObject({ verdict: 'pass', rpo: { lostWrites: 0 }, integrity: whole });
    const said = drill.exercises.flatMap(({ milestones }) => milestones.map(({ milestone }) => milestone));
    for (const milestone of ['injected', 'verified', 'detected', 'restored']) expect(said).toContain(milestone);
  }, 110_000);

  test('halves of which neither has a quorum stand still where that is allowed, and go on together afterwards', async () => {
    const refused = await project.seatrial('run', 'partition', testnet, '--set', 'topology=halves');
    expect(refused.stderr).toMatch(/that the system would halt; halt=allowed lets it/);
    expect(refused.exitCode).toBe(2);
    const drill = await drilled('partition', 'topology=halves', 'halt=allowed');
    expect(drill).toMatchObject({ verdict: 'pass', rpo: { lostWrites: 0 }, integrity: whole });
    // The service stops as a whole, and comes back only with the heal.
    expect(drill.rtoMs).toBeGreaterThan(10_000);
  }, 110_000);

  test('all nodes are rebuilt from their backup: what was written since is lost, and nothing older', async () => {
    const drill = await drilled('total-loss');
    expect(drill).toMatchObject({ verdict: 'pass', rpo: { lostFromBackup: 0 }, integrity: whole });
    expect(drill.rtoMs).toBeGreaterThan(0);
    expect(drill.rpo.lostWrites).toBeGreaterThan(0);
    expect(drill.rpo.oldestLostMs).toBeGreaterThan(0);
    const { stdout } = await project.succeed('backups', testnet, '--verify');
    expect(stdout).toContain((await project.runIds()).at(-1));
  }, 200_000);

  test('a missed objective fails the drill, and the report says by how much and who sees to it', async () => {
    const { exitCode } = await project.seatrial(
      ...['run', 'node-loss', testnet, '--gate', 'smoke', '--set', 'disk=keep', '--set', 'rto=1ms'],
      ...['--set', 'owner=storage'],
    );
    expect(exitCode).toBe(1);
    const { stdout } = await project.succeed('report', testnet, '--format', 'markdown');
    expect(stdout).toMatch(/recovery took .* the RTO is/);
    expect(stdout).toMatch(/owner: storage, due: ____/);
  }, 100_000);

  test('a spoiled backup is refused in every way in which it was spoiled', async () => {
    const drill = await drilled('corrupt-backup');
    expect(drill).toMatchObject({ verdict: 'pass', rpo: { lostWrites: 0 }, integrity: whole });
    const said = drill.exercises.flatMap(({ milestones }) => milestones.map(({ milestone }) => milestone));
    for (const milestone of ['injected', 'verified', 'detected', 'restored']) expect(said).toContain(milestone);
    const findings = (await project.newestRun()).flatMap((record) => (record.type === 'finding' ? record.reason : []));
    expect(findings.join()).toMatch(
      /7 spoiled copies of backup .* were refused, the backup itself and a whole copy of it were not/,
    );
    const { stdout } = await project.succeed('backups', testnet, '--verify');
    expect(stdout).toContain((await project.runIds()).at(-1));
    expect((await project.files()).filter((file) => /^(staging|spoiled)/.test(file))).toEqual([]);
  }, 100_000);
});
