import { systemClock } from '../core/clock.ts';
import { LabError, messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import { noteStopped, readStopped } from '../engine/stopped-testnet.ts';
import { bareNode } from '../topology/bare-node.ts';
import { healAll } from '../faults/heal-all.ts';
import type { Lab } from '../lab/lab.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';

/** Nodes of one start order that are stopped at once. */
const concurrency = 8;

/** The monitoring's containers, as the lab stops and starts them. */
export function monitoringMembers({ monitoring }: Topology): TopologyNode[] {
  if (!monitoring) return [];
  const { grafana } = monitoring.images;
  return ['prometheus', 'alertmanager', ...(grafana === undefined ? [] : ['grafana'])].map(bareNode);
}

/**
 * Stops every node, those that were started last first, then the monitoring; nothing is removed. What is stopped already is passed over,
 * so that a call that was cut off can be made again. Returns whom it stopped.
 */
export async function stopTestnet(lab: Lab, topology: Topology, signal: AbortSignal): Promise<string[]> {
  const { stateDir, nodes } = topology;
  if (!(await readStopped(stateDir))) await noteStopped(stateDir, new Date(systemClock.wallMs()).toISOString());
  // A fault that is undone later could start a node again.
  if (lab.faults) await healAll({ faults: lab.faults, nodes, clock: systemClock });
  const orders = [...new Set(nodes.map(({ startOrder }) => startOrder))].sort((a, b) => b - a);
  const stages = [
    ...orders.map((order) => nodes.filter(({ startOrder }) => startOrder === order)),
    monitoringMembers(topology),
  ];
  const stopped: string[] = [];
  const failures: string[] = [];
  for (const together of stages) {
    await mapConcurrent(together, concurrency, async (node) => {
      const { state } = await lab.observe(node, { signal });
      if (state !== 'running' && state !== 'paused') return;
      try {
        await lab.stop(node, { signal });
        stopped.push(node.name);
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(`${node.name}: ${messageOf(error)}`);
      }
    });
  }
  if (failures.length > 0) {
    throw new LabError(`${failures.length} of ${topology.testnet} could not be stopped (${failures.join('; ')})`);
  }
  await lab.rest?.({ signal });
  return stopped;
}

/** Starts the monitoring where it was stopped: gates ask it. */
export async function startMonitoring(lab: Lab, topology: Topology, signal: AbortSignal): Promise<void> {
  await mapConcurrent(monitoringMembers(topology), concurrency, async (member) => {
    const { state } = await lab.observe(member, { signal });
    if (state === 'stopped') await lab.start(member, { signal });
  });
}
