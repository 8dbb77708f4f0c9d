import { copyFile, rm } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { CleanupError, UsageError } from '../../core/errors.ts';
import { exitCode } from '../../core/exit-code.ts';
import { countOf, durationOf } from '../../core/parameters.ts';
import { stepNumbers } from '../../engine/chaos/chaos-stages.ts';
import { testnetFile } from '../../engine/testnet-files.ts';
import { readJournal } from '../../journal/read-journal.ts';
import type { Plan } from '../../journal/records.ts';
import { runEnding } from '../../journal/run-ending.ts';
import { failureWays } from '../failure-ways.ts';
import { findRun, type FoundRun } from '../find-run.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson } from '../output.ts';
import { reportError } from '../report-error.ts';
import { runCommand } from '../run-command.ts';
import { attemptOn, type Attempt } from '../shrink-attempt.ts';
import { searchFewer, type SearchEnd } from '../shrink-search.ts';

export interface ShrinkOptions {
  attempts: string;
  within: string;
  json?: boolean;
}

/**
 * `seatrial shrink <run>`: looks for fewer steps of a random sequence that failed with which it fails still. Each attempt is a run of its own
 * on a testnet of its own, made from the same file and taken down again; the one on which it failed is not touched.
 */
export async function shrink(reference: string, options: ShrinkOptions): Promise<number> {
  const mostAttempts = countOf(options.attempts, '--attempts');
  const endsAtMs = systemClock.monotonicMs() + durationOf(options.within, '--within');
  const run = await findRun(reference);
  const { plan, begun, ways } = await failedSequence(run);
  // Whoever looks for a lost write is not helped by a run in which only a gate failed.
  const [gravest = ''] = ways;
  const twin = `${run.testnet}-shrink`;
  const file = join(run.root, 'stacks', `${twin}.yaml`);
  await makeTwin(run, file, twin);
  const interrupt = interruptSignal({
    first: 'ending the attempt and taking its testnet down',
    second: 'still at it',
    third: `left at once; take the testnet down with: seatrial down ${twin}`,
  });
  let left = mostAttempts;
  const attempt = async (steps: readonly number[]): Promise<Attempt | undefined> => {
    if (interrupt.signal.aborted || left === 0 || systemClock.monotonicMs() >= endsAtMs) return;
    left--;
    const [, program = ''] = process.argv;
    const tried = await attemptOn({ root: run.root, program, twin, plan, steps, signal: interrupt.signal });
    if (tried && !options.json) print(attemptText(mostAttempts - left, tried));
    return tried;
  };
  let isTwinLeft = false;
  try {
    if (!options.json)
      print(`run ${run.runId} failed (${ways.join(', ')}) with the steps ${begun.join(', ')}; looking for fewer`);
    const end = await searchFewer({ begun, way: gravest, attempt });
    isTwinLeft = end.error instanceof CleanupError;
    const { smallest, isCutShort, hasFailedAgain, attempts, error } = end;
    const command = runCommand(plan, { steps: smallest.join(',') });
    const isSmallest = hasFailedAgain && !isCutShort;
    const found = { runId: run.runId, ways, begun, smallest, isSmallest, command, attempts };
    if (!options.json) print(endText(end, command));
    if (error !== undefined) return reportError(error, options.json === true, found);
    if (options.json) printJson(found);
    if (interrupt.signal.aborted) return exitCode.interrupted;
    return isSmallest ? exitCode.pass : exitCode.inconclusive;
  } finally {
    // Without its file it could not be taken down.
    if (!isTwinLeft) await rm(file, { force: true });
    interrupt.dispose();
  }
}

interface FailedSequence {
  plan: Plan;
  /** Numbers of the steps that it had begun. */
  begun: number[];
  /** See `failureWays`; there is at least one. */
  ways: string[];
}

/** The plan of the run, and the steps that it had begun when it failed. Throws UsageError for a run that has nothing to shrink. */
async function failedSequence({ runId, runDir }: FoundRun): Promise<FailedSequence> {
  const { records } = await readJournal(runDir);
  const plan = records.find((record) => record.type === 'run.started')?.plan;
  if (plan?.parameters['seed'] === undefined || plan.parameters['steps'] === undefined) {
    throw new UsageError(`run ${runId} (${plan?.runbook ?? 'unknown'}) is no random sequence: only one can be shrunk`);
  }
  const { outcome } = runEnding(records);
  if (outcome !== 'failed') {
    throw new UsageError(`run ${runId} ended as ${outcome}: only a sequence that failed can be shrunk`);
  }
  // A change is begun by what is to be done to its node, not by a step of its own.
  const ids = records.flatMap((record) =>
    record.type === 'step.started' || record.type === 'intent' ? [record.step] : [],
  );
  const begun = stepNumbers(ids).sort((a, b) => a - b);
  if (begun.length === 0) throw new UsageError(`run ${runId} failed before the first step of its sequence`);
  const ways = failureWays(records);
  if (ways.length === 0) throw new UsageError(`run ${runId} does not tell what failed in it`);
  return { plan, begun, ways };
}

async function makeTwin({ root, testnet }: FoundRun, file: string, twin: string): Promise<void> {
  try {
    await copyFile(await testnetFile(root, testnet), file, constants.COPYFILE_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(
      `stacks/${twin}.yaml exists: another search goes on, or one was killed. When none does: seatrial down ${twin}, and remove the file`,
    );
  }
}

function attemptText(number: number, { steps, outcome, ways, runId }: Attempt): string {
  const how = ways.length === 0 ? '' : ` (${ways.join(', ')})`;
  return `${number}. steps ${steps.join(', ')}: ${outcome}${how}, run ${runId}`;
}

function endText({ smallest, isCutShort, hasFailedAgain, attempts, unsettled }: SearchEnd, command: string): string {
  const tried = `${attempts.length} attempt${attempts.length === 1 ? '' : 's'}`;
  const again = `Again with:\n${command}`;
  const why = unsettled
    ? `run ${unsettled.runId} ended as ${unsettled.outcome}, which says nothing of its steps: the search ends there\n`
    : '';
  if (!hasFailedAgain) {
    return isCutShort
      ? `${why}nothing smaller was seen to fail in ${tried}, and not all was tried. ${again}`
      : `it did not fail again in ${tried}: what went wrong does not follow from the steps alone`;
  }
  const rest = isCutShort ? 'not all was tried' : 'without any of them it did not fail';
  return `${why}steps ${smallest.join(', ')} are enough (${tried}; ${rest}). ${again}`;
}
