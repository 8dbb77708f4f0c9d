import { UsageError } from './errors.ts';

const unitsMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A parameter such as 500ms, 30s, 10m, 2h or 7d, in ms. Throws UsageError naming it for anything else, a bare number included, and for
 * less than `leastMs` (default 1).
 */
export function durationOf(text: string, name: string, leastMs = 1): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const unitMs = unitsMs[unit];
  if (amount === undefined || unitMs === undefined) {
    throw new UsageError(`${name} cannot be "${text}": a duration is a number with ms, s, m, h or d, as in 30s or 7d`);
  }
  const durationMs = Math.round(Number(amount) * unitMs);
  if (durationMs < leastMs) throw new UsageError(`${name} cannot be "${text}": it is at least ${leastMs}ms`);
  return durationMs;
}

/** A parameter that is a whole number from 1. Throws UsageError naming it for anything else. */
export function countOf(text: string, name: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new UsageError(`${name} cannot be "${text}": it is a whole number from 1`);
}
