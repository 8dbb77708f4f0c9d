import { beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/journal/records.ts';
import { atRecord, killAtRecord } from '../helpers/kill-at-record.ts';
import { useProject } from '../helpers/project.ts';
import { buildReleases } from '../helpers/reference-releases.ts';

const whole = {
  duplicated: 0,
  resurrected: 0,
  reordered: 0,
  acceptedByMinority: 0,
  misplaced: 0,
  disagreements: 0,
  unchecked: 0,
};

const project = useProject({ commandTimeoutMs: 200_000 });
const { testnet, stateDir } = project;
const isWiped = (record: RunRecord): boolean => record.type === 'effect.done' && record.effect === 'wipe';

beforeAll(async () => {
  const releases = await buildReleases(project.root, [{ version: '1.0.0' }]);
  const lines = ['system: reference', 'lab: process', 'version: 1.0.0', 'releases:', releases];
  await project.write([...lines, 'nodes: { validator: 4 }', 'gate: smoke', 'load: { perSecond: 20 }', ''].join('\n'));
  await project.succeed('up', project.file);
}, 110_000);

test('a total loss that is interrupted puts the backup back on all nodes, and goes on to its end later', async () => {
  const { runId, command } = await atRecord(stateDir, () => project.start('run', 'total-loss', testnet), isWiped);
  process.kill(command.pid, 'SIGINT');
  const { exitCode, stdout, stderr } = await command.ended;
  expect(exitCode, `${stdout}${stderr}`).toBe(130);
  const copied = (await project.newestRun()).flatMap((record) =>
    record.type === 'effect.done' && record.effect === 'snapshot' ? Number(record.detail['height']) : [],
  );
  expect(copied).toHaveLength(4);
  const nodes = await project.status();
  expect(nodes.map(({ state }) => state)).toEqual(Array(4).fill('running'));
  for (const { name, height } of nodes) expect(height, name).toBeGreaterThanOrEqual(Math.max(...copied));

  await project.succeed('resume', runId);
  const records = await project.newestRun();
  expect(records.flatMap((record) => (record.type === 'run.finished' ? record.outcome : []))).toEqual([
    'interrupted',
    'passed',
  ]);
  const result = records.findLast((record) => record.type === 'drill.result');
  expect(result?.exercises.map(({ verdict, rpo }) => [verdict, rpo?.lostFromBackup])).toEqual([['pass', 0]]);
  expect(result?.integrity).toEqual(whole);
  await project.succeed('verify', runId);
}, 300_000);

test('nodes that a killed total loss has wiped are not started empty; their backup brings them back', async () => {
  const { runId, records } = await killAtRecord(
    stateDir,
    () => project.start('run', 'total-loss', testnet),
    (record, before) => isWiped(record) && before.filter(isWiped).length === 3,
  );
  const refused = await project.seatrial('up', project.file);
  expect(refused.stderr).toMatch(
    new RegExp(`validator-0, .*validator-3 have no data, .*seatrial resume ${runId}; or .*seatrial restore ${testnet}`),
  );
  expect(refused.exitCode).toBe(2);
  expect((await project.status()).map(({ state }) => state)).toEqual(Array(4).fill('stopped'));
  expect((await project.succeed('status', testnet)).stdout).toMatch(/validator-3 have no data/);
  await project.succeed('restore', testnet, 'newest');
  const copied = records.flatMap((record) =>
    record.type === 'effect.done' && record.effect === 'snapshot' ? Number(record.detail['height']) : [],
  );
  for (const { name, height } of await project.status()) {
    expect(height, name).toBeGreaterThanOrEqual(Math.max(...copied));
  }
}, 300_000);
