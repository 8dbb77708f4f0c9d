import { wealthAfter } from './e-process.ts';

/** Longer series are treated as this long, which understates what they can show. */
const longestSeries = 600;

/**
 * The smallest share of hits that an e-process against `mean` would bring to `threshold` within `steps` independent hits
 * or misses, with at least this power. Exact: the chance of ever crossing the boundary is summed over all paths.
 * undefined when not even a hit every time would do.
 */
export function detectableShare(options: {
  mean: number;
  steps: number;
  threshold: number;
  power: number;
}): number | undefined {
  const { mean, power, threshold } = options;
  const boundary = hitsNeeded(mean, Math.min(options.steps, longestSeries), threshold);
  if (crossingProbability(boundary, 1) < power) return undefined;
  let low = mean;
  let high = 1;
  while (high - low > 0.001) {
    const middle = (low + high) / 2;
    if (crossingProbability(boundary, middle) >= power) high = middle;
    else low = middle;
  }
  return high;
}

/** For every number of steps (from 1 on), the fewest hits with which the wealth has reached the threshold. */
function hitsNeeded(mean: number, steps: number, threshold: number): number[] {
  const needed: number[] = [];
  let hits = 0;
  for (let step = 1; step <= steps; step++) {
    // The fewest never become fewer: one more miss only takes wealth away.
    while (hits <= step && wealthAfter(hits, step - hits, mean) < threshold) hits++;
    needed.push(hits);
  }
  return needed;
}

function crossingProbability(boundary: readonly number[], share: number): number {
  // Chance of each number of hits without having crossed yet.
  let alive = [1];
  let crossed = 0;
  for (const needed of boundary) {
    const next = new Array<number>(Math.min(alive.length + 1, needed)).fill(0);
    alive.forEach((chance, hits) => {
      if (hits + 1 >= needed) crossed += chance * share;
      else next[hits + 1] = (next[hits + 1] ?? 0) + chance * share;
      next[hits] = (next[hits] ?? 0) + chance * (1 - share);
    });
    alive = next;
  }
  return crossed;
}
