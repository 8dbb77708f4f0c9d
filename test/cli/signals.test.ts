import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import { atRecord, type RecordTest } from '../helpers/kill-at-record.ts';
import { useProject, type RunningCommand } from '../helpers/project.ts';

const project = useProject();
const { testnet, stateDir } = project;
const timeout = 180_000;

const recordsOf = async (runId: string): Promise<RunRecord[]> =>
  (await readJournal(runFolder(stateDir, runId))).records;

/** Starts a run and returns when its journal holds the record. */
async function startUntil(
  args: readonly string[],
  isThere: RecordTest,
): Promise<{ runId: string; command: RunningCommand }> {
  let command: RunningCommand | undefined;
  const begin = () => (command = project.start('run', ...args));
  const { runId } = await atRecord(stateDir, begin, isThere);
  if (!command) throw new Error('the run was not started');
  return { runId, command };
}

async function upgrade(nodes: string): Promise<string[]> {
  const [first] = nodes.split(',');
  const now = (await project.status()).find(({ name }) => name === first)?.version;
  const version = now === '1.0.0' ? '1.1.0' : '1.0.0';
  return ['rolling-upgrade', testnet, '--set', `version=${version}`, '--set', `nodes=${nodes}`];
}

const canary = [
  'tss-canary',
  testnet,
  ...['ttl=60s', 'blocks=5', 'prove-within=30s', 'switches=0', 'rollout=no'].flatMap((each) => ['--set', each]),
];

/** The gate of a changed node looks. */
const isGated: RecordTest = (record, before) =>
  record.type === 'gate.phase' && record.phase === 'observe' && before.some(({ type }) => type === 'done');
const isActive: RecordTest = (record) => record.type === 'finding';

/** Nobody holds the testnet any more, and nothing is lent to a node. */
async function expectLetGo(): Promise<void> {
  const files = await project.files();
  expect(files).toContain('topology.json');
  expect(files.filter((file) => file === 'lock.json' || file.endsWith('tss-lease.json'))).toEqual([]);
  const leases = files.filter((file) => /^lease\/\d+\.json$/.test(file));
  expect(leases).toHaveLength(1);
  expect(JSON.parse(await project.readState(leases[0] ?? ''))).toMatchObject({ isReleased: true });
}

async function expectResumed(runId: string): Promise<void> {
  const { exitCode, stdout, stderr } = await project.seatrial('resume', runId);
  expect(exitCode, stdout + stderr).toBe(0);
  await expectLetGo();
  const verified = await project.seatrial('verify', runId);
  expect(verified.exitCode, verified.stdout).toBe(0);
}

const outcomes = (records: readonly RunRecord[]): string[] =>
  records.flatMap((record) => (record.type === 'run.finished' ? [record.outcome] : []));
const replaced = (records: readonly RunRecord[]): string[] =>
  records.flatMap((record) => (record.type === 'done' ? [record.node] : []));

beforeAll(async () => {
  const repository = join(import.meta.dirname, '..', '..');
  await project.write(await readFile(join(repository, 'stacks', 'local.yaml'), 'utf8'));
  await project.succeed('up', project.file);
}, timeout);

// One network for all of them.
describe('a run that receives signals', { timeout }, () => {
  test('once ends its step, exits with 130 and can be gone on with; meanwhile nobody else may change the testnet', async () => {
    const { runId, command } = await startUntil(await upgrade('validator-2,validator-3'), isGated);
    const before = await project.instances();
    const second = await project.seatrial('run', ...(await upgrade('validator-0')));
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toMatch(
      new RegExp(`another command is changing this testnet: run rolling-upgrade \\(pid ${command.pid}, since `),
    );
    expect(await project.instances()).toEqual(before);

    command.kill('SIGINT');
    const { exitCode, stderr } = await command.ended;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/SIGINT: ending the open step/);
    const cut = await recordsOf(runId);
    expect(outcomes(cut)).toEqual(['interrupted']);
    expect(replaced(cut)).toEqual(['validator-2']);
    expect(await project.instances()).toEqual(before);
    await expectLetGo();

    await expectResumed(runId);
    const records = await recordsOf(runId);
    expect(outcomes(records)).toEqual(['interrupted', 'passed']);
    expect(replaced(records)).toEqual(['validator-2', 'validator-3']);
  });

  test('once in a canary takes the feature back, and switches it anew when it goes on', async () => {
    const { runId, command } = await startUntil(canary, isActive);
    command.kill('SIGINT');
    expect((await command.ended).exitCode).toBe(130);
    await expectLetGo();
    await expectResumed(runId);
    const effects = (await recordsOf(runId)).flatMap((record) =>
      record.type === 'effect.done' ? [record.effect] : [],
    );
    expect(effects).toEqual(['switch', 'clear', 'switch', 'clear']);
  });

  test('twice within ten seconds takes back what is lent, leaves the rest and exits with 130', async () => {
    const { runId, command } = await startUntil(canary, isActive);
    command.kill('SIGINT');
    await command.wrote(/SIGINT: ending/);
    command.kill('SIGINT');
    const { exitCode, stderr } = await command.ended;
    expect(stderr).toMatch(/SIGINT again: taking back what is only lent, and leaving/);
    expect(exitCode).toBe(130);
    const records = await recordsOf(runId);
    expect(outcomes(records)).toEqual(['interrupted']);
    expect(records.filter(({ type }) => type === 'load.finished')).toEqual([]);
    await expectLetGo();
    await expectResumed(runId);
  });

  test('three times exits at once with 130, and names what it leaves; it can be gone on with', async () => {
    const node = 'validator-1';
    const pid = Number((await project.instances())[node]?.split(':')[0]);
    const { runId, command } = await startUntil(await upgrade(node), ({ type }) => type === 'intent');
    // A node that does not end when it is told to: its change takes as long as its grace.
    process.kill(pid, 'SIGSTOP');
    const startedMs = systemClock.monotonicMs();
    for (const told of [/SIGINT: ending/, /SIGINT again/, /left at once/]) {
      command.kill('SIGINT');
      await command.wrote(told);
    }
    const { exitCode, stderr } = await command.ended;
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(3_000);
    expect(exitCode).toBe(130);
    expect(stderr).toContain(`${node} is in the middle of its change`);
    expect(outcomes(await recordsOf(runId))).toEqual([]);
    process.kill(pid, 'SIGCONT');
    await expectResumed(runId);
    expect(replaced(await recordsOf(runId))).toEqual([node]);
    expect((await project.status()).map(({ healthy }) => healthy)).toEqual([true, true, true, true]);
  });
});
