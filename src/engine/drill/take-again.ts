import type { PlanStep } from '../../journal/records.ts';
import type { RunState } from '../run-state.ts';
import { chosenBefore } from './lose.ts';

/**
 * Nodes that a drill has lost and that the end of the run gave back before the plan came to their recovery; then who takes over from them. A recovery that
 * was begun goes on instead.
 */
export function lossesToTakeAgain(state: RunState, steps: readonly PlanStep[]): PlanStep[] {
  const { done, begun, stopped } = state;
  const next = steps.findIndex(({ id }) => !done.has(id));
  const past = next < 0 ? [] : steps.slice(0, next);
  const lost = past.findLastIndex(({ kind }) => kind === 'lose');
  const recovers = ({ kind }: PlanStep): boolean => kind === 'recover' || kind === 'restore-backup';
  const step = past[lost];
  if (!step || past.slice(lost).some(recovers)) return [];
  const recovery = steps.slice(lost).find(recovers);
  if (!recovery || begun.has(recovery.id)) return [];
  const isStill = chosenBefore(state, step).every((node) => stopped.has(node));
  return isStill ? [] : [step, ...past.slice(lost).filter(({ kind }) => kind === 'takeover')];
}
