import { seededRandom } from '../../core/seeded-random.ts';
import type { ComparisonBin } from './comparison-bins.ts';
import { createEProcess } from './e-process.ts';
import { expectedShare } from './rate-ratio.ts';

/** The seed is fixed, so that the same bins give the same figure. */
const repetitions = 200;
/** Asked for on top of the power: the error of so many repetitions, and of clumps being of different sizes. */
const reserve = 0.05;
const mostTimes = 1000;

/**
 * How many times as bad as before the canary would have to be for the evidence above `nullRatio` to reach `threshold`
 * with this power, in bins with as many episodes as these. Simulated; undefined when not even a thousand times as bad
 * would be found.
 */
export function detectableTimes(options: {
  bins: readonly ComparisonBin[];
  /** The canary's rate relative to the others before. */
  usualRatio: number;
  /** Episodes that usually come together; see `clumping`. */
  clump: number;
  nullRatio: number;
  threshold: number;
  power: number;
}): number | undefined {
  const { bins, usualRatio, clump, nullRatio, threshold, power } = options;
  const isFound = (times: number): boolean => {
    let found = 0;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      if (isCrossed({ bins, ratio: usualRatio * times, clump, nullRatio, threshold }, seededRandom(1, repetition)))
        found++;
    }
    return found >= (power + reserve) * repetitions;
  };
  if (!Number.isFinite(nullRatio) || !isFound(mostTimes)) return undefined;
  let low = 0;
  let high = Math.log(mostTimes);
  while (high - low > 0.02) {
    const middle = (low + high) / 2;
    if (isFound(Math.exp(middle))) high = middle;
    else low = middle;
  }
  return Math.exp(high);
}

/**
 * How many episodes come together on one side: the spread of the canary's counts over that of independent episodes, at
 * least 1.
 */
export function clumping(bins: readonly ComparisonBin[], usualRatio: number): number {
  let seen = 0;
  let independent = 0;
  for (const bin of bins) {
    const episodes = bin.canary.episodes + bin.control.episodes;
    const share = expectedShare(bin, usualRatio);
    seen += (bin.canary.episodes - episodes * share) ** 2;
    independent += episodes * share * (1 - share);
  }
  return independent === 0 ? 1 : Math.max(1, seen / independent);
}

interface Trial {
  bins: readonly ComparisonBin[];
  ratio: number;
  clump: number;
  nullRatio: number;
  threshold: number;
}

function isCrossed({ bins, ratio, clump, nullRatio, threshold }: Trial, random: () => number): boolean {
  const process = createEProcess();
  for (const bin of bins) {
    const clumps = Math.max(1, Math.round((bin.canary.episodes + bin.control.episodes) / clump));
    process.bet(binomial(clumps, expectedShare(bin, ratio), random) / clumps, expectedShare(bin, nullRatio));
    if (process.peak >= threshold) return true;
  }
  return false;
}

function binomial(count: number, share: number, random: () => number): number {
  if (count > 50) {
    // A sum of twelve uniform numbers is close enough to normal for a figure that is rounded to two digits.
    let sum = -6;
    for (let index = 0; index < 12; index++) sum += random();
    return Math.min(count, Math.max(0, Math.round(count * share + sum * Math.sqrt(count * share * (1 - share)))));
  }
  let hits = 0;
  for (let index = 0; index < count; index++) if (random() < share) hits++;
  return hits;
}
