/** How often a testnet is backed up, and what it may lose. */
export interface ScheduleFacts {
  /** Time from the start of one backup to the start of the next, in ms; undefined: by hand only. */
  everyMs: number | undefined;
  /** What may be lost at most, in ms. */
  rpoTargetMs: number;
  /** What a backup takes, in ms: what happens while it is taken is in the next one only. Default 0. */
  takesMs?: number;
}

export interface ScheduleVerdict {
  isMet: boolean;
  /** The most that can be lost, in ms; Infinity without a schedule. */
  worstLossMs: number;
  /** A sentence for people. */
  reason: string;
}

/**
 * Whether a schedule can keep within a recovery point objective: right before a backup ends, everything since the start of the one before
 * it can be lost. A network that loses a minority of its nodes loses nothing; this is of the loss of all of them.
 */
export function scheduleMeetsRpo({ everyMs, rpoTargetMs, takesMs = 0 }: ScheduleFacts): ScheduleVerdict {
  if (everyMs === undefined) {
    const reason = `backups are taken by hand only, so that no recovery point objective can be kept (target ${span(rpoTargetMs)})`;
    return { isMet: false, worstLossMs: Infinity, reason };
  }
  const worstLossMs = everyMs + takesMs;
  const isMet = worstLossMs <= rpoTargetMs;
  const so = `a backup every ${span(everyMs)}${takesMs > 0 ? ` that takes ${span(takesMs)}` : ''} can lose up to ${span(worstLossMs)}`;
  return {
    isMet,
    worstLossMs,
    reason: `${so}, ${isMet ? 'within' : 'more than'} the target of ${span(rpoTargetMs)}`,
  };
}

function span(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const;
  const [unit, unitMs] = units.find(([, length]) => ms >= length) ?? (['ms', 1] as const);
  return `${Number((ms / unitMs).toFixed(1))} ${unit}`;
}
