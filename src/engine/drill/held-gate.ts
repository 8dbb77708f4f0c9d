import type { PlanStep } from '../../journal/records.ts';
import { GateError, StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

/** The gate must say that too little is known: neither that all is well nor that something is to be taken back. */
export async function requireHold({ session, signal }: RunContext, step: PlanStep): Promise<void> {
  const { id, nodes } = step;
  try {
    await session.gates.gate(id, nodes, session.deployed, { signal });
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    const { kind, reason } = error.verdict;
    if (kind === 'FAIL') throw new StepError([], 'fail', `${id}: the gate took a lack of data for harm: ${reason}`);
    return;
  }
  throw new StepError([], 'fail', `${id}: the gate passed though too little could be known`);
}
