import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { httpTransport } from '../../gates/http-transport.ts';
import { createProbeClient } from '../../gates/probe-client.ts';
import type { Lab, NodeObservation } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import type { Project } from '../project.ts';
import type { RunbookStage } from '../runbook.ts';
import { readDeployedTopology } from '../state.ts';
import { planFaults, type PlannedFaults } from './plan-faults.ts';
import { resolveTargets } from './resolve-targets.ts';

export interface PreparedFaults {
  /** With every target named. */
  stages: readonly RunbookStage[];
  faults: PlannedFaults;
}

/** Names the targets of a runbook's faults and works out what each comes to here. Throws before anything is touched. */
export async function prepareFaults(
  project: Project,
  lab: Lab,
  topology: Topology,
  states: ReadonlyMap<string, Pick<NodeObservation, 'state'>>,
  stages: readonly RunbookStage[],
  signal?: AbortSignal,
): Promise<PreparedFaults> {
  const { profile, root } = project;
  const named = await resolveTargets(stages, {
    topology,
    leaders: () =>
      Promise.all(
        topology.nodes.map(async (node) => {
          const transport = httpTransport(systemClock);
          const client = createProbeClient({ baseUrl: (port) => lab.endpoint(node, port), transport, signal });
          return (await profile.probe(client).catch(() => undefined))?.leader;
        }),
      ),
    elsewhere: () => nodesElsewhere(root, project.name),
  });
  return planFaults({ stages: named, topology, lab, states, signal });
}

async function nodesElsewhere(root: string, testnet: string): Promise<Map<string, string[]>> {
  const folder = join(root, '.seatrial');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const others = entries.filter((entry) => entry.isDirectory() && entry.name !== testnet);
  const found = new Map<string, string[]>();
  for (const { name } of others) {
    const deployed = await readDeployedTopology(join(folder, name)).catch(() => undefined);
    if (deployed)
      found.set(
        name,
        deployed.nodes.map((node) => node.name),
      );
  }
  return found;
}
