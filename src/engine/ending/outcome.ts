import { messageOf, SeatrialError } from '../../core/errors.ts';
import type { RunOutcome } from '../../journal/records.ts';
import type { GateVerdict } from '../../gates/verdict.ts';

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

/** What was to be broken was not, or cannot be shown to have been: what was seen meanwhile proves nothing. */
export class VoidError extends Error {}

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
  /** What the run could not give back; see `run.finished`. */
  left?: string[];
  error?: unknown;
}

/** The ending that an error stands for. */
export function endingOf(error: unknown): Ending {
  if (error instanceof GateError) {
    const outcome = { PASS: 'passed', FAIL: 'failed', HOLD: 'held', INCONCLUSIVE: 'inconclusive' } as const;
    return { outcome: outcome[error.verdict.kind], reason: error.message };
  }
  const reason = messageOf(error);
  if (error instanceof VoidError) return { outcome: 'void', reason };
  if (error instanceof HeldError) return { outcome: 'held', reason };
  if (error instanceof StepError) return { outcome: error.verdict === 'fail' ? 'failed' : 'inconclusive', reason };
  if (error instanceof SeatrialError) {
    if (error.code === 'aborted') return { outcome: 'interrupted', reason, error };
    const isRefusal = ['spec', 'usage', 'unsupported', 'unsafe', 'drift', 'locked'].includes(error.code);
    return { outcome: isRefusal ? 'refused' : 'error', reason, error };
  }
  return { outcome: 'error', reason, error };
}

/** Endings that leave open what harm to acknowledged writes answers. */
const openOutcomes: readonly RunOutcome[] = ['failed', 'held', 'inconclusive', 'void', 'error'];

/** The ending of a run whose ledger has a problem. Harm to what was acknowledged is told however the run ended, and fails one that was open. */
export function afterLedger(ending: Ending, problem: Ending): Ending {
  if (ending.outcome === 'passed') return problem;
  if (problem.outcome !== 'failed') return ending;
  const reason = [problem.reason, ending.reason].filter(Boolean).join('; ');
  return { ...ending, outcome: openOutcomes.includes(ending.outcome) ? 'failed' : ending.outcome, reason };
}

export { exitCodeOf } from '../../journal/outcome-exit-code.ts';
