import type { RunInputs } from '../../src/engine/run-context.ts';
import { executeRun, type RunResult } from '../../src/engine/run.ts';
import type { RunJournal } from '../../src/engine/session.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';
import type { RunWorld, UpgradeOptions } from './run-world.ts';

/** Where the orchestrator is killed. */
export type CrashPoint =
  /** The record of this number is on the disk, and nothing that follows it was done. */
  | { kind: 'record'; seq: number }
  /** In the middle of the lab's call of this number: before it has its effect, or after. */
  | { kind: 'call'; number: number; effect: 'before' | 'after' };

export interface Crashed {
  result: RunResult;
  records: RunRecord[];
}

/**
 * Executes an upgrade in a process that is killed at this point, and goes on with the run in a second one. Undefined when the run
 * ended before it came to the point.
 */
export async function crashAndResume(
  world: RunWorld,
  options: UpgradeOptions,
  point: CrashPoint,
): Promise<Crashed | undefined> {
  const grave = Promise.withResolvers<never>();
  grave.promise.catch(() => undefined);
  const life: Life = { isOver: false, end: () => undefined, never: () => grave.promise };
  const killed = new Promise<'killed'>((resolve) => {
    life.end = () => {
      life.isOver = true;
      resolve('killed');
    };
  });
  const inputs = await world.inputs({
    ...options,
    journal: (plain) => dyingJournal(plain, life, point.kind === 'record' ? point.seq : Infinity),
    lab: (plain) => dyingLab(plain, life, point),
  });
  const first = executeRun(inputs);
  const cut = await world.untilSettled(Promise.race([first, killed]));
  if (cut !== 'killed') return undefined;
  const crashed = await resumeRun(world, inputs);
  // Only now the dead process may close its files.
  grave.reject(new Error('this process was killed'));
  await world.untilSettled(first.catch(() => undefined));
  return crashed;
}

/** Goes on with a run as the next process would. */
export async function resumeRun(world: RunWorld, inputs: RunInputs): Promise<Crashed> {
  const result = await world.untilSettled(executeRun(await world.resumed(inputs)));
  const { records } = await readJournal(runFolder(world.topology.stateDir, inputs.runId));
  return { result, records };
}

/** Whether the first process still lives. */
interface Life {
  isOver: boolean;
  end: () => void;
  /** Does not come back, as nothing does in a process that was killed. */
  never(): Promise<never>;
}

function dyingJournal(plain: RunJournal, life: Life, lastSeq: number): RunJournal {
  return {
    append: async (event) => {
      if (life.isOver) return life.never();
      const record = await plain.append(event);
      if (record.seq < lastSeq) return record;
      life.end();
      return life.never();
    },
    close: () => plain.close(),
  };
}

/** The calls that change something; a killed process makes none of them any more. */
function dyingLab(plain: FakeLab, life: Life, point: CrashPoint): FakeLab {
  let calls = 0;
  const dying =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const number = calls++;
      if (life.isOver) return life.never();
      if (point.kind !== 'call' || number !== point.number) return call(...args);
      if (point.effect === 'after') await call(...args);
      life.end();
      return life.never();
    };
  return {
    ...plain,
    launch: dying(plain.launch),
    start: dying(plain.start),
    stop: dying(plain.stop),
    exec: dying(plain.exec),
  };
}
