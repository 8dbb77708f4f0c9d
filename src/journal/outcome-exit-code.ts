import { exitCode } from '../core/exit-code.ts';
import type { RunOutcome } from './records.ts';

const exitCodes: Record<RunOutcome, number> = {
  passed: exitCode.pass,
  failed: exitCode.failed,
  'rolled-back': exitCode.failed,
  'rollback-failed': exitCode.failed,
  held: exitCode.inconclusive,
  inconclusive: exitCode.inconclusive,
  void: exitCode.inconclusive,
  refused: exitCode.refused,
  interrupted: exitCode.interrupted,
  aborted: exitCode.failed,
  error: exitCode.lab,
};

/**
 * Outcomes whose code stands whatever is left: that something was found to be bad is the graver news, an interrupted run is gone on with, and the
 * testnet of a refused one is another's now.
 */
const standing: readonly RunOutcome[] = ['failed', 'rolled-back', 'rollback-failed', 'interrupted', 'refused'];

/** The exit code with which a run of this outcome ends. `left`: what of its own doing it could not give back; see `run.finished`. */
export function exitCodeOf(outcome: RunOutcome, left: readonly string[] = []): number {
  return left.length > 0 && !standing.includes(outcome) ? exitCode.cleanup : exitCodes[outcome];
}
