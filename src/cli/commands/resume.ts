import { RefusedError } from '../../core/errors.ts';
import { withGate } from '../../engine/planning/gate-override.ts';
import { prepareResume } from '../../engine/resuming/resume.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import { runFolder } from '../../journal/run-files.ts';
import type { GateProfileName } from '../../spec/testnet.ts';
import { operatorName, requestRun } from '../control.ts';
import { executeAndReport, openNamedProject, requireStarted, withLock } from '../change.ts';
import { findRun, type FoundRun } from '../find-run.ts';
import { interruptSignal } from '../interrupt.ts';
import { accessLab } from '../labs.ts';
import { print, printJson } from '../output.ts';

export interface ResumeOptions {
  acceptCode?: string;
  json?: boolean;
}

/** `seatrial resume <run>`: lets a paused run go on, or goes on with one that was cut off, interrupted or held. */
export async function resume(reference: string, options: ResumeOptions): Promise<number> {
  const run = await findRun(reference);
  return whileNobodyElse(
    run,
    `resume ${run.runId}`,
    () => goOn(run, options),
    async (locked) => {
      if (!(await requestRun(run, { kind: 'continue', by: operatorName() }))) throw locked;
      if (options.json) printJson({ runId: run.runId, requested: 'continue' });
      else print(`run ${run.runId} goes on in the process that has it`);
      return 0;
    },
  );
}

/** A run keeps the gate that it was planned with. */
async function gateOf({ stateDir, runId }: FoundRun): Promise<GateProfileName | undefined> {
  const { records } = await readJournal(runFolder(stateDir, runId));
  return records.find((record) => record.type === 'run.started')?.plan.gate as GateProfileName | undefined;
}

/** Goes on with a run in this process; with `abortBy`, in order to take back what it did. */
export async function goOn(run: FoundRun, options: ResumeOptions & { abortBy?: string }): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { abortBy } = options;
    await requireNewest(run);
    const project = withGate(await openNamedProject(run.testnet), await gateOf(run));
    await requireStarted(project);
    const prepared = await prepareResume(project, run.runId, {
      acceptedCode: options.acceptCode,
      isAbort: abortBy !== undefined,
    });
    const access = await accessLab(project, prepared.deployed);
    try {
      const resumes = { ...prepared.resumes, ...(abortBy !== undefined && { abortBy }) };
      const isAbort = abortBy !== undefined;
      return await executeAndReport(
        project,
        { ...prepared, resumes },
        access,
        // Who aborts is told of all runs at once.
        { ...options, tellsResult: !isAbort },
        interrupt,
      );
    } finally {
      await access.lab.close();
    }
  } finally {
    interrupt.dispose();
  }
}

/** What a later run has changed is not this run's to go on with, nor to take back. */
async function requireNewest({ testnet, runId, stateDir }: FoundRun): Promise<void> {
  for (const { id, outcome } of await listRuns(stateDir)) {
    if (id === runId) return;
    if (outcome === 'corrupt') continue;
    const { records } = await readJournal(runFolder(stateDir, id));
    if (!records.some(({ type }) => type === 'intent' || type === 'effect.intent')) continue;
    throw new RefusedError(
      'drift',
      `run ${id} has changed ${testnet} since run ${runId}: plan anew, or undo a run with: seatrial run rollback ${testnet} --set run=<run>`,
    );
  }
}

/** Does `work` under the testnet's lock; `otherwise` when a living process has it. */
export async function whileNobodyElse(
  { stateDir }: FoundRun,
  purpose: string,
  work: () => Promise<number>,
  otherwise: (locked: RefusedError) => Promise<number>,
): Promise<number> {
  let isOurs = false;
  try {
    return await withLock(
      stateDir,
      purpose,
      () => undefined,
      () => {
        isOurs = true;
        return work();
      },
    );
  } catch (error) {
    if (isOurs || !(error instanceof RefusedError) || error.code !== 'locked') throw error;
    return otherwise(error);
  }
}
