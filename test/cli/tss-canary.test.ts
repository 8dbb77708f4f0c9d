import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { killAtRecord, type KilledRun, type RecordTest } from '../helpers/kill-at-record.ts';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet } = project;
const canary = 'validator-0';
/** Fails for anything but a hang: a gate on a loaded machine may take half a minute. */
const timeout = 180_000;

interface Status {
  height: number;
  tss: { on: boolean; flag: boolean; lease: { leaseId: string } | null };
}

interface Block {
  tss?: { signers: string[] };
}

async function ask<T>(node: string, path: string): Promise<T> {
  const topology = JSON.parse(await project.readState('topology.json')) as Topology;
  const { ports = [] } = topology.nodes.find(({ name }) => name === node) ?? {};
  const response = await fetch(`http://127.0.0.1:${ports.find(({ name }) => name === 'http')?.hostPort}${path}`);
  return (await response.json()) as T;
}

const statusOf = (node = canary): Promise<Status> => ask<Status>(node, '/status');

/** In how many of the newest blocks the canary's share is, as another node has them. */
async function sharesInNewest(blocks: number): Promise<number> {
  const { height } = await statusOf('validator-1');
  let shares = 0;
  // Who signed the tip stands in a block that does not exist yet.
  for (let at = height - blocks; at < height; at++) {
    const { tss } = await ask<Block>('validator-1', `/block/${at}`);
    if (tss === undefined) throw new Error(`block ${at} does not show who signed it`);
    if (tss.signers.includes(canary)) shares++;
  }
  return shares;
}

/** Blocks that the network decides from now on, counted as they come. */
async function nextBlocks(blocks: number): Promise<void> {
  const { height: from } = await statusOf('validator-1');
  const isThere = async (): Promise<true | undefined> =>
    (await statusOf('validator-1')).height > from + blocks ? true : undefined;
  await waitFor(isThere, { clock: systemClock, what: `${blocks} blocks`, timeoutMs: 30_000 });
}

async function expectOff(): Promise<void> {
  expect((await statusOf()).tss).toMatchObject({ on: false, flag: false, lease: null });
  // A share that was given before may come one block late.
  await nextBlocks(6);
  expect(await sharesInNewest(4)).toBe(0);
}

/** Short enough for a test, and long enough for what it has to show. */
const quick = { ttl: '8s', 'prove-within': '30s', blocks: '6', switches: '2', 'switch-for': '1s' };
const command = (parameters: Record<string, string> = {}): string[] => [
  'run',
  'tss-canary',
  testnet,
  ...Object.entries({ ...quick, ...parameters }).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
];

async function upgradeCanary(version: string): Promise<void> {
  const nodes = `nodes=${canary}`;
  await project.succeed('run', 'rolling-upgrade', testnet, '--set', `version=${version}`, '--set', nodes);
}

const findings = (records: readonly RunRecord[]): string[] =>
  records.flatMap((record) => (record.type === 'finding' ? [`${record.finding} ${record.verdict}`] : []));

const killCanary = (isPoint: RecordTest, parameters: Record<string, string> = {}): Promise<KilledRun> =>
  killAtRecord(project.stateDir, () => project.start(...command(parameters)), isPoint);

const isProven: RecordTest = (record) => record.type === 'finding' && record.finding === 'activation';

beforeAll(async () => {
  const repository = join(import.meta.dirname, '..', '..');
  await project.write(await readFile(join(repository, 'stacks', 'tss.yaml'), 'utf8'));
  await project.succeed('up', project.file);
}, timeout);

