import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import type { RunInputs } from '../../src/engine/run-context.ts';
import { executeRun, type RunResult } from '../../src/engine/run.ts';
import type { RunJournal } from '../../src/engine/session.ts';
import { readJournal } from '../../src/journal/read-journal.ts';
import type { RunEvent, RunRecord } from '../../src/journal/records.ts';
import { runFolder } from '../../src/journal/run-files.ts';
import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';
import type { Pace, RunWorld, UpgradeOptions } from './run-world.ts';

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
 * Executes an upgrade in a process that is killed at this point, and goes on with the run in a second one; with `abortBy` that one takes back
 * what it did. Undefined when the run ended before it came to the point.
 */
export async function crashAndResume(
  world: RunWorld,
  options: UpgradeOptions,
  point: CrashPoint,
  { abortBy }: { abortBy?: string } = {},
): Promise<Crashed | undefined> {
  const struck = await strike(world, options, point);
  if (!struck) return undefined;
  const crashed = await resumeRun(world, struck.inputs, { ...(abortBy !== undefined && { abortBy }) });
  await struck.bury();
  return crashed;
}

/** Executes a run in a process that is killed at this point; whether it came there. */
export async function killedAtPoint(world: RunWorld, options: UpgradeOptions, point: CrashPoint): Promise<boolean> {
  const struck = await strike(world, options, point);
  // Its files are closed once nothing can come of it any more.
  if (struck) onTestFinished(struck.bury);
  return struck !== undefined;
}

/** Executes a run undisturbed; how many calls of its lab change something. */
export async function countedFaultCalls(world: RunWorld, options: UpgradeOptions): Promise<number> {
  let calls = 0;
  const life: Life = { isOver: false, end: () => undefined, never: () => Promise.reject(new Error('nobody dies')) };
  const point: CrashPoint = { kind: 'record', seq: Infinity };
  const inputs = await world.inputs({ ...options, lab: (plain) => dyingLab(plain, life, point, () => calls++) });
  const { outcome, reason } = await world.untilSettled(executeRun(inputs));
  if (outcome !== 'passed') throw new Error(`the run ended as ${outcome}: ${reason}`);
  return calls;
}

async function strike(
  world: RunWorld,
  options: UpgradeOptions,
  point: CrashPoint,
): Promise<{ inputs: RunInputs; bury(): Promise<void> } | undefined> {
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
  return {
    inputs,
    // Only then the dead process may close its files.
    bury: async () => {
      grave.reject(new Error('this process was killed'));
      await world.untilSettled(first.catch(() => undefined));
    },
  };
}

/** Where a run is killed by what it writes down: right after the first record of a type, or right before it. */
export interface RecordPoint {
  kind: 'type' | 'before-type';
  type: RunRecord['type'];
  /** Only where this is the step of the record. */
  step?: string;
}

/** Executes a run in a process that is killed there, and leaves it to others to go on with it. Throws when it never came there. */
export async function killedAt(
  world: RunWorld,
  options: UpgradeOptions,
  point: RecordPoint,
  heed: (record: RunRecord, inputs: RunInputs) => void = () => undefined,
): Promise<RunInputs> {
  const { promise: killed, resolve } = Promise.withResolvers<'killed'>();
  const grave = Promise.withResolvers<never>();
  grave.promise.catch(() => undefined);
  let isOver = false;
  const die = (): Promise<never> => {
    isOver = true;
    resolve('killed');
    return grave.promise;
  };
  const isThere = (event: RunEvent): boolean =>
    event.type === point.type && (point.step === undefined || ('step' in event && event.step === point.step));
  const inputs: RunInputs = await world.inputs({
    ...options,
    onRecord: (record) => heed(record, inputs),
    journal: (plain) => ({
      append: async (event) => {
        if (isOver || (point.kind === 'before-type' && isThere(event))) return die();
        const record = await plain.append(event);
        return isThere(event) ? die() : record;
      },
      close: () => plain.close(),
    }),
    lab: (plain) => mortalLab(plain, () => isOver, grave.promise),
  });
  const running = executeRun({ ...inputs, clock: mortalClock(inputs.clock, () => isOver, grave.promise) });
  running.catch(() => undefined);
  onTestFinished(async () => {
    // Its files are closed once nothing can come of it any more.
    grave.reject(new Error('this process was killed'));
    await world.untilSettled(running.catch(() => undefined));
  });
  const ended = await world.untilSettled(Promise.race([running, killed]));
  if (ended !== 'killed') throw new Error(`the run ended (${ended.outcome}) before ${point.type}`);
  return inputs;
}

