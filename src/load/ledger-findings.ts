import type { SafetyCheckName } from '../safety/safety-result.ts';
import type { LedgerCheck } from './check-ledger.ts';
import type { Ledger } from './ledger.ts';

/** What the check of a ledger means, in sentences. */
export interface LedgerFindings {
  /** What the system did to writes that it must not do. */
  harm: string[];
  /** Why no harm that was found means nothing. */
  doubts: string[];
}

/** `excused`: lost writes that a drill has judged already, by what its disaster may cost. */
export function ledgerFindings(check: LedgerCheck, counts: Ledger['counts'], excused = 0): LedgerFindings {
  const { misplaced, duplicated, resurrected, reordered, acceptedByMinority, unchecked, reason } = check;
  const lost = check.lost.length - excused;
  const example = (name: SafetyCheckName): string => {
    const [first] = check.safety?.checks.find((one) => one.name === name)?.culprits ?? [];
    return first ? `: ${first.detail}` : '';
  };
  return {
    harm: [
      ...(check.disagreements > 0 ? [`nodes disagree at ${check.disagreements} heights${example('agreement')}`] : []),
      ...(lost > 0 ? [`${lost} acknowledged transactions were lost${example('durability')}`] : []),
      ...(misplaced.length > 0 ? [`${misplaced.length} transactions stand elsewhere than was acknowledged`] : []),
      ...(duplicated.length > 0
        ? [`${duplicated.length} transactions were committed twice${example('duplication')}`]
        : []),
      ...(resurrected.length > 0
        ? [`${resurrected.length} transactions are there that were refused${example('resurrection')}`]
        : []),
      ...(reordered.length > 0 ? [`${reordered.length} transactions are out of order${example('order')}`] : []),
      ...(acceptedByMinority.length > 0
        ? [`the smaller side of a partition acknowledged ${acceptedByMinority.length} transactions`]
        : []),
    ],
    doubts: [
      ...(unchecked > 0
        ? [`${unchecked} acknowledged transactions could not be looked for: ${reason ?? 'no reason'}`]
        : []),
      ...(counts.sent > 0 && counts.acknowledged === 0 ? [`none of ${counts.sent} transactions was acknowledged`] : []),
    ],
  };
}
