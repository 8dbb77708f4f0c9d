/** The latency that this share of the given ones does not exceed, in whole ms; undefined of none. */
export function latencyQuantile(latenciesMs: readonly number[], share: number): number | undefined {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return found === undefined ? undefined : Math.round(found);
}
