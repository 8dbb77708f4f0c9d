import type { ComparisonBin } from './comparison-bins.ts';
import { createEProcess, type EProcess } from './e-process.ts';

/** Ratios outside of this range are not looked for. */
const range = { low: 1e-4, high: 1e4 };

/** Bins that can say anything: both sides were used, and something happened. */
export function tellingBins(bins: readonly ComparisonBin[]): ComparisonBin[] {
  return bins.filter(
    ({ canary, control }) => canary.exposure > 0 && control.exposure > 0 && canary.episodes + control.episodes > 0,
  );
}

/** The canary's share of a bin's episodes that is to be expected when its rate is `ratio` times that of the others. */
export function expectedShare({ canary, control }: ComparisonBin, ratio: number): number {
  const weight = canary.exposure * ratio;
  return weight / (weight + control.exposure);
}

/**
 * Evidence that the canary's rate of episodes is more than `ratio` times that of the others. Every bin is one bet on the
 * canary's share of it, so that episodes of one fault, which come together, are not taken for independent ones.
 */
export function evidenceAbove(bins: readonly ComparisonBin[], ratio: number): EProcess {
  const process = createEProcess();
  for (const bin of bins) process.bet(shareSeen(bin), expectedShare(bin, ratio));
  return process;
}

/** Evidence that it is less. */
export function evidenceBelow(bins: readonly ComparisonBin[], ratio: number): EProcess {
  const process = createEProcess();
  for (const bin of bins) process.bet(1 - shareSeen(bin), 1 - expectedShare(bin, ratio));
  return process;
}

/** What the true ratio lies in; each bound is wrong with a probability of at most 1/`threshold`. */
export interface RatioBounds {
  /** 0 where nothing excludes even the smallest ratio. */
  lower: number;
  /** Infinity where nothing excludes even the largest. */
  upper: number;
}

/** The ratios that the bins do not refute. */
export function ratioBounds(bins: readonly ComparisonBin[], threshold: number): RatioBounds {
  const isRefutedAsTooHigh = (ratio: number) => evidenceBelow(bins, ratio).peak >= threshold;
  const isRefutedAsTooLow = (ratio: number) => evidenceAbove(bins, ratio).peak >= threshold;
  return {
    lower: isRefutedAsTooLow(range.low) ? turningPoint((ratio) => !isRefutedAsTooLow(ratio)).below : 0,
    upper: isRefutedAsTooHigh(range.high) ? turningPoint(isRefutedAsTooHigh).above : Infinity,
  };
}

/** Two neighbouring ratios, of which a condition that holds from some ratio on holds for the second alone. */
function turningPoint(holds: (ratio: number) => boolean): { below: number; above: number } {
  let low = Math.log(range.low);
  let high = Math.log(range.high);
  while (high - low > 0.005) {
    const middle = (low + high) / 2;
    if (holds(Math.exp(middle))) high = middle;
    else low = middle;
  }
  return { below: Math.exp(low), above: Math.exp(high) };
}

function shareSeen({ canary, control }: ComparisonBin): number {
  return canary.episodes / (canary.episodes + control.episodes);
}
