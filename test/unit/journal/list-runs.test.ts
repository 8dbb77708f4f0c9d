import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Journal } from '../../../src/journal/journal.ts';
import { listRuns } from '../../../src/journal/list-runs.ts';
import type { RunEvent } from '../../../src/journal/records.ts';
import { runFolder } from '../../../src/journal/run-files.ts';
import { SettableClock } from '../../helpers/settable-clock.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';

const started = (runId: string): RunEvent => ({
  type: 'run.started',
  runId,
  testnet: 'local',
  system: 'reference',
  lab: 'process',
  runbook: 'rolling-upgrade',
  planHash: 'p',
  plan: {
    testnet: 'local',
    runbook: 'rolling-upgrade',
    parameters: {},
    lab: 'process',
    gate: 'smoke',
    onFailure: 'rollback',
    steps: [],
    halts: [],
  },
  seatrialVersion: '0.1.0',
  before: [],
});

const finished: RunEvent = { type: 'run.finished', outcome: 'passed', exitCode: 0, after: [], observations: 'o' };
const resumed: RunEvent = {
  type: 'run.resumed',
  by: { host: 'here', pid: 7 },
  seatrialVersion: '0.1.0',
  code: 'c',
};
const note: RunEvent = { type: 'note', level: 'info', text: 'a note' };

async function stateDir(): Promise<string> {
  return join(await temporaryFolder(), 'local');
}

async function writeRun(dir: string, id: string, at: string, events: readonly RunEvent[]): Promise<string> {
  const clock = new SettableClock(at);
  const journal = await Journal.create(runFolder(dir, id), clock);
  for (const event of events) {
    await journal.append(event);
    clock.advance(1000);
  }
  await journal.close();
  return journal.file;
}

test('runs are listed newest first with what became of them', async () => {
  const dir = await stateDir();
  await writeRun(dir, '20260101-100000-aaaa', '2026-01-01T10:00:00Z', [
    started('20260101-100000-aaaa'),
    finished,
    note,
  ]);
  await writeRun(dir, '20260101-120000-bbbb', '2026-01-01T12:00:00Z', [started('20260101-120000-bbbb')]);
  await writeRun(dir, '20260101-110000-cccc', '2026-01-01T11:00:00Z', [started('x'), finished, resumed]);
  expect(await listRuns(dir)).toEqual([
    {
      id: '20260101-120000-bbbb',
      testnet: 'local',
      runbook: 'rolling-upgrade',
      startedAt: '2026-01-01T12:00:00.000Z',
      outcome: 'unfinished',
      isResumable: true,
    },
    {
      id: '20260101-110000-cccc',
      testnet: 'local',
      runbook: 'rolling-upgrade',
      startedAt: '2026-01-01T11:00:00.000Z',
      outcome: 'unfinished',
      isResumable: true,
    },
    {
      id: '20260101-100000-aaaa',
      testnet: 'local',
      runbook: 'rolling-upgrade',
      startedAt: '2026-01-01T10:00:00.000Z',
      finishedAt: '2026-01-01T10:00:01.000Z',
      outcome: 'passed',
      exitCode: 0,
    },
  ]);
});

test('a run with a broken journal is listed with its problem and what still can be read', async () => {
  const dir = await stateDir();
  const file = await writeRun(dir, '20260101-100000-aaaa', '2026-01-01T10:00:00Z', [started('a'), note, finished]);
  await writeFile(file, (await readFile(file, 'utf8')).replace('a note', 'A note'));
  const [run] = await listRuns(dir);
  expect(run).toMatchObject({ outcome: 'corrupt', runbook: 'rolling-upgrade', startedAt: '2026-01-01T10:00:00.000Z' });
  expect(run?.problem).toMatch(/journal\.jsonl:2: the journal is broken: it was changed/);
  expect(run).not.toHaveProperty('exitCode');
});

test('a run without any journal is listed at the time in its id', async () => {
  const dir = await stateDir();
  await mkdir(runFolder(dir, '20260101-100000-aaaa'), { recursive: true });
  const [run] = await listRuns(dir);
  expect(run).toMatchObject({ outcome: 'corrupt', startedAt: '2026-01-01T10:00:00.000Z' });
  expect(run?.problem).toContain('there is no journal');
});

test('a torn last line does not make a run corrupt', async () => {
  const dir = await stateDir();
  const file = await writeRun(dir, '20260101-100000-aaaa', '2026-01-01T10:00:00Z', [started('a')]);
  await appendFile(file, '{"seq":1');
  expect(await listRuns(dir)).toMatchObject([{ outcome: 'unfinished', runbook: 'rolling-upgrade' }]);
});

test('a testnet that never ran anything has no runs', async () => {
  expect(await listRuns(await stateDir())).toEqual([]);
});
