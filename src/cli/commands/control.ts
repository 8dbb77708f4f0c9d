import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { messageOf, RefusedError, SeatrialError, UsageError } from '../../core/errors.ts';
import { exitCode, exitCodeOfError } from '../../core/exit-code.ts';
import { waitFor } from '../../core/wait.ts';
import { pendingDecision } from '../../engine/run-control.ts';
import { listRuns } from '../../journal/list-runs.ts';
import { readJournal } from '../../journal/read-journal.ts';
import type { RunRecord } from '../../journal/records.ts';
import { isResumable, runEnding } from '../../journal/run-ending.ts';
import { runFolder } from '../../journal/run-files.ts';
import { operatorName, requestRun } from '../control.ts';
import { findRun, type FoundRun } from '../find-run.ts';
import { print, printJson } from '../output.ts';
import { findRoot } from '../root.ts';
import { goOn, whileNobodyElse } from './resume.ts';

/** A run looks for requests twice a second. */
const takenWithinMs = 5_000;
/** An abort takes every changed node back behind its gate. */
const abortedWithinMs = 3_600_000;

/** `seatrial pause <run>`: nothing new is begun until `seatrial resume`; the gate that is being held goes on. */
export async function pause(reference: string, options: { json?: boolean }): Promise<void> {
  const run = await findRun(reference);
  if (!(await requestRun(run, { kind: 'pause', by: operatorName() }))) {
    throw new UsageError(`run ${run.runId} has ended: there is nothing to pause`);
  }
  if (options.json) printJson({ runId: run.runId, requested: 'pause' });
  else print(`run ${run.runId} pauses before its next step; let it go on with: seatrial resume ${run.runId}`);
}

export interface ApproveOptions {
  plan: string;
  reject?: boolean;
  json?: boolean;
}

/** `seatrial approve <run> --plan <hash>`: answers the approval that a run waits for; only for the plan that one has seen. */
export async function approve(reference: string, options: ApproveOptions): Promise<void> {
  const run = await findRun(reference);
  const { records } = await readJournal(run.runDir);
  const asked = openApproval(records);
  if (!asked) throw new UsageError(`run ${run.runId} does not wait for an approval`);
  const { step, planHash, question } = asked;
  if (options.plan.length < 8 || !planHash.startsWith(options.plan)) {
    throw new RefusedError(
      'drift',
      `run ${run.runId} asks about plan ${planHash.slice(0, 12)}, not ${options.plan}: look at it with \`seatrial show ${run.runId}\`, then approve that one`,
      { details: { planHash } },
    );
  }
  const earlier = await decidedOn(run, asked);
  if (earlier) throw decidedOtherwise(run, asked, earlier);
  const decision = options.reject ? 'rejected' : 'approved';
  const by = operatorName();
  const atMs = systemClock.wallMs();
  if (!(await requestRun(run, { kind: 'decide', by, step, planHash, decision, atMs }))) {
    throw new UsageError(`run ${run.runId} has ended: there is nothing to approve`);
  }
  const isTaken = await isSeen(run, (after) => recordedOn(after, step) !== undefined);
  // Somebody else may have been faster, or the time was over.
  const decided = await decidedOn(run, asked);
  if (!decided) throw new UsageError(`run ${run.runId} has ended without this answer`);
  if (decided.decision !== decision || decided.by !== by) throw decidedOtherwise(run, asked, decided);
  if (options.json) printJson({ runId: run.runId, step, planHash, decision, taken: isTaken });
  else if (isTaken) print(`${decision}: ${question}`);
  else print(`${decision}: ${question} Nobody runs it now; it goes on with: seatrial resume ${run.runId}`);
}

/** `seatrial abort <run>` and `--all`: ends runs and takes back what they did. */
export async function abort(
  reference: string | undefined,
  options: { all?: boolean; json?: boolean },
): Promise<number> {
  if (options.all && reference !== undefined) {
    throw new UsageError(`--all aborts every run of every testnet here: leave out ${reference}, or leave out --all`);
  }
  const runs = options.all ? await openRuns() : [await findRun(requireReference(reference))];
  const results = options.all
    ? await abortAll(runs, options)
    : await Promise.all(runs.map((run) => abortOne(run, options)));
  if (options.json) printJson({ aborted: results });
  else if (results.length === 0) print('no run is under way or unfinished');
  else for (const { runId, outcome, reason } of results) print(`run ${runId}: ${outcome}${reason && `: ${reason}`}`);
  return Math.max(...results.map((result) => result.exitCode), exitCode.pass);
}

interface Aborted {
  runId: string;
  testnet: string;
  outcome: string;
  reason: string;
  exitCode: number;
}

