import type { PlanStep } from '../journal/records.ts';
import { StepError } from './ending/outcome.ts';
import { planHash } from './planning/plan.ts';
import type { RunContext } from './run-context.ts';
import type { Approval } from './run-state.ts';

const pollMs = 500;

type Decided = Required<Pick<Approval, 'decision' | 'by'>>;

/**
 * Waits until somebody decides on exactly this plan, or the step's time is over. Refused or without an answer the run does not go on,
 * and takes back what it did; unless the plan says that silence means yes.
 */
export async function askApproval(context: RunContext, step: PlanStep): Promise<void> {
  const { state } = context.session;
  const { id, timeoutMs = 0, onTimeout = 'stop' } = step;
  const { decision, by } = decidedBefore(state.approvals.get(id)) ?? (await decide(context, step));
  if (decision === 'approved' || (decision === 'timed-out' && onTimeout === 'continue')) return;
  const why =
    decision === 'rejected' ? `${by} rejected it` : `nobody approved it within ${Math.round(timeoutMs / 1000)} s`;
  throw new StepError(state.changed, 'fail', `${id}: ${why}`);
}

/** What was written down stands, whatever is asked later. */
function decidedBefore({ decision, by = 'nobody' }: Partial<Approval> = {}): Decided | undefined {
  return decision && { decision, by };
}

async function decide({ inputs, session, signal }: RunContext, step: PlanStep): Promise<Decided> {
  const { clock, plan } = inputs;
  const { state, control } = session;
  const { id, question = '', timeoutMs = 0, onTimeout = 'stop' } = step;
  const hash = planHash(plan);
  // Absolute: a run that goes on later does not ask for longer. Whoever asks now counts by the clock that nobody sets.
  const askedBefore = state.approvals.get(id);
  const deadlineAtMs = askedBefore?.deadlineAtMs ?? clock.wallMs() + timeoutMs;
  const leftMs = askedBefore ? deadlineAtMs - clock.wallMs() : timeoutMs;
  const startedMs = clock.monotonicMs();
  if (!askedBefore) {
    await session.record({ type: 'approval.requested', step: id, planHash: hash, question, deadlineAtMs, onTimeout });
  }
  // What was decided while nobody listened counts if it was decided in time.
  const found = control.decisionOn(id);
  let decided = leftMs > 0 || (found?.atMs ?? Infinity) <= deadlineAtMs ? found : undefined;
  while (!decided && clock.monotonicMs() - startedMs < leftMs) {
    await clock.sleep(pollMs, signal);
    session.gates.throwIfGuardFailed();
    decided = control.decisionOn(id);
  }
  const { decision, by }: Decided = decided ?? { decision: 'timed-out', by: 'nobody' };
  await session.record({ type: 'approval.decided', step: id, planHash: hash, decision, by });
  return { decision, by };
}
