import type { CanaryVerdict } from '../canary/relative-verdict.ts';
import type { BurnReading } from './burn-alarm.ts';

export interface SloOptions {
  /** Share of events that must be good, as in 0.999. */
  objective: number;
  /** Length of the canary, and of its budget. */
  lengthMs: number;
  /** Distance of two slots; at most 1/336 of the length, so that the fastest rule has two of them. */
  slotMs: number;
}

export interface SloState {
  /** Absent while it goes on. Never changes once there is one. */
  verdict?: CanaryVerdict;
  reason: string;
  plannedSlots: number;
  /** Slots so far, the missed ones included. */
  slots: number;
  knownSlots: number;
  bad: number;
  total: number;
  /** Share of the whole run's budget that is gone, if the traffic goes on as it was. */
  budgetUsed: number;
  /** The scaled day (a seventh of the length), from 1, of which least is known. */
  worstDay: { day: number; knownShare: number };
  rules: BurnReading[];
}
