import { endingOf, type Ending } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';
import { runStages } from '../stages.ts';

/**
 * A drill of a bad release wants it taken back because a gate found it bad. When that was done, what stands after the change in the plan is
 * done as well; otherwise the run ends as it does.
 */
export async function settleExpectedRollback(context: RunContext, ending: Ending): Promise<Ending> {
  const { inputs, session } = context;
  const { plan } = inputs;
  if (plan.drill?.expects !== 'rolled-back' || ending.outcome !== 'rolled-back') return ending;
  if (session.drill?.state.releaseWasAccepted) return ending;
  await session.record({ type: 'note', level: 'info', text: `taken back as expected: ${ending.reason ?? ''}` });
  try {
    await runStages(context, { after: plan.steps.findLastIndex(({ stage }) => stage !== undefined) });
    return { outcome: 'passed' };
  } catch (error) {
    return endingOf(error);
  }
}
