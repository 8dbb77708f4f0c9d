import type { PlanStep } from '../../journal/records.ts';
import { StepError } from '../ending/outcome.ts';
import type { RunContext } from '../run-context.ts';

/** After the last change: a release that has passed its gates is taken back as well, and the drill has failed. */
export function requireRejected({ inputs, session }: RunContext, steps: readonly PlanStep[]): void {
  const { plan } = inputs;
  if (plan.drill?.expects !== 'rolled-back') return;
  if (steps.at(-1)?.id !== plan.steps.findLast(({ stage }) => stage !== undefined)?.id) return;
  const versions = [...new Set(steps.flatMap(({ to }) => to ?? []))].join(', ');
  throw new StepError(session.state.changed, 'fail', `${versions} was not found to be bad: every gate of it passed`);
}
