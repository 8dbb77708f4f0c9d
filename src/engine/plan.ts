import { hashOf } from '../core/canonical.ts';
import { quorumBudget } from '../gates/quorum-budget.ts';
import type { Plan, PlanStep } from '../journal/records.ts';
import type { NodeObservation } from '../lab/lab.ts';
import type { Topology } from '../topology/topology.ts';
import type { OnFailure } from './runbook.ts';

export interface PlannedChange {
  node: string;
  /** Version the node runs, or was last to run. */
  from: string;
  to: string;
}

export interface PlanInputs {
  topology: Topology;
  runbook: string;
  parameters: Record<string, string>;
  changes: readonly PlannedChange[];
  onFailure: OnFailure;
  hasLoad: boolean;
  states: ReadonlyMap<string, NodeObservation['state']>;
}

/** Orders the steps of a run and predicts each one's quorum margin. Pure: same inputs, same plan, same hash. */
export function makePlan(inputs: PlanInputs): Plan {
  const { topology, runbook, parameters, changes, onFailure, hasLoad, states } = inputs;
  const nodes = topology.nodes.map(({ name }) => name);
  const steps: PlanStep[] = [];
  if (hasLoad) steps.push({ id: 'load', kind: 'load', nodes });
  const absent = changes.filter(({ node }) => states.get(node) === 'absent').map(({ node }) => node);
  // A network that does not run yet has no health to ask for.
  if (absent.length < topology.nodes.length)
    steps.push({ id: 'preflight', kind: 'preflight', nodes, gate: topology.gate });
  if (absent.length > 0)
    steps.push({
      id: 'create',
      kind: 'create',
      nodes: absent,
      gate: topology.gate,
      compensation: 'none: what was created stays for inspection',
    });

  // Nodes that are down stay down until their own step has mended them.
  const down = new Set(nodes.filter((node) => states.get(node) !== 'running' && !absent.includes(node)));
  const halts: string[] = [];
  for (const change of changes) {
    if (absent.includes(change.node)) continue;
    const { margin, isSafe } = quorumBudget({
      rule: topology.quorum,
      nodes: topology.nodes.map(({ name, votingPower }) => ({
        name,
        power: votingPower,
        state: down.has(name) ? 'down' : 'ok',
      })),
      take: [change.node],
    });
    const id = stepId(runbook, change.node);
    down.delete(change.node);
    if (!isSafe && topology.availability === 'halt-allowed') halts.push(id);
    steps.push({
      id,
      kind: 'replace',
      nodes: [change.node],
      from: change.from,
      to: change.to,
      gate: topology.gate,
      compensation: compensationOf(onFailure, change),
      ...(topology.quorum !== 'none' && { quorumMargin: margin }),
    });
  }
  if (changes.length === 0) steps.push({ id: 'gate', kind: 'gate-all', nodes, gate: topology.gate });
  if (hasLoad) steps.push({ id: 'ledger', kind: 'verify', nodes });
  const margins = steps.flatMap((step) => step.quorumMargin ?? []);
  return {
    testnet: topology.testnet,
    runbook,
    parameters,
    lab: topology.lab,
    gate: topology.gate,
    onFailure,
    steps,
    ...(margins.length > 0 && { worstQuorumMargin: Math.min(...margins) }),
    halts,
  };
}

/** Stable name of the step that changes a node. */
export function stepId(runbook: string, node: string): string {
  return `${runbook}/${node}`;
}

export function planHash(plan: Plan): string {
  return hashOf(plan);
}

function compensationOf(onFailure: OnFailure, { node, from }: PlannedChange): string {
  switch (onFailure) {
    case 'rollback':
      return `every node of this run back to its release, newest first; ${node} to ${from}`;
    case 'node':
      return `${node} back to ${from}`;
    case 'hold':
      return 'none: the run stops and leaves the node for inspection';
  }
}