// One network, taken through it in order.
describe('tss-canary on four real nodes', { timeout }, () => {
  test('whose orchestrator is killed goes back by itself when the time is over', async () => {
    await expectOff();
    const { runId, records } = await killCanary(isProven);
    expect(findings(records)).toEqual(['activation pass']);
    const killedMs = systemClock.monotonicMs();
    // Nobody has taken it back: it is the node that ends it.
    expect((await statusOf()).tss).toMatchObject({ on: true, flag: false, lease: { leaseId: `${runId}:canary.on` } });
    const isOff = async (): Promise<true | undefined> => ((await statusOf()).tss.on ? undefined : true);
    await waitFor(isOff, { clock: systemClock, what: 'the feature to end', timeoutMs: 12_000, intervalMs: 50 });
    const tookMs = systemClock.monotonicMs() - killedMs;
    console.info(`the feature ended ${(tookMs / 1000).toFixed(1)} s after the kill; its time was 8 s`);
    expect(tookMs).toBeLessThan(8_500);
    await expectOff();
  });

  test('and is gone on with afterwards: the feature is switched anew, proven, and enabled on all nodes', async () => {
    const [, runId = ''] = await project.runIds();
    const { exitCode, stdout } = await project.seatrial('resume', runId);
    expect(stdout).toMatch(/passed/);
    expect(exitCode).toBe(0);
    const { records } = await readJournal(runFolder(project.stateDir, runId));
    const usual = ['activation pass', 'switchback inconclusive', 'activation pass'];
    // A proof that was written, in a step that was killed before its end, is given again.
    expect([usual, ['activation pass', ...usual]]).toContainEqual(findings(records));
    for (const { name } of await project.status()) {
      expect((await statusOf(name)).tss).toMatchObject({ on: true, flag: true, lease: null });
    }
    // Four nodes that sign keep a small machine busy: shares may come too late for their block, but come.
    expect(await sharesInNewest(10)).toBeGreaterThanOrEqual(3);
    expect((await project.seatrial('verify', runId)).exitCode).toBe(0);
    expect((await project.seatrial(...command())).stderr).toMatch(/has tss already: there is nothing to try/);
  });

  test('rolled back, takes the feature from all nodes again', async () => {
    const { exitCode, stdout } = await project.seatrial('run', 'rollback', testnet);
    expect(stdout).toMatch(/passed/);
    expect(exitCode).toBe(0);
    await expectOff();
  });

  test('that is killed and aborted is switched back at once', async () => {
    const { runId } = await killCanary(isProven, { ttl: '60s' });
    expect((await statusOf()).tss.on).toBe(true);
    const { exitCode, stdout } = await project.seatrial('abort', runId);
    expect(stdout).toMatch(new RegExp(`run ${runId}: aborted`));
    expect(exitCode).toBe(0);
    await expectOff();
    expect((await project.seatrial('verify', runId)).exitCode).toBe(0);
  });

  test('of a release in which the feature does nothing is inconclusive, and ends with 3', async () => {
    await upgradeCanary('tss-without-effect');
    const { exitCode, stdout } = await project.seatrial(...command({ 'prove-within': '6s' }));
    expect(stdout).toMatch(/tss has no effect: validator-0 shows it in 0 of \d+ blocks/);
    expect(exitCode).toBe(3);
    const records = await project.newestRun();
    expect(findings(records)).toEqual(['activation inconclusive']);
    expect(records.filter(({ type }) => type === 'intent')).toEqual([]);
    await expectOff();
    expect((await project.seatrial('verify', testnet)).exitCode).toBe(0);
  });

  test('of a release in which the feature does harm fails, switches it back, and ends with 1', async () => {
    await upgradeCanary('tss-misbehaves');
    const { exitCode, stdout } = await project.seatrial(...command());
    expect(stdout).toMatch(/gate validator-0: FAIL/);
    expect(exitCode).toBe(1);
    const records = await project.newestRun();
    const cleared = records.filter((record) => record.type === 'effect.done' && record.effect === 'clear');
    expect(cleared).toHaveLength(1);
    expect(records.filter(({ type }) => type === 'intent')).toEqual([]);
    await expectOff();
    expect((await project.status()).map(({ healthy }) => healthy)).toEqual([true, true, true, true]);
    expect((await project.seatrial('verify', testnet)).exitCode).toBe(0);
  });
});
