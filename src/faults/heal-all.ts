import type { Clock } from '../core/clock.ts';
import { CleanupError, messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { FaultPort, FaultState } from '../lab/faults.ts';
import type { TopologyNode } from '../topology/topology.ts';
import { bareNode } from '../topology/bare-node.ts';

interface HealAllOptions {
  faults: FaultPort;
  /** Nodes of the testnet; a fault may also lie on one that is no longer there, or on monitoring. */
  nodes: readonly TopologyNode[];
  clock: Clock;
  signal?: AbortSignal | undefined;
}

const AT_ONCE = 8;
const BUDGET_MS = 60_000;
const APART_MS = 500;

/**
 * Heals every fault and remnant that the lab knows of, whoever left it, until nothing is listed. Returns what was there. Throws
 * CleanupError after a minute, naming what is left and why.
 */
export async function healAll({ faults, nodes, clock, signal }: HealAllOptions): Promise<FaultState[]> {
  const untilMs = clock.monotonicMs() + BUDGET_MS;
  const found = new Map<string, FaultState>();
  for (;;) {
    const listed = await faults.list({ signal });
    if (listed.length === 0) return [...found.values()];
    for (const state of listed) if (!found.has(state.id)) found.set(state.id, state);
    const failures: string[] = [];
    await mapConcurrent(listed, AT_ONCE, async ({ id, node, kind, state }) => {
      try {
        await faults.heal(nodes.find(({ name }) => name === node) ?? bareNode(node), id, { signal });
      } catch (error) {
        if (signal?.aborted) throw error;
        failures.push(`${id} (${kind}, ${state}) on ${node}: ${messageOf(error)}`);
      }
    });
    if (clock.monotonicMs() >= untilMs) {
      const left = await faults.list({ signal });
      if (left.length === 0) return [...found.values()];
      const names = left.map(({ id, node, state }) => `${id} is ${state} on ${node}`);
      throw new CleanupError(
        `after ${BUDGET_MS / 1000} s not all faults are healed: ${[...names, ...failures].join('; ')}`,
        {
          details: { left: left.map(({ id, node, kind, state }) => ({ id, node, kind, state })) },
        },
      );
    }
    await clock.sleep(APART_MS, signal);
  }
}
