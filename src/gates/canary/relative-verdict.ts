/** What a canary's comparison, or its SLO, came to. As in the journal's findings. */
export type CanaryVerdict = 'pass' | 'fail' | 'inconclusive';

export interface CanaryDecision {
  verdict: CanaryVerdict;
  reason: string;
}

/**
 * Absolute SLOs decide; a comparison with other nodes may only veto. So a comparison that passed never saves a canary
 * whose SLO failed or is unknown, and one that could not tell does not hold up a canary whose SLO passed.
 */
export function decideCanary(absolute: CanaryDecision, relative: CanaryDecision): CanaryDecision {
  if (absolute.verdict === 'fail') return absolute;
  if (relative.verdict === 'fail') {
    return { verdict: 'fail', reason: `vetoed by the comparison: ${relative.reason}` };
  }
  if (absolute.verdict === 'inconclusive') return absolute;
  return relative.verdict === 'pass'
    ? { verdict: 'pass', reason: `${absolute.reason}; ${relative.reason}` }
    : {
        verdict: 'pass',
        reason: `${absolute.reason}; the comparison could not tell and so vetoes nothing: ${relative.reason}`,
      };
}
