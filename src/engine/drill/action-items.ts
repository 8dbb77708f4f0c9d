import { UsageError } from '../../core/errors.ts';
import { durationOf } from '../../core/parameters.ts';
import type { ParameterSpec } from '../runbook.ts';
import type { DrillRules } from './drill-stages.ts';

/** The parameters of a drill that say what stands at the action items of its report; see `actionItems`. */
export const actionParameters = {
  owner: { description: 'who sees to the action items', default: 'testnet' },
  due: { description: 'time for the action items, from the begin of the run, as in 14d', default: 'testnet' },
} as const satisfies Record<string, ParameterSpec>;

/** Owner and time of the action items, in ms, from the parameters `owner` and `due`; what says `testnet` is left to the testnet file. Throws UsageError. */
export function actionItems({
  owner = 'testnet',
  due = 'testnet',
}: Readonly<Record<string, string>>): Pick<DrillRules, 'owner' | 'dueMs'> {
  if (owner.trim() === '') {
    throw new UsageError(
      'owner cannot be empty: name who sees to the action items, or leave it out for what the testnet file says',
    );
  }
  return {
    ...(owner !== 'testnet' && { owner }),
    ...(due !== 'testnet' && { dueMs: durationOf(due, 'due') }),
  };
}
