import { UsageError } from '../core/errors.ts';

const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time as people type it, in ms since the epoch: ISO 8601, `now`, or so long ago as in `90m` or `-90m`. Throws UsageError. */
export function pastTime(text: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  const [, amount, unit = ''] = /^-?(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return nowMs - Number(amount) * (unitsMs[unit] ?? 0);
  // A date alone would be midnight in UTC, which nobody means.
  const atMs = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(atMs))
    throw new UsageError(`${text} is no time: write 2026-05-01T12:00:00Z, now, or 90m for so long ago (s, m, h, d)`);
  return atMs;
}
