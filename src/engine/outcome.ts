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

/** The run neither goes on nor goes back: somebody must look. */
export class HeldError extends Error {}

/** A canary step, or somebody who was asked, did not let the run go on. */
export class StepError extends Error {
  readonly nodes: readonly string[];
  readonly verdict: 'fail' | 'inconclusive';

  constructor(nodes: readonly string[], verdict: 'fail' | 'inconclusive', message: string) {
    super(message);
    this.nodes = nodes;
    this.verdict = verdict;
  }
}

/** Nodes to be undone for what went wrong; undefined where nothing is to be undone by itself. */
export function blamedFor(error: unknown): readonly string[] | undefined {
  if (error instanceof GateError && error.verdict.kind === 'FAIL') return error.nodes;
  if (error instanceof StepError && error.verdict === 'fail') return error.nodes;
  return undefined;
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
  if (error instanceof HeldError) return { outcome: 'held', reason };
  if (error instanceof StepError) return { outcome: error.verdict === 'fail' ? 'failed' : 'inconclusive', reason };
  if (error instanceof SeatrialError) {
    if (error.code === 'aborted') return { outcome: 'interrupted', reason, error };
    const isRefusal = ['spec', 'usage', 'unsupported', 'unsafe', 'drift', 'locked'].includes(error.code);
    return { outcome: isRefusal ? 'refused' : 'error', reason, error };
  }
  return { outcome: 'error', reason, error };
}

export { exitCodeOf } from '../journal/outcome-exit-code.ts';
