import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { waitFor } from '../../src/core/wait.ts';
import { readDeployedTopology } from '../../src/engine/state.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import type { FaultState } from '../../src/lab/faults.ts';
import { createProcessLab } from '../../src/lab/process/process-lab.ts';
import { atRecord, killAtRecord, type RecordTest } from '../helpers/kill-at-record.ts';
import { useProject } from '../helpers/project.ts';

const project = useProject();
const { testnet, stateDir } = project;
const timeout = 240_000;

const isolate = ['partition', testnet, 'validator-3', '--set', 'topology=isolate'];
const isHeld: RecordTest = (record) => record.type === 'step.started' && record.step === 'hold';

interface RunJson {
  runId: string;
  outcome: string;
  exitCode: number;
  reason?: string;
}

const recordsOf = async (runId: string): Promise<RunRecord[]> =>
  (await readJournal(runFolder(stateDir, runId))).records;
const faultTypes = (records: readonly RunRecord[]): string[] =>
  records.map(({ type }) => type).filter((type) => type.startsWith('fault.'));
const listed = async (): Promise<FaultState[]> =>
  (await project.json<{ faults: FaultState[] }>('fault', 'list', testnet)).faults;

async function expectWhole(): Promise<void> {
  expect(await listed()).toEqual([]);
  const what = 'every node to be healthy';
  const isWhole = async () => ((await project.status()).every(({ healthy }) => healthy) ? true : undefined);
  await waitFor(isWhole, { clock: systemClock, what, timeoutMs: 30_000, intervalMs: 500 });
}

beforeAll(async () => {
  const repository = join(import.meta.dirname, '..', '..');
  await project.write(await readFile(join(repository, 'stacks', 'local.yaml'), 'utf8'));
  await project.succeed('up', project.file);
}, timeout);

