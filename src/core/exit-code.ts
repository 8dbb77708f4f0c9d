import type { ErrorCode } from './errors.ts';

/** Exit codes of the command line. */
export const exitCode = {
  pass: 0,
  failed: 1,
  refused: 2,
  inconclusive: 3,
  lab: 4,
  cleanup: 5,
  interrupted: 130,
} as const;

const byError: Record<ErrorCode, number> = {
  spec: exitCode.refused,
  usage: exitCode.refused,
  unsupported: exitCode.refused,
  unsafe: exitCode.refused,
  drift: exitCode.refused,
  locked: exitCode.refused,
  lab: exitCode.lab,
  aborted: exitCode.interrupted,
  cleanup: exitCode.cleanup,
};

export function exitCodeOfError(code: ErrorCode): number {
  return byError[code];
}
