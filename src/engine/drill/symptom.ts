import type { SlotReading } from '../../gates/readings.ts';

/** What a reading shows that the one before the disaster did not: somebody who watches would have noticed. */
export function symptomOf(reading: Pick<SlotReading, 'nodes'>, before: Pick<SlotReading, 'nodes'>): string | undefined {
  for (const [node, now] of Object.entries(reading.nodes)) {
    const healthy = before.nodes[node];
    if (!healthy) continue;
    if (healthy.liveness.ok && !now.liveness.ok) return `${node} does not answer`;
    if (!healthy.status.ok) continue;
    if (!now.status.ok) return `${node} tells nothing of its work`;
    const [peersBefore, peers] = [healthy.status.value.peers, now.status.value.peers];
    if (peersBefore !== undefined && peers !== undefined && peers < peersBefore) {
      return `${node} has ${peers} peers, and had ${peersBefore}`;
    }
  }
  return undefined;
}