/** Executes a run in a process that is killed after so long; it has no effect on the lab afterwards. */
export async function killedAfter(world: RunWorld, inputs: RunInputs, durationMs: number): Promise<RunInputs> {
  const grave = Promise.withResolvers<never>();
  grave.promise.catch(() => undefined);
  let isOver = false;
  const running = executeRun({ ...inputs, clock: mortalClock(inputs.clock, () => isOver, grave.promise) });
  running.catch(() => undefined);
  onTestFinished(async () => {
    grave.reject(new Error('this process was killed'));
    await world.untilSettled(running.catch(() => undefined));
  });
  const dying = world.clock.sleep(durationMs).then(() => (isOver = true));
  await world.untilSettled(dying, { stepMs: 5_000 });
  return inputs;
}

/** A clock on which nobody wakes once the process is gone. */
function mortalClock(plain: Clock, isOver: () => boolean, grave: Promise<never>): Clock {
  return {
    ...plain,
    sleep: async (durationMs, signal) => {
      if (!isOver()) await plain.sleep(durationMs, signal);
      if (!isOver()) return;
      // What sleeps again when its sleep fails must leave others their turn.
      await new Promise((resolve) => setImmediate(resolve));
      await grave;
    },
  };
}

/** A lab of whose calls none has an effect once the process that makes them is gone. */
function mortalLab(plain: FakeLab, isOver: () => boolean, grave: Promise<never>): FakeLab {
  const mortal =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      isOver() ? grave : call(...args);
  const { launch, start, stop, exec } = plain;
  const faults = { ...plain.faults };
  for (const name of faultCalls) Object.assign(faults, { [name]: mortal(plain.faults[name] as Call) });
  return { ...plain, faults, launch: mortal(launch), start: mortal(start), stop: mortal(stop), exec: mortal(exec) };
}

/** Goes on with a run as the next process would. */
export async function resumeRun(
  world: RunWorld,
  inputs: RunInputs,
  { abortBy, ...pace }: Pace & { abortBy?: string } = {},
): Promise<Crashed> {
  const next = await world.resumed(inputs);
  const resumes = next.resumes && { ...next.resumes, ...(abortBy !== undefined && { abortBy }) };
  const result = await world.untilSettled(executeRun({ ...next, resumes }), pace);
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
  // One after the other: what was asked for beside the last record must not be written when somebody else goes on with the journal.
  let previous: Promise<unknown> = Promise.resolve();
  const write = async (event: RunEvent): Promise<RunRecord | undefined> => {
    if (life.isOver) return undefined;
    const record = await plain.append(event);
    if (record.seq < lastSeq) return record;
    life.end();
    return undefined;
  };
  return {
    append: async (event) => {
      const written = previous.then(() => write(event));
      previous = written.catch(() => undefined);
      return (await written) ?? life.never();
    },
    close: () => plain.close(),
  };
}

/** The calls of a fault port that change something. */
const faultCalls = ['arm', 'inject', 'extend', 'heal'] as const;
type Call = (...args: unknown[]) => Promise<unknown>;

/** The calls that change something; a killed process makes none of them any more. */
function dyingLab(plain: FakeLab, life: Life, point: CrashPoint, onCall: () => void = () => undefined): FakeLab {
  let calls = 0;
  const dying =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const number = calls++;
      onCall();
      if (life.isOver) return life.never();
      if (point.kind !== 'call' || number !== point.number) return call(...args);
      if (point.effect === 'after') await call(...args);
      life.end();
      return life.never();
    };
  const faults = { ...plain.faults };
  for (const name of faultCalls) Object.assign(faults, { [name]: dying(plain.faults[name] as Call) });
  return {
    ...plain,
    faults,
    launch: dying(plain.launch),
    start: dying(plain.start),
    stop: dying(plain.stop),
    exec: dying(plain.exec),
    snapshot: dying(plain.snapshot),
    restore: dying(plain.restore),
  };
}
