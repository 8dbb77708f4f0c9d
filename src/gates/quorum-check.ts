import { quorumBudget, type NodeHealth } from './quorum-budget.ts';
import { heightOf, highestOf, type SlotFacts } from './slot-facts.ts';
import type { Sample } from './verdict.ts';

/**
 * Whether the nodes that are alive and caught up still carry the system. `present` are nodes that count as there whatever is
 * seen of them: those in the middle of their own change, where the plan has accepted their absence.
 */
export function judgeQuorum(facts: SlotFacts, present: ReadonlySet<string>, maxLag: number | undefined): Sample {
  const { network, reading } = facts;
  const highest = highestOf(reading);
  const healthOf = (node: string): NodeHealth | undefined => {
    if (present.has(node)) return 'ok';
    const seen = reading.nodes[node];
    if (!seen) return undefined;
    if (!seen.liveness.ok) return seen.liveness.mayBeSlow ? undefined : 'down';
    if (maxLag === undefined) return 'ok';
    const height = heightOf(seen);
    if (!seen.status.ok || height === undefined || highest === undefined) return undefined;
    return seen.status.value.catchingUp || highest - height > maxLag ? 'lagging' : 'ok';
  };
  const seen = network.nodes.map(({ name, votingPower }) => ({ name, power: votingPower, state: healthOf(name) }));
  const budgetWith = (unseen: NodeHealth): ReturnType<typeof quorumBudget> =>
    quorumBudget({
      rule: network.quorum,
      nodes: seen.map((node) => ({ ...node, state: node.state ?? unseen })),
      take: [],
    });
  const best = budgetWith('ok');
  if (!best.isSafe) return { state: 'BAD', detail: best.sentence, value: best.availablePower };
  const worst = budgetWith('down');
  if (!worst.isSafe) return { state: 'UNKNOWN', reason: 'query-error', detail: worst.sentence };
  return { state: 'OK', value: worst.availablePower };
}
