import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { CleanupError, LabError, messageOf } from '../core/errors.ts';
import { readDeployedTopology, stateFolder } from '../engine/state.ts';
import { readJournal } from '../journal/read-journal.ts';
import type { Plan, RunOutcome } from '../journal/records.ts';
import { runFolder } from '../journal/run-files.ts';
import { failureWays } from './failure-ways.ts';

export interface Attempt {
  steps: readonly number[];
  outcome: RunOutcome;
  /** See `failureWays`. */
  ways: string[];
  /** Its journal stays. */
  runId: string;
}

interface AttemptRequest {
  root: string;
  /** File of the command line's own program. */
  program: string;
  /** Name of the testnet that it is done on, which has a file and does not run. */
  twin: string;
  /** Of the run that failed. */
  plan: Plan;
  steps: readonly number[];
  signal: AbortSignal;
}

/** A node that does not end by itself holds nothing up for longer. */
const downTimeoutMs = 180_000;
/** An interrupted run heals what it has broken. */
const healingMs = 120_000;

/**
 * Brings the testnet up, runs these steps of the sequence, and takes it down: each a command of its own, as it would be typed. What they say
 * stands in `shrink.log` beside the runs. Undefined when the signal was aborted before the steps were seen to fail. Throws LabError when the
 * testnet could not be brought up, or the run has told nothing, and CleanupError when it could not be taken down.
 */
export async function attemptOn(request: AttemptRequest): Promise<Attempt | undefined> {
  const { root, twin } = request;
  const folder = stateFolder(root, twin);
  await mkdir(folder, { recursive: true });
  const log = join(folder, 'shrink.log');
  const command = commandLine(request, log);
  const takeDown = async (before: string, first?: unknown): Promise<void> => {
    const { exitCode } = await command(['down', twin]);
    // What was never brought up is refused, and the topology goes last.
    if (exitCode === 0 || !(await readDeployedTopology(folder))) return;
    throw new CleanupError(
      `${twin} could not be taken down (exit code ${exitCode ?? 'none'}); see ${log}, then: seatrial down ${twin}. Before: ${before}`,
      { first },
    );
  };
  let attempt: Attempt | undefined;
  try {
    attempt = await attemptWith(command, request, log);
  } catch (error) {
    await takeDown(messageOf(error), error);
    throw error;
  }
  await takeDown(attempt ? `run ${attempt.runId} ended as ${attempt.outcome}` : 'interrupted');
  return attempt;
}

type CommandLine = ReturnType<typeof commandLine>;

function commandLine({ root, program }: AttemptRequest, log: string) {
  return (args: readonly string[], until?: AbortSignal) =>
    execa(process.execPath, [program, ...args], {
      cwd: root,
      stdin: 'ignore',
      stdout: ['pipe', { file: log, append: true }],
      stderr: { file: log, append: true },
      reject: false,
      // In a group of its own: a Ctrl-C reaches it once, from here.
      detached: true,
      ...(until
        ? { cancelSignal: until, killSignal: 'SIGINT', forceKillAfterDelay: healingMs }
        : { timeout: downTimeoutMs }),
    });
}

async function attemptWith(
  command: CommandLine,
  { root, twin, plan, steps, signal }: AttemptRequest,
  log: string,
): Promise<Attempt | undefined> {
  const up = await command(['up', `stacks/${twin}.yaml`], signal);
  if (signal.aborted) return undefined;
  if (up.exitCode !== 0) {
    throw new LabError(
      `${twin} could not be brought up for the steps ${steps.join(', ')} (exit code ${up.exitCode}); see ${log}`,
    );
  }
  const set = Object.entries({ ...plan.parameters, steps: steps.join(',') }).map(([name, value]) => `${name}=${value}`);
  const words = ['run', plan.runbook, twin, '--gate', plan.gate, '--json', ...set.flatMap((one) => ['--set', one])];
  const run = await command(words, signal);
  const result = resultOf(run.stdout);
  if (signal.aborted && result?.outcome !== 'failed') return undefined;
  if (!result) {
    throw new LabError(
      `the run of the steps ${steps.join(', ')} has told nothing (exit code ${run.exitCode}); see ${log}`,
    );
  }
  const { records } = await readJournal(runFolder(stateFolder(root, twin), result.runId));
  return { steps, ...result, ways: failureWays(records) };
}

function resultOf(text: string): Pick<Attempt, 'runId' | 'outcome'> | undefined {
  try {
    const { runId, outcome } = JSON.parse(text) as Partial<Attempt>;
    return runId === undefined || outcome === undefined ? undefined : { runId, outcome };
  } catch {
    return undefined;
  }
}
