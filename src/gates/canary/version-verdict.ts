import type { ComparisonBin } from './comparison-bins.ts';
import { clumping, detectableTimes } from './detectable-ratio.ts';
import { evidenceAbove, evidenceBelow, ratioBounds, tellingBins, type RatioBounds } from './rate-ratio.ts';
import type { CanaryVerdict } from './relative-verdict.ts';

export interface VersionCanaryInput {
  /** The period before, in which canary and control ran the same version; the longer, the sharper. */
  before: readonly ComparisonBin[];
  /** Since the canary has run the new version. */
  during: readonly ComparisonBin[];
  /** The canary passes when it is shown to be less than so many times as bad as before; default 2. */
  margin?: number;
  /** Evidence of harm that fails; default 100. */
  failAt?: number;
  /** Evidence of being no worse than the margin that passes; default 40. */
  passAt?: number;
}

/** Evidence alone; `judgeVersionCanary` adds what could have been detected. */
export interface VersionComparison {
  verdict: CanaryVerdict;
  /** Why it is inconclusive; for the others, what was found. */
  cause: 'harm' | 'no-worse' | 'too-few-episodes' | 'not-calibrated' | 'unsteady-before' | 'undecided';
  /** Evidence that the canary is worse, relative to the control, than it was before. */
  harmEValue: number;
  /** Evidence that it is less than `margin` times as bad as it was before. */
  noWorseEValue: number;
  margin: number;
  failAt: number;
  passAt: number;
  /** Rate of the canary relative to the control before: what is not refuted, each bound at 2.5 %. */
  ratioBefore: RatioBounds;
  episodes: { before: SideCounts; during: SideCounts };
  /** Bins with episodes. */
  bins: { before: number; during: number };
}

export interface SideCounts {
  canary: number;
  control: number;
}

export interface VersionVerdict extends VersionComparison {
  reason: string;
  detectable: {
    power: number;
    /** So many times as bad as before would have been found; absent where nothing would. */
    times?: number;
    text: string;
  };
}

/** Fewer episodes than these decide nothing. */
const fewestEpisodes = 20;
/** The bounds of the calibration are each wrong with a probability of at most 1/40. */
const calibrationAt = 40;
const power = 0.8;

/**
 * Compares a canary's rate of error episodes with that of the nodes beside it, by how both compared before.
 *
 * The period before bounds the ratio of the two rates. Harm is evidence that the ratio is now above the upper bound, no
 * harm is evidence that it is below `margin` times the lower one. A wrong verdict needs either a wrong bound (2.5 %) or
 * an e-process that errs (1/failAt, 1/passAt): at most 3.5 % for a wrong FAIL and 5 % for a wrong PASS, however
 * often one looks.
 */
export function compareVersions(input: VersionCanaryInput): VersionComparison {
  const { margin = 2, failAt = 100, passAt = 40 } = input;
  const before = tellingBins(input.before);
  const during = tellingBins(input.during);
  const ratioBefore = ratioBounds(before, calibrationAt);
  const { lower, upper } = ratioBefore;
  const harmEValue = Number.isFinite(upper) ? evidenceAbove(during, upper).peak : 1;
  const noWorseEValue = lower > 0 ? evidenceBelow(during, margin * lower).peak : 1;
  const episodes = { before: countsOf(before), during: countsOf(during) };
  const conclude = (): Pick<VersionComparison, 'verdict' | 'cause'> => {
    if (episodes.during.canary + episodes.during.control < fewestEpisodes) {
      return { verdict: 'inconclusive', cause: 'too-few-episodes' };
    }
    // Two bounds that cross refute that there was one ratio at all.
    if (lower > upper) return { verdict: 'inconclusive', cause: 'unsteady-before' };
    if (harmEValue >= failAt) return { verdict: 'fail', cause: 'harm' };
    if (noWorseEValue >= passAt) return { verdict: 'pass', cause: 'no-worse' };
    return { verdict: 'inconclusive', cause: Number.isFinite(upper) ? 'undecided' : 'not-calibrated' };
  };
  return {
    ...conclude(),
    harmEValue,
    noWorseEValue,
    margin,
    failAt,
    passAt,
    ratioBefore,
    episodes,
    bins: { before: before.length, during: during.length },
  };
}

/** The comparison with its reason, and with the effect that it could have detected. Takes up to some tenths of a second. */
export function judgeVersionCanary(input: VersionCanaryInput): VersionVerdict {
  const comparison = compareVersions(input);
  const before = tellingBins(input.before);
  const usual = usualRatio(before);
  const times = detectableTimes({
    bins: tellingBins(input.during),
    usualRatio: usual,
    clump: clumping(before, usual),
    nullRatio: comparison.ratioBefore.upper,
    threshold: comparison.failAt,
    power,
  });
  const text =
    times === undefined
      ? 'these episodes are too few to find any harm with a probability of 80 %'
      : `with a probability of 80 % a canary would have been found that is ${times.toFixed(1)} times as bad as before`;
  return {
    ...comparison,
    reason: `${sentence(comparison)}; ${text}`,
    detectable: { power, ...(times === undefined ? {} : { times }), text },
  };
}

function countsOf(bins: readonly ComparisonBin[]): SideCounts {
  return bins.reduce(
    (sum, { canary, control }) => ({
      canary: sum.canary + canary.episodes,
      control: sum.control + control.episodes,
    }),
    { canary: 0, control: 0 },
  );
}

/** Half an episode is added to each side, so that there is a ratio even when one had none. */
function usualRatio(bins: readonly ComparisonBin[]): number {
  const { canary, control } = countsOf(bins);
  const exposure = (side: 'canary' | 'control') => bins.reduce((sum, bin) => sum + bin[side].exposure, 0);
  if (bins.length === 0) return 1;
  return (((canary + 0.5) / (control + 0.5)) * exposure('control')) / exposure('canary');
}

function sentence(comparison: VersionComparison): string {
  const { cause, episodes, harmEValue, noWorseEValue, failAt, passAt, margin, ratioBefore } = comparison;
  const { canary, control } = episodes.during;
  const counts = `${canary} error episodes on the canary and ${control} beside it`;
  const evidence =
    `evidence of harm ${harmEValue.toPrecision(3)} (fails at ${failAt}), ` +
    `of less than ${margin} times the harm ${noWorseEValue.toPrecision(3)} (passes at ${passAt})`;
  const why = {
    harm: 'the canary is worse than it was before',
    'no-worse': `the canary is less than ${margin} times as bad as it was before`,
    'too-few-episodes': `fewer than ${fewestEpisodes} episodes`,
    'not-calibrated': 'the period before had too few episodes to tell how canary and control usually compare',
    'unsteady-before': 'the period before does not agree with itself on how canary and control compare',
    undecided: 'the evidence decides neither way',
  }[cause];
  const bounds = `${ratioBefore.lower.toPrecision(2)} to ${ratioBefore.upper.toPrecision(2)}`;
  return `${why}: ${counts}; rate relative to the others before: ${bounds}; ${evidence}`;
}
