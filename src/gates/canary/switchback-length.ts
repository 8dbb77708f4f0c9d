import { detectableShare } from './detectable-share.ts';

/**
 * The fewest blocks with which a switchback can pass: it could then have found a flag that shows in `mustDetect` of the
 * pairs, with a probability of 80 %. Plan some more, since blocks without enough events are left out.
 * Defaults as in `judgeSwitchback`; undefined when 600 pairs are too few.
 */
export function fewestSwitchbackBlocks(options: { mustDetect?: number; failAt?: number } = {}): number | undefined {
  const { mustDetect = 0.95, failAt = 100 } = options;
  // The pairs' fair coin needs the longer series: to be the worst of N >= 2 is at most as likely.
  for (let pairs = 1; pairs <= 600; pairs++) {
    const share = detectableShare({ mean: 1 / 2, steps: pairs, threshold: failAt, power: 0.9 });
    if (share !== undefined && share <= mustDetect) return 2 * pairs;
  }
  return undefined;
}
