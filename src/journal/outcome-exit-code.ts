import { exitCode } from '../core/exit-code.ts';
import type { RunOutcome } from './records.ts';

const exitCodes: Record<RunOutcome, number> = {
  passed: exitCode.pass,
  failed: exitCode.failed,
  'rolled-back': exitCode.failed,
  'rollback-failed': exitCode.failed,
  held: exitCode.inconclusive,
  inconclusive: exitCode.inconclusive,
  refused: exitCode.refused,
  interrupted: exitCode.interrupted,
  aborted: exitCode.failed,
  error: exitCode.lab,
};

/** The exit code with which a run of this outcome ends. */
export function exitCodeOf(outcome: RunOutcome): number {
  return exitCodes[outcome];
}
