import { exitCode } from '../core/exit-code.ts';
import { messageOf, SeatrialError } from '../core/errors.ts';
import type { RunOutcome } from '../journal/records.ts';
import type { GateVerdict } from '../gates/verdict.ts';

/** A gate or guard did not pass. A verdict that travels through the deployer; never shown as a crash. */
export class GateError extends Error {
  readonly nodes: readonly string[];
  readonly verdict: Pick<GateVerdict, 'kind' | 'reason' | 'cause'>;

  constructor(nodes: readonly string[], verdict: Pick<GateVerdict, 'kind' | 'reason' | 'cause'>) {
    super(`the gate of ${nodes.join(', ')} says ${verdict.kind}: ${verdict.reason}`);
    this.name = 'GateError';
    this.nodes = nodes;
    this.verdict = verdict;
  }
}

/** How a run ended, and why if not well. */
export interface Ending {
  outcome: RunOutcome;
  reason?: string;
  error?: unknown;
}

/** The ending that an error stands for. */
export function endingOf(error: unknown): Ending {
  if (error instanceof GateError) {
    const outcome = { PASS: 'passed', FAIL: 'failed', HOLD: 'held', INCONCLUSIVE: 'inconclusive' } as const;
    return { outcome: outcome[error.verdict.kind], reason: error.message };
  }
  const reason = messageOf(error);
  if (error instanceof SeatrialError) {
    if (error.code === 'aborted') return { outcome: 'interrupted', reason, error };
    const isRefusal = ['spec', 'usage', 'unsupported', 'unsafe', 'drift', 'locked'].includes(error.code);
    return { outcome: isRefusal ? 'refused' : 'error', reason, error };
  }
  return { outcome: 'error', reason, error };
}

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

export function exitCodeOf(outcome: RunOutcome): number {
  return exitCodes[outcome];
}
