import { durationOf } from '../../core/parameters.ts';
import type { TestnetSpec } from '../../spec/testnet.ts';
import type { DrillTargets } from './drill-stages.ts';

/** What the testnet file says of drills, its times in ms. */
export function drillTargets({ drills = {}, backups }: TestnetSpec): DrillTargets {
  const { rto, rpo, participants = [], owner, due } = drills;
  return {
    participants,
    ...(rto !== undefined && { rtoMs: durationOf(rto, 'drills.rto') }),
    ...(rpo !== undefined && { rpoMs: durationOf(rpo, 'drills.rpo', 0) }),
    ...(owner !== undefined && { owner }),
    ...(due !== undefined && { dueMs: durationOf(due, 'drills.due') }),
    ...(backups?.every !== undefined && { backupEveryMs: durationOf(backups.every, 'backups.every') }),
  };
}
