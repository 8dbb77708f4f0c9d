import { quorumBudget, type NodeHealth, type QuorumBudget } from '../gates/quorum-budget.ts';
import type { SlotReading } from '../gates/readings.ts';
import type { SystemProfile } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';

/** What each node counts for, by what was seen of it in one slot. */
export function healthOf(reading: SlotReading, profile: Pick<SystemProfile, 'progress'>): Record<string, NodeHealth> {
  const heights = Object.values(reading.nodes).flatMap(({ status }) => (status.ok ? (status.value.height ?? []) : []));
  const highest = heights.length > 0 ? Math.max(...heights) : undefined;
  const health: Record<string, NodeHealth> = {};
  for (const [node, { observation, liveness, status }] of Object.entries(reading.nodes)) {
    const isRunning = observation.ok && observation.value.state === 'running';
    const height = status.ok ? status.value.height : undefined;
    const lag = highest !== undefined && height !== undefined ? highest - height : 0;
    if (!isRunning || !liveness.ok || !status.ok) health[node] = 'down';
    else health[node] = profile.progress && lag > profile.progress.maxLag ? 'lagging' : 'ok';
  }
  return health;
}

/** The quorum budget of a testnet as it stands, when these nodes are taken away. */
export function budgetOf(
  topology: Topology,
  health: Record<string, NodeHealth>,
  take: readonly string[],
): QuorumBudget {
  return quorumBudget({
    rule: topology.quorum,
    nodes: topology.nodes.map(({ name, votingPower }) => ({ name, power: votingPower, state: health[name] ?? 'down' })),
    take,
  });
}
