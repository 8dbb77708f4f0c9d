/** Which backups are kept; what none of the rules wants is removed. */
export interface KeepRules {
  /** The newest so many. */
  last?: number | undefined;
  /** The newest of each of the last so many days (UTC) that have one. */
  daily?: number | undefined;
  /** The newest of each of the last so many weeks (from Monday, UTC) that have one. */
  weekly?: number | undefined;
}

const dayMs = 86_400_000;
/** The epoch was a Thursday. */
const mondayOffsetDays = 3;

/** Ids that the rules no longer want, oldest first. Without rules everything stays; the newest always does. */
export function superfluous(
  backups: readonly { id: string; createdAt: string }[],
  { last = 0, daily = 0, weekly = 0 }: KeepRules,
): string[] {
  if (last + daily + weekly === 0) return [];
  const newestFirst = [...backups].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  const kept = new Set(newestFirst.slice(0, Math.max(1, last)).map(({ id }) => id));
  const keepNewestOf = (periods: number, periodOf: (dayNumber: number) => number): void => {
    const seen = new Set<number>();
    for (const { id, createdAt } of newestFirst) {
      const period = periodOf(Math.floor(Date.parse(createdAt) / dayMs));
      if (seen.has(period)) continue;
      if (seen.size === periods) break;
      seen.add(period);
      kept.add(id);
    }
  };
  keepNewestOf(daily, (day) => day);
  keepNewestOf(weekly, (day) => Math.floor((day + mondayOffsetDays) / 7));
  return newestFirst.reverse().flatMap(({ id }) => (kept.has(id) ? [] : [id]));
}
