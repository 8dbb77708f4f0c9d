import { systemClock } from '../../core/clock.ts';
import { UsageError } from '../../core/errors.ts';
import { exitCode } from '../../core/exit-code.ts';
import { didYouMean } from '../../core/nearest.ts';
import { lockHolder } from '../../engine/lock.ts';
import { stateFolder } from '../../engine/state.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { dueState, type DueState } from '../../schedule/due.ts';
import { ownerOf } from '../../schedule/owned-files.ts';
import { readSchedules, scheduleMark, type Schedule } from '../../schedule/schedule.ts';
import { localTime, print, printJson, table } from '../output.ts';
import { findRoot } from '../root.ts';

interface Row extends DueState {
  schedule: Schedule;
  state: 'waiting' | 'running' | 'overdue' | 'broken';
  problem?: string;
}

/** `seatrial schedules [testnet]`: ends with 1 when something is overdue, or when its files are not there any more. */
export async function schedules(testnet: string | undefined, { json }: { json?: boolean }): Promise<number> {
  const root = findRoot();
  const all = await readSchedules(root);
  const chosen = all.filter((one) => testnet === undefined || one.testnet === testnet);
  if (testnet !== undefined && chosen.length === 0) {
    const known = [...new Set(all.map((one) => one.testnet))];
    throw new UsageError(`nothing is scheduled on ${testnet}${didYouMean(testnet, known)}`);
  }
  const rows = await Promise.all(chosen.map((schedule) => look(root, schedule)));
  if (json) printJson({ schedules: rows.map(asJson) });
  else print(rows.length === 0 ? 'nothing is scheduled' : listText(rows));
  return rows.every(({ state }) => state === 'waiting' || state === 'running') ? exitCode.pass : exitCode.failed;
}

async function look(root: string, schedule: Schedule): Promise<Row> {
  const { testnet, runbook, files } = schedule;
  const stateDir = stateFolder(root, testnet);
  const due = dueState(schedule, await listRuns(stateDir), new Date(systemClock.wallMs()));
  const mark = scheduleMark(root, testnet, runbook);
  const problems = await Promise.all(
    files.map(async (path) => {
      const owner = await ownerOf(path, mark);
      if (owner === 'ours') return [];
      return [owner === 'absent' ? `${path} is gone` : `${path} was replaced by somebody else`];
    }),
  );
  const [problem] = problems.flat();
  if (due.last?.outcome === 'unfinished' && (await lockHolder(stateDir))) return { ...due, schedule, state: 'running' };
  if (due.isOverdue) return { ...due, schedule, state: 'overdue', ...(problem !== undefined && { problem }) };
  return problem === undefined
    ? { ...due, schedule, state: 'waiting' }
    : { ...due, schedule, state: 'broken', problem };
}

function listText(rows: readonly Row[]): string {
  const cells = rows.map(({ schedule, last, dueAt, state, problem }) => [
    schedule.testnet,
    schedule.runbook,
    schedule.every,
    schedule.form,
    last ? `${localTime(new Date(last.startedAt))} ${last.outcome}` : 'never',
    localTime(dueAt),
    state === 'overdue' ? 'OVERDUE' : state,
    problem ?? '',
  ]);
  return table([['TESTNET', 'RUNBOOK', 'EVERY', 'AS', 'LAST RUN', 'DUE', 'STATE', ''], ...cells]);
}

function asJson({ schedule, last, dueAt, state, problem }: Row): object {
  return {
    ...schedule,
    last: last ? { run: last.id, startedAt: last.startedAt, outcome: last.outcome } : null,
    dueAt: dueAt.toISOString(),
    state,
    ...(problem !== undefined && { problem }),
  };
}
