import type { PlanStep } from '../journal/records.ts';
import { StepError } from './outcome.ts';
import { planHash } from './plan.ts';
import type { RunContext } from './run-context.ts';

const pollMs = 500;

/**
 * Waits until somebody decides on exactly this plan, or the step's time is over. Refused or without an answer the run does not go on,
 * and takes back what it did; unless the plan says that silence means yes.
 */
export async function askApproval({ inputs, session, signal }: RunContext, step: PlanStep): Promise<void> {
  const { clock, plan } = inputs;
  const { state, control } = session;
  const { id, question = '', timeoutMs = 0, onTimeout = 'stop' } = step;
  const hash = planHash(plan);
  if (state.approvals.get(id)?.decision === 'approved') return;
  // Absolute: a run that goes on later does not ask for longer.
  const deadlineAtMs = state.approvals.get(id)?.deadlineAtMs ?? clock.wallMs() + timeoutMs;
  if (!state.approvals.has(id)) {
    await session.record({ type: 'approval.requested', step: id, planHash: hash, question, deadlineAtMs, onTimeout });
  }
  const startedMs = clock.monotonicMs();
  const leftMs = deadlineAtMs - clock.wallMs();
  let decided = control.decisionOn(id, hash);
  while (!decided && clock.monotonicMs() - startedMs < leftMs) {
    await clock.sleep(pollMs, signal);
    decided = control.decisionOn(id, hash);
  }
  const { decision, by } = decided ?? { decision: 'timed-out' as const, by: 'nobody' };
  await session.record({ type: 'approval.decided', step: id, planHash: hash, decision, by });
  if (decision === 'approved' || (decision === 'timed-out' && onTimeout === 'continue')) return;
  const why =
    decision === 'rejected' ? `${by} rejected it` : `nobody approved it within ${Math.round(timeoutMs / 1000)} s`;
  throw new StepError(state.changed, 'fail', `${id}: ${why}`);
}
