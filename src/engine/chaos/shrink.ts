/** Tells whether a run of only these steps fails. Undefined: nobody may ask any more. */
type FailsWith = (steps: readonly number[]) => Promise<boolean | undefined>;

/**
 * The smallest subset that was seen to fail, found by delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
 * input", 2002). `steps` is known to fail. Without an end that was forced, no subset with one step less fails.
 */
export async function shrinkSteps(steps: readonly number[], fails: FailsWith): Promise<readonly number[]> {
  let smallest = steps;
  let parts = 2;
  while (smallest.length > 1) {
    const size = Math.ceil(smallest.length / parts);
    const chunks: number[][] = [];
    for (let at = 0; at < smallest.length; at += size) chunks.push(smallest.slice(at, at + size));
    // With two parts the rest of one is the other.
    const rests = chunks.length > 2 ? chunks.map((chunk) => smallest.filter((step) => !chunk.includes(step))) : [];
    let found: readonly number[] | undefined;
    for (const candidate of [...chunks, ...rests]) {
      const isBad = await fails(candidate);
      if (isBad === undefined) return smallest;
      if (!isBad) continue;
      found = candidate;
      break;
    }
    if (found) {
      parts = chunks.some((chunk) => chunk === found) ? 2 : Math.max(2, chunks.length - 1);
      smallest = found;
    } else if (chunks.length === smallest.length) break;
    else parts = Math.min(smallest.length, chunks.length * 2);
  }
  return smallest;
}
