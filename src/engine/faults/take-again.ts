import type { PlanStep } from '../../journal/records.ts';

/**
 * The faults that a run which goes on must begin anew: those on which its open steps stand. The heal sweep has ended them all; what is only to
 * be healed next is not broken once more for that.
 */
export function faultsToTakeAgain(steps: readonly PlanStep[], done: ReadonlySet<string>): PlanStep[] {
  const open = steps.findIndex(({ id }) => !done.has(id));
  if (open === -1) return [];
  const needed = new Map<string, PlanStep>();
  for (const step of steps.slice(0, open)) {
    if (step.kind === 'fault') needed.set(step.id, step);
    if (step.kind === 'heal') needed.delete(step.heals ?? '');
  }
  for (const step of steps.slice(open)) {
    if (step.kind !== 'heal') break;
    needed.delete(step.heals ?? '');
  }
  return [...needed.values()];
}