// One network for all of them.
describe('seatrial fault', { timeout }, () => {
  test('cuts off one node: the others go on, it stands still, and catches up when it is healed', async () => {
    const { exitCode, stdout, stderr } = await project.seatrial('fault', ...isolate, '--for', '8s');
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toContain('4 nodes with 4 voting power, of which 3 is needed (bft)');
    expect(stdout).toMatch(/validator-3 {2}x x x -/);
    expect(stdout).toMatch(/hold on .*: PASS: validator-0 went on by \d+; .*validator-3 stood still/);
    expect(stdout).toMatch(/gate validator-3: PASS/);
    const records = await project.newestRun();
    expect(faultTypes(records).at(-1)).toBe('fault.heal-verified');
    expect((await project.seatrial('verify', testnet)).exitCode).toBe(0);
    await expectWhole();
  });

  test('refuses to halt the system, unless that is asked for; then nobody goes on, and nothing is lost', async () => {
    const halves = ['partition', testnet, '--set', 'topology=halves', '--for', '6s'];
    const before = await project.runIds();
    const refused = await project.seatrial('fault', ...halves);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('so that the system would halt; halt=allowed lets it');
    expect(await project.runIds()).toEqual(before);
    const run = await project.json<RunJson>('fault', ...halves, '--set', 'halt=allowed');
    expect(run).toMatchObject({ outcome: 'passed', exitCode: 0 });
    const records = await recordsOf(run.runId);
    const finding = records.find((record) => record.type === 'finding');
    expect(finding?.reason).toMatch(/^validator-0 stood still; validator-1 stood still; validator-2 stood still/);
    expect(records.at(-1)).toMatchObject({ cost: { lost: 0, duplicated: 0 } });
    const report = await project.json<{ faults: unknown[] }>('report', run.runId, '--format', 'json');
    expect(report.faults).toEqual([
      expect.objectContaining({ fault: 'partition', kind: 'partition', state: 'heal-verified' }),
    ]);
  });

  test.each(['pause', 'kill'])('lets a node %s, and gates it when it is back', async (kind) => {
    const before = await project.instances();
    const run = await project.json<RunJson>('fault', kind, testnet, 'validator-1', '--for', '4s');
    expect(run, run.reason).toMatchObject({ outcome: 'passed' });
    const after = await project.instances();
    expect(after['validator-1'] === before['validator-1']).toBe(kind === 'pause');
    expect(after['validator-0']).toBe(before['validator-0']);
    await expectWhole();
  });

  test('is void when somebody undoes it under the run, and names that', async () => {
    const begin = () => project.start('fault', ...isolate, '--for', '60s', '--json');
    const { command } = await atRecord(stateDir, begin, isHeld);
    const topology = await readDeployedTopology(stateDir);
    if (!topology) throw new Error('nothing is deployed');
    const lab = createProcessLab({ topology, clock: systemClock });
    for (const { id, node } of await lab.faults.list()) {
      const target = topology.nodes.find(({ name }) => name === node);
      if (target) await lab.faults.heal(target, id);
    }
    await lab.close();
    const { exitCode, stdout, stderr } = await command.ended;
    expect(exitCode, stdout + stderr).toBe(3);
    const run = JSON.parse(stdout) as RunJson;
    expect(run.outcome).toBe('void');
    expect(run.reason).toMatch(/^the fault partition is void: /);
    expect(faultTypes(await recordsOf(run.runId))).toContain('fault.void');
    await expectWhole();
  });

  test('ends with its fault healed when it is interrupted, and goes on later', async () => {
    const { runId, command } = await atRecord(
      stateDir,
      () => project.start('fault', ...isolate, '--for', '6s'),
      isHeld,
    );
    process.kill(command.pid, 'SIGINT');
    expect((await command.ended).exitCode).toBe(130);
    expect(await listed()).toEqual([]);
    expect(faultTypes(await recordsOf(runId)).at(-1)).toBe('fault.heal-verified');
    const resumed = await project.seatrial('resume', runId);
    expect(resumed.exitCode, resumed.stdout + resumed.stderr).toBe(0);
    const records = await recordsOf(runId);
    expect(faultTypes(records).filter((type) => type === 'fault.verified')).toHaveLength(2);
    expect((await project.seatrial('verify', runId)).exitCode).toBe(0);
    await expectWhole();
  });

  test('that is killed leaves a fault which is listed, found by doctor, and healed at once by heal', async () => {
    const begin = () => project.start('fault', ...isolate, '--for', '60s');
    const { runId } = await killAtRecord(stateDir, begin, isHeld);
    const left = await listed();
    expect(left).toEqual([expect.objectContaining({ id: 'partition-0', node: 'validator-3', state: 'injected' })]);
    expect(left[0]?.remainingMs).toBeGreaterThan(60_000);
    const status = await project.succeed('status', testnet);
    expect(status.stdout).toMatch(
      /broken on purpose: cut on validator-3, ends in .* at the latest; end it with: seatrial heal/,
    );
    const told = await project.json<{ faults?: object[] }>('status', testnet);
    expect(told.faults).toEqual([expect.objectContaining({ id: 'partition-0', state: 'injected' })]);
    const doctor = await project.seatrial('doctor');
    expect(doctor.stdout).toContain(`faults on ${testnet}`);
    expect(doctor.stdout).toContain(`end them with: seatrial heal ${testnet} --all`);
    const { stdout } = await project.succeed('heal', testnet);
    expect(stdout).toBe('healed partition-0 on validator-3 (cut)');
    await expectWhole();
    expect((await project.succeed('heal', testnet, '--all')).stdout).toBe(`nothing had to be healed on ${testnet}`);
    const aborted = await project.seatrial('abort', runId);
    expect(aborted.exitCode, aborted.stdout + aborted.stderr).toBe(0);
  });

  test('that is killed is healed before a run goes on, and broken anew for what is left of it', async () => {
    const begin = () => project.start('fault', ...isolate, '--for', '6s');
    const { runId, seq } = await killAtRecord(stateDir, begin, isHeld);
    const { exitCode, stdout, stderr } = await project.seatrial('resume', runId);
    expect(exitCode, stdout + stderr).toBe(0);
    const records = await recordsOf(runId);
    const after = faultTypes(records.slice(seq + 1));
    expect(after.slice(0, 3)).toEqual(['fault.healing', 'fault.healed', 'fault.intent']);
    expect(records.find((record) => record.type === 'fault.healing')).toMatchObject({ because: 'resume' });
    expect((await project.seatrial('verify', runId)).exitCode).toBe(0);
    await expectWhole();
  });

  test('that is killed, and of which nobody hears again, leaves a network that heals itself by its time', async () => {
    const begin = () => project.start('fault', ...isolate, '--for', '1s', '--json');
    const isShown: RecordTest = (record) => record.type === 'fault.verified';
    await killAtRecord(stateDir, begin, isShown);
    const [{ remainingMs = 0 } = {}] = await listed();
    expect(remainingMs).toBeGreaterThan(0);
    const what = 'the dead-man to undo the fault';
    const isGone = async () => ((await listed()).length === 0 ? true : undefined);
    await waitFor(isGone, { clock: systemClock, what, timeoutMs: remainingMs + 10_000, intervalMs: 1_000 });
    await expectWhole();
  });

  test.each([
    [['paus', testnet, 'validator-0', '--for', '5s'], /there is no fault "paus"; did you mean pause\?/],
    [
      ['pause', testnet, 'validator-9', '--for', '5s'],
      /there is no node or role validator-9 .*did you mean validator-/,
    ],
    [['pause', testnet, 'other/validator-0', '--for', '5s'], /is on the testnet other, and this is /],
    [['pause', testnet, 'leader', '--for', '5s'], /do not tell who leads; name a node/],
    [['pause', testnet, 'validator', '--for', '5s'], /pause is refused: .*would halt/],
    [['pause', testnet, 'validator-0'], /pause needs a duration, as in --for 60s/],
    [
      ['memory', testnet, 'validator-0', '--set', 'limit=64MiB', '--for', '5s'],
      /memory is beyond the process lab here: /,
    ],
    [['delay', testnet, 'validator-0', '--set', 'dela=5ms', '--for', '5s'], /dela.*did you mean delay/],
  ])('of %j is refused before anything is touched', async (args, message) => {
    const before = await project.runIds();
    const { exitCode, stderr } = await project.seatrial('fault', ...args);
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toMatch(message);
    expect(await project.runIds()).toEqual(before);
  });
});