/** The kill switch: runs that are under way are all told first, and a run that cannot be taken back keeps no other from it. */
async function abortAll(runs: readonly FoundRun[], options: { json?: boolean }): Promise<Aborted[]> {
  const told = new Set<FoundRun>();
  const results: Aborted[] = [];
  for (const run of runs) {
    const isTold = await whileNobodyElse(
      run,
      `abort ${run.runId}`,
      () => Promise.resolve(0),
      async () => Number(await requestRun(run, { kind: 'abort', by: operatorName() })),
    ).catch(() => 0);
    if (isTold) told.add(run);
  }
  for (const run of runs) {
    const { runId, testnet } = run;
    const ending = told.has(run) ? endingOfTold(run) : abortOne(run, options);
    const failed = (error: unknown): Aborted => ({
      runId,
      testnet,
      outcome: 'error',
      reason: messageOf(error),
      exitCode: error instanceof SeatrialError ? exitCodeOfError(error.code) : exitCode.lab,
    });
    results.push(await ending.catch(failed));
  }
  return results;
}

async function abortOne(run: FoundRun, { json }: { json?: boolean }): Promise<Aborted> {
  const by = operatorName();
  const { records } = await readJournal(run.runDir);
  if (!isResumable(records)) {
    throw new UsageError(
      `run ${run.runId} has ended (${runEnding(records).outcome}); undo it with: seatrial run rollback ${run.testnet} --set run=${run.runId}`,
    );
  }
  let isTold = false;
  await whileNobodyElse(
    run,
    `abort ${run.runId}`,
    () => goOn(run, { abortBy: by, ...(json !== undefined && { json }) }),
    async (locked) => {
      if (!(await requestRun(run, { kind: 'abort', by }))) throw locked;
      isTold = true;
      return 0;
    },
  );
  return isTold ? endingOfTold(run) : endingOf(run);
}

/** Waits for the process that has the run to end it. */
async function endingOfTold(run: FoundRun): Promise<Aborted> {
  await isSeen(run, (after) => runEnding(after).finished !== undefined, abortedWithinMs);
  return endingOf(run);
}

async function endingOf({ runId, testnet, runDir }: FoundRun): Promise<Aborted> {
  const { outcome, finished } = runEnding((await readJournal(runDir)).records);
  const code = outcome === 'aborted' && !finished?.left ? exitCode.pass : (finished?.exitCode ?? exitCode.inconclusive);
  return { runId, testnet, outcome, reason: finished?.reason ?? '', exitCode: code };
}

function requireReference(reference: string | undefined): string {
  if (reference !== undefined) return reference;
  throw new UsageError('name a run, or use --all for every run of every testnet here');
}

/** The newest run of every testnet here, where it has not ended. */
async function openRuns(): Promise<FoundRun[]> {
  const root = findRoot();
  const folder = join(root, '.seatrial');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const open: FoundRun[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const stateDir = join(folder, entry.name);
    const [newest] = await listRuns(stateDir);
    if (!newest?.isResumable) continue;
    open.push({ root, testnet: entry.name, runId: newest.id, stateDir, runDir: runFolder(stateDir, newest.id) });
  }
  return open;
}

type Asked = RunRecord & { type: 'approval.requested' };
type Decided = Pick<RunRecord & { type: 'approval.decided' }, 'decision' | 'by'>;

/** The answer that counts: the one in the journal, else the one that the run will take. */
async function decidedOn({ runDir }: FoundRun, asked: Asked): Promise<Decided | undefined> {
  const { records } = await readJournal(runDir);
  return recordedOn(records, asked.step) ?? pendingDecision(runDir, asked);
}

function recordedOn(records: readonly RunRecord[], step: string): Decided | undefined {
  return records.find((record) => record.type === 'approval.decided' && record.step === step) as Decided | undefined;
}

function decidedOtherwise({ runId }: FoundRun, { step, question }: Asked, { decision, by }: Decided): RefusedError {
  const what =
    decision === 'timed-out'
      ? `the time to answer was over before this answer came`
      : `${by} has ${decision} it already, and the first answer counts`;
  return new RefusedError(
    'drift',
    `${step} of run ${runId} (${question}): ${what}. To stop the run all the same: seatrial abort ${runId}`,
    { details: { step, decision, by } },
  );
}

function openApproval(records: readonly RunRecord[]): Asked | undefined {
  const asked = records.findLast((record) => record.type === 'approval.requested');
  const isDecided = asked !== undefined && recordedOn(records, asked.step) !== undefined;
  return isDecided || runEnding(records).finished ? undefined : asked;
}

/** Waits until the run's journal shows it; false when it does not in time. */
async function isSeen(
  { runDir }: FoundRun,
  isThere: (records: readonly RunRecord[]) => boolean,
  timeoutMs = takenWithinMs,
): Promise<boolean> {
  const look = async (): Promise<true | undefined> => (isThere((await readJournal(runDir)).records) ? true : undefined);
  return waitFor(look, { clock: systemClock, what: 'the run', timeoutMs, intervalMs: 250 }).catch(() => false);
}
