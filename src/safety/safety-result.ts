import type { NodeChain } from './node-chain.ts';

/** What a check says. `inconclusive`: nothing wrong was found, but not everything could be looked at. */
export type SafetyVerdict = 'pass' | 'fail' | 'inconclusive';

export type SafetyCheckName = 'agreement' | 'durability' | 'order' | 'resurrection' | 'duplication' | 'linearizability';

/** One thing that is wrong, or that could not be looked at. */
export interface SafetyFinding {
  /** A sentence that names it all. */
  detail: string;
  /** The nodes that show it. */
  nodes?: readonly string[];
  /** Who has, by their own signatures, done what nobody may. */
  signedBoth?: readonly string[];
  height?: number;
  /** By node: everything that must be the same on all. */
  hashes?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  transaction?: string;
}

export interface SafetyCheck {
  name: SafetyCheckName;
  verdict: SafetyVerdict;
  /** How many things were compared: heights, writes, pairs of writes. */
  examined: number;
  /** Violations, the first {@link listedFindings} of them. */
  culprits: readonly SafetyFinding[];
  culpritCount: number;
  /** Why it is not known whether there are more, the first {@link listedFindings} of the reasons. */
  unknowns: readonly SafetyFinding[];
  unknownCount: number;
  /** Ids of all writes that violations are about, listed or not; and of those about which it is not known. */
  transactions: readonly string[];
  unknownTransactions: readonly string[];
  /** `durability`: of these, the ones that are missing nowhere, but stand elsewhere than was said. */
  misplaced?: readonly string[];
  /** The verdict and its reason in one sentence. */
  summary: string;
}

/** Enough to find the reason, few enough to read. */
const listedFindings = 20;

interface Outcome {
  examined: number;
  /** What `examined` counts, for people: "heights". */
  what: string;
  culprits: readonly SafetyFinding[];
  unknowns: readonly SafetyFinding[];
  /** Default: a check that looked at nothing is inconclusive. */
  mayBeEmpty?: boolean;
}

/** A violation decides whatever else is unknown; without one, anything unknown leaves it open. */
export function concluded(name: SafetyCheckName, outcome: Outcome): SafetyCheck {
  const { examined, what, culprits, mayBeEmpty = false } = outcome;
  const isVacuous = examined === 0 && !mayBeEmpty && culprits.length === 0 && outcome.unknowns.length === 0;
  const unknowns = isVacuous ? [{ detail: `there were no ${what} to look at` }] : outcome.unknowns;
  const verdict = culprits.length > 0 ? 'fail' : unknowns.length > 0 ? 'inconclusive' : 'pass';
  const reasons = verdict === 'fail' ? culprits : unknowns;
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : '';
  return {
    name,
    verdict,
    examined,
    culprits: culprits.slice(0, listedFindings),
    culpritCount: culprits.length,
    unknowns: unknowns.slice(0, listedFindings),
    unknownCount: unknowns.length,
    transactions: idsIn(culprits),
    unknownTransactions: idsIn(unknowns),
    summary: `${name}: ${verdict}, ${examined} ${what}${reasons[0] ? `: ${reasons[0].detail}${more}` : ''}`,
  };
}

function idsIn(findings: readonly SafetyFinding[]): string[] {
  return [...new Set(findings.flatMap(({ transaction }) => transaction ?? []))];
}

/** What was not read, as findings. */
export function unreadOf(chains: readonly NodeChain[]): SafetyFinding[] {
  return chains.flatMap(({ node, gaps }) =>
    gaps.map(({ from, to, reason }) => {
      const heights = from === to ? `height ${from}` : `heights ${from} to ${to}`;
      return { nodes: [node], height: from, detail: `${heights} of ${node} not read: ${reason}` };
    }),
  );
}

/** Short enough for a sentence; the whole one is in the finding's own field. */
export function short(text: string): string {
  return text.length > 12 ? `${text.slice(0, 12)}…` : text;
}
