import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { isErrno } from '../../src/core/files.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { journalFile, runFolder } from '../../src/journal/run-files.ts';

/** A record of a run that is under way, and those before it. */
export type RecordTest = (record: RunRecord, before: readonly RunRecord[]) => boolean;

export interface KilledRun {
  runId: string;
  runDir: string;
  /** All that the killed process had written. */
  records: RunRecord[];
  /** Number of the record at which it was killed; those that follow it were written in the moment that a kill takes. */
  seq: number;
}

/** A command that executes a run, as far as it is needed here. */
export interface Killable {
  pid: number;
  ended: Promise<{ exitCode: number | undefined; stdout: string; stderr: string }>;
}

const pollMs = 2;
const longestMs = 150_000;

/** Ids of a testnet's runs, oldest first. */
export async function runIdsOf(stateDir: string): Promise<string[]> {
  try {
    return (await readdir(join(stateDir, 'runs'))).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Kills a run's process, as `kill -9` does, as soon as its journal holds a record that is looked for. */
export async function killAtRecord(
  stateDir: string,
  begin: () => Killable | Promise<Killable>,
  isPoint: RecordTest,
): Promise<KilledRun> {
  const { runId, seq, command } = await atRecord(stateDir, begin, isPoint);
  process.kill(command.pid, 'SIGKILL');
  await command.ended;
  const runDir = runFolder(stateDir, runId);
  const { records } = await readJournal(runDir);
  if (records.some(({ type }) => type === 'run.finished')) throw new Error(`run ${runId} ended before it was killed`);
  return { runId, runDir, records, seq };
}

/** Starts a run and waits until its journal holds a record that is looked for; throws when the run ends before. */
export async function atRecord(
  stateDir: string,
  begin: () => Killable | Promise<Killable>,
  isPoint: RecordTest,
): Promise<{ runId: string; seq: number; command: Killable }> {
  const known = new Set(await runIdsOf(stateDir));
  const command = await begin();
  let output: string | undefined;
  void command.ended.then(({ stdout, stderr }) => (output = `${stdout}${stderr}`));
  const startedMs = systemClock.monotonicMs();
  let runId: string | undefined;
  let records: RunRecord[] = [];
  let sizeBytes = 0;
  while (systemClock.monotonicMs() - startedMs < longestMs) {
    // Whether it has ended is asked before its journal is read for the last time.
    const hasEnded = output !== undefined;
    runId ??= (await runIdsOf(stateDir)).find((id) => !known.has(id));
    const file = runId === undefined ? undefined : journalFile(runFolder(stateDir, runId));
    const size = file === undefined ? 0 : await sizeOf(file);
    if (file !== undefined && size > sizeBytes) {
      sizeBytes = size;
      records = await recordsSoFar(file);
    }
    const seq = records.findIndex((record, index) => isPoint(record, records.slice(0, index)));
    if (runId !== undefined && seq >= 0) return { runId, seq, command };
    if (hasEnded) {
      const seen = records.map(({ type }) => type).join(', ');
      throw new Error(`the run ended before the record that was looked for; it wrote ${seen}: ${output}`);
    }
    await systemClock.sleep(pollMs);
  }
  process.kill(command.pid, 'SIGKILL');
  throw new Error(`the record that was looked for did not come within ${longestMs / 1000} s: ${output}`);
}

/** Whole lines alone: the last one may be in the middle of being written. */
async function recordsSoFar(file: string): Promise<RunRecord[]> {
  const text = await readFile(file, 'utf8');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RunRecord);
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}
