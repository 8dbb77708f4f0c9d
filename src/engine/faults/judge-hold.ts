import type { HoldExpectations } from '../../journal/fault-records.ts';

/** What one look at the network told. */
export interface HoldSample {
  /** Since the hold began, ms. */
  atMs: number;
  /** By node; absent where it did not tell. */
  heights: Record<string, number>;
  /** Heights at which blocks of at least two nodes were compared. */
  compared: number;
  /** A sentence for each height at which they differed. */
  forks: string[];
}

export interface HoldVerdict {
  verdict: 'pass' | 'fail' | 'inconclusive';
  reason: string;
  /** Nodes that did what they should not have done. */
  blamed: string[];
}

/**
 * Whether what was expected held. Until `settleMs` what was under way may come to its end: blocks that had their votes already are no sign of
 * a network that goes on. What nobody saw is neither good nor bad.
 */
export function judgeHold(
  { goOn = [], standStill = [], agree = true }: HoldExpectations,
  samples: readonly HoldSample[],
  settleMs: number,
  canCompare: boolean,
): HoldVerdict {
  const settled = samples.filter(({ atMs }) => atMs >= settleMs);
  const bad: string[] = [];
  const unknown: string[] = [];
  const blamed: string[] = [];
  const good: string[] = [];
  const rises = new Map([...goOn, ...standStill].map((node) => [node, riseOf(node, settled)]));
  for (const [node, rise] of rises) {
    const mustRise = goOn.includes(node);
    if (rise === undefined) unknown.push(`${node} was not seen at two times`);
    else if (mustRise !== rise.to > rise.from) {
      bad.push(
        mustRise
          ? `${node} stood still at height ${rise.to}`
          : `${node} went on from height ${rise.from} to ${rise.to}`,
      );
      blamed.push(node);
    } else good.push(mustRise ? `${node} went on by ${rise.to - rise.from}` : `${node} stood still`);
  }
  if (agree) {
    const forks = [...new Set(samples.flatMap((sample) => sample.forks))];
    const compared = samples.reduce((sum, sample) => sum + sample.compared, 0);
    bad.push(...forks);
    if (canCompare && compared === 0) unknown.push('no blocks could be compared');
    else if (forks.length === 0 && compared > 0) good.push(`no two nodes disagreed at ${compared} heights`);
  }
  const verdict = bad.length > 0 ? 'fail' : unknown.length > 0 ? 'inconclusive' : 'pass';
  const said = { fail: bad, inconclusive: unknown, pass: good }[verdict];
  return { verdict, reason: said.length > 0 ? said.join('; ') : 'nothing was expected', blamed };
}

function riseOf(node: string, samples: readonly HoldSample[]): { from: number; to: number } | undefined {
  const heights = samples.flatMap((sample) => sample.heights[node] ?? []);
  const from = heights[0];
  // One look alone cannot tell whether a height rises.
  if (from === undefined || heights.length < 2) return undefined;
  return { from, to: Math.max(...heights) };
}
