import { RefusedError } from '../../core/errors.ts';
import type { PlanStep } from '../../journal/records.ts';
import { wipedForGood } from '../ending/give-back.ts';
import type { RunContext } from '../run-context.ts';
import { chosenNodes } from './lose.ts';

/** Starts again what was lost, with what is left of it. Throws RefusedError('unsafe') where that would begin a chain of its own. */
export async function recover(context: RunContext, step: PlanStep): Promise<void> {
  const { session, effects, signal } = context;
  const { state } = session;
  const chosen = await chosenNodes(context, step);
  const names = chosen.filter((name) => state.stopped.has(name));
  const empty = wipedForGood(context).filter((name) => names.includes(name));
  if (empty.length > 0) {
    const reason = `${empty.join(', ')} must not start empty: the nodes that have their data hold no quorum without them. Use a stage restore-backup`;
    await session.record({ type: 'step.refused', step: step.id, reason });
    throw new RefusedError('unsafe', `${step.id}: ${reason}`);
  }
  await Promise.all(names.map((name) => effects.start(step.id, name, signal)));
  await session.drill?.reach('restored', `${chosen.join(', ')} started`);
}
