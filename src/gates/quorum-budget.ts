import type { QuorumRule } from '../spec/profile.ts';

/** Only `ok` nodes count; `changing` is a node in the middle of its own replacement, `faulted` one with a live fault. */
export type NodeHealth = 'ok' | 'down' | 'lagging' | 'faulted' | 'changing';

export interface QuorumBudgetRequest {
  rule: QuorumRule;
  nodes: readonly { name: string; power: number; state: NodeHealth }[];
  /** Nodes that the step takes away. Taking a node that does not count anyway costs nothing. */
  take: readonly string[];
}

export interface QuorumBudget {
  totalPower: number;
  /** Power that is left while the step runs. */
  availablePower: number;
  /** Power that the system needs in order to go on. */
  threshold: number;
  /** availablePower − threshold; negative: the system halts. */
  margin: number;
  isSafe: boolean;
  /** The same for people. */
  sentence: string;
}

/** The smallest power with which the system goes on: bft more than two thirds, majority more than half, all everything. */
export function quorumThreshold(rule: QuorumRule, totalPower: number): number {
  switch (rule) {
    case 'none':
      return 0;
    case 'majority':
      return Math.floor(totalPower / 2) + 1;
    case 'bft':
      return Math.floor((totalPower * 2) / 3) + 1;
    case 'all':
      return totalPower;
  }
}

/** Whether the system can go on while the step takes these nodes away. Pure. */
export function quorumBudget({ rule, nodes, take }: QuorumBudgetRequest): QuorumBudget {
  const taken = new Set(take);
  const totalPower = sumPower(nodes);
  const left = nodes.filter((node) => node.state === 'ok' && !taken.has(node.name));
  const availablePower = sumPower(left);
  const threshold = quorumThreshold(rule, totalPower);
  const margin = availablePower - threshold;
  const isSafe = margin >= 0;
  return { totalPower, availablePower, threshold, margin, isSafe, sentence: sentenceOf() };

  function sentenceOf(): string {
    if (rule === 'none') return 'the system needs no quorum';
    const without = take.length > 0 ? `without ${take.join(', ')} ` : '';
    const unfit = nodes.filter((node) => node.state !== 'ok' && !taken.has(node.name));
    const because = unfit.map((node) => `${node.name} is ${node.state}`).join(', ');
    const figures = `${without}${availablePower} of ${totalPower} voting power is left and ${threshold} is needed (${rule})`;
    const outcome = isSafe
      ? margin === 0
        ? 'no further node may be lost'
        : `a margin of ${margin}`
      : cannotLoseAny(rule, nodes)
        ? 'this system cannot lose any node'
        : 'the system would halt';
    return `${figures}${because ? `; ${because}` : ''}: ${outcome}`;
  }
}

/** Whether losing even the lightest voter of a healthy network stops it: n of n, or a BFT of three. */
function cannotLoseAny(rule: QuorumRule, nodes: QuorumBudgetRequest['nodes']): boolean {
  const powers = nodes.map((node) => node.power).filter((power) => power > 0);
  const total = sumPower(nodes);
  return powers.length > 0 && total - Math.min(...powers) < quorumThreshold(rule, total);
}

function sumPower(nodes: readonly { power: number }[]): number {
  return nodes.reduce((sum, node) => sum + node.power, 0);
}
