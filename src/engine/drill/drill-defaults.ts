import type { DrillMilestone } from '../../journal/drill-records.ts';
import { durationOf } from '../../core/parameters.ts';
import type { DrillTargets } from './drill-stages.ts';

/** What the drills have in common, from the parameters `window` and `rto`, the testnet file and the length of its gate. */
export interface DrillDefaults {
  /** 60 s; less with a gate that is short itself, and then the report says so. */
  windowMs: number;
  /** A pause in which people, or guards, may notice. */
  pauseMs: number;
  /** For a service to come back. */
  timeoutMs: number;
  /** 5, 15, 45 and 60 minutes; none for a drill that is over before the first. */
  targetsMs: Partial<Record<DrillMilestone, number>>;
  rtoMs?: number;
}

const minuteMs = 60_000;
/** Milestones of a full-size drill: shown, begun to recover, whole again, good again. */
const fullTargetsMs = {
  verified: 5 * minuteMs,
  decided: 15 * minuteMs,
  restored: 45 * minuteMs,
  service: 60 * minuteMs,
};
const windowsMs: Readonly<Record<string, number>> = { smoke: 5_000, quick: 15_000 };

/** Throws UsageError for a parameter that is no duration. `auto` and `testnet` stand for what is not given. */
export function drillDefaults({
  gate,
  parameters,
  drills,
}: {
  gate: string;
  parameters: Readonly<Record<string, string>>;
  drills?: DrillTargets | undefined;
}): DrillDefaults {
  const { window = 'auto', rto = 'testnet' } = parameters;
  const windowMs = window === 'auto' ? (windowsMs[gate] ?? minuteMs) : durationOf(window, 'window', 1_000);
  const isShort = windowMs < minuteMs;
  const rtoMs = rto === 'testnet' ? drills?.rtoMs : durationOf(rto, 'rto');
  return {
    windowMs,
    pauseMs: isShort ? 2_000 : minuteMs,
    timeoutMs: Math.max(isShort ? minuteMs : 30 * minuteMs, 4 * windowMs),
    targetsMs: isShort ? {} : fullTargetsMs,
    ...(rtoMs !== undefined && { rtoMs }),
  };
}
