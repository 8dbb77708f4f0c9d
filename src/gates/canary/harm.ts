/**
 * Harm that a node did in a stretch of time: `bad` of `total` events. `bad` may also be a sum, such as milliseconds of
 * latency, of which `total` events make a mean; lower is always better.
 */
export interface Harm {
  bad: number;
  total: number;
}

/** By node. A node that could not be read is absent; absent is not zero. */
export type HarmByNode = Readonly<Record<string, Harm>>;

/**
 * What counters rose by between two readings. A node that is missing from one of them, or whose counters went back (it
 * was restarted), is left out.
 */
export function harmOf(before: HarmByNode, after: HarmByNode): HarmByNode {
  const risen: Record<string, Harm> = {};
  for (const [node, end] of Object.entries(after)) {
    const start = before[node];
    if (start === undefined) continue;
    const harm = { bad: end.bad - start.bad, total: end.total - start.total };
    if (harm.bad >= 0 && harm.total >= 0) risen[node] = harm;
  }
  return risen;
}

/** Is the first node's ratio of harm above (1), below (-1) or equal to (0) the other's? */
export function comparedHarm(one: Harm, other: Harm): number {
  return Math.sign(one.bad * other.total - other.bad * one.total);
}

/**
 * How much worse a node did than the middle one of the others, on a logarithmic scale: a burst that multiplies
 * everyone's harm leaves it as it is. Half an event is added, so that zero has a logarithm.
 */
export function excessHarm(own: Harm, others: readonly Harm[]): number {
  const levels = others.map(level).sort((one, other) => one - other);
  const middle = levels.length >> 1;
  const median =
    levels.length % 2 === 1 ? (levels[middle] ?? 0) : ((levels[middle - 1] ?? 0) + (levels[middle] ?? 0)) / 2;
  return level(own) - median;
}

function level({ bad, total }: Harm): number {
  return Math.log((bad + 0.5) / (total + 1));
}
