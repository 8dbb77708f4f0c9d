import { expect, test } from 'vitest';
import { killAtRecord } from '../helpers/kill-at-record.ts';
import { projectForTest } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

interface DrillJson {
  drill: {
    verdict: string;
    rtoMs: number;
    rpo: { lostWrites: number };
    integrity: { unchecked: number; duplicated: number };
    exercises: { baselinePerSecond: number; milestones: { milestone: string; atMs: number }[] }[];
  };
}

test('a drill whose orchestrator is killed after the disaster goes on, and its figures span both processes', async () => {
  const project = projectForTest();
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }]);
  await project.write(
    `system: reference\nlab: process\nversion: 1.0.0\nreleases:\n${releases}\nnodes: { validator: 4 }\ngate: smoke\nload: { perSecond: 20 }\n`,
  );
  await project.succeed('up', project.file);
  const { runId, records } = await killAtRecord(
    project.stateDir,
    () => project.start('run', 'node-loss', project.testnet, '--set', 'disk=keep'),
    (record) => record.type === 'drill.milestone' && record.milestone === 'verified',
  );
  const shown = records.find((record) => record.type === 'drill.milestone' && record.milestone === 'verified');
  await project.succeed('resume', runId);
  await project.succeed('verify', runId);
  const { stdout } = await project.succeed('report', runId, '--format', 'json');
  const { drill } = JSON.parse(stdout) as DrillJson;
  expect(drill).toMatchObject({ verdict: 'pass', rpo: { lostWrites: 0 }, integrity: { unchecked: 0, duplicated: 0 } });
  const [exercise] = drill.exercises;
  expect(exercise?.baselinePerSecond).toBeGreaterThan(15);
  const milestones = exercise?.milestones.map(({ milestone }) => milestone) ?? [];
  expect(new Set(milestones).size).toBe(milestones.length);
  // The clock of the recovery did not stop while nobody was there to recover.
  const resumed = (await project.newestRun()).find(({ type }) => type === 'run.resumed');
  const awayMs = Date.parse(resumed?.at ?? '') - Date.parse(shown?.at ?? '');
  expect(awayMs).toBeGreaterThan(0);
  expect(drill.rtoMs).toBeGreaterThan(awayMs);
}, 110_000);
