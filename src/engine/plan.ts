import { hashOf } from '../core/canonical.ts';
import { quorumBudget } from '../gates/quorum-budget.ts';
import type { Plan, PlanStep } from '../journal/records.ts';
import type { NodeObservation } from '../lab/lab.ts';
import type { Topology } from '../topology/topology.ts';
import type { NodeTarget, OnFailure, RunbookStage } from './runbook.ts';

export interface PlanInputs {
  /** As it is now. */
  topology: Topology;
  runbook: string;
  parameters: Record<string, string>;
  stages: readonly RunbookStage[];
  /** Version that each node runs, or was last to run. */
  versions: Readonly<Record<string, string>>;
  /** The topology that each stage of changes leads to, by the stage's id. */
  targets: ReadonlyMap<string, Topology>;
  onFailure: OnFailure;
  hasLoad: boolean;
  checksLedger?: boolean | undefined;
  isRepair?: boolean | undefined;
  deadlineMs?: number | undefined;
  restore?: boolean | undefined;
  contract?: Plan['contract'] | undefined;
  states: ReadonlyMap<string, NodeObservation['state']>;
}

/** Orders the steps of a run and predicts each one's quorum margin. Pure: same inputs, same plan, same hash. */
export function makePlan(inputs: PlanInputs): Plan {
  const { topology, runbook, parameters, stages, onFailure, hasLoad, isRepair, deadlineMs, restore, states } = inputs;
  const nodes = topology.nodes.map(({ name }) => name);
  const steps: PlanStep[] = [];
  if (hasLoad) steps.push({ id: 'load', kind: 'load', nodes });
  const absent = nodes.filter((node) => states.get(node) === 'absent');
  // A network that does not run yet has no health to ask for.
  if (absent.length < nodes.length) steps.push({ id: 'preflight', kind: 'preflight', nodes, gate: topology.gate });
  const predictor = new Predictor(inputs, absent);
  for (const stage of stages) {
    steps.push(...(stage.kind === 'change' ? predictor.change(stage) : [stepOf(stage, topology.gate)]));
  }
  if (hasLoad && (inputs.checksLedger ?? true)) steps.push({ id: 'ledger', kind: 'verify', nodes });
  const margins = steps.flatMap((step) => step.quorumMargin ?? []);
  return {
    testnet: topology.testnet,
    runbook,
    parameters,
    lab: topology.lab,
    gate: topology.gate,
    onFailure,
    ...(isRepair && { isRepair }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(restore && { restore }),
    ...(inputs.contract && { contract: inputs.contract }),
    releases: digestsOf([topology, ...inputs.targets.values()]),
    steps,
    ...(margins.length > 0 && { worstQuorumMargin: Math.min(...margins) }),
    halts: predictor.halts,
  };
}

/** Stable name of the step that changes a node. */
export function stepId(stage: string, node: string): string {
  return `${stage}/${node}`;
}

export function planHash(plan: Plan): string {
  return hashOf(plan);
}

/** Nodes that the plan makes or replaces, first change first. */
export function changedNodes({ steps }: Plan): string[] {
  const changed = steps.filter(({ kind }) => kind === 'replace' || kind === 'create').flatMap(({ nodes }) => nodes);
  return [...new Set(changed)];
}

/** Follows the versions and the health of the nodes through the stages. */
class Predictor {
  readonly halts: string[] = [];
  readonly #inputs: PlanInputs;
  readonly #versions: Record<string, string>;
  /** Nodes that are down stay down until their own step has mended them. */
  readonly #down: Set<string>;
  #absent: readonly string[];

  constructor(inputs: PlanInputs, absent: readonly string[]) {
    const { topology, states, versions } = inputs;
    this.#inputs = inputs;
    this.#versions = { ...versions };
    this.#absent = absent;
    const names = topology.nodes.map(({ name }) => name);
    this.#down = new Set(names.filter((name) => states.get(name) !== 'running' && !absent.includes(name)));
  }

  change(stage: RunbookStage & { kind: 'change' }): PlanStep[] {
    const { topology } = this.#inputs;
    const { id, changes, atOnce = 1 } = stage;
    const created = changes.filter(({ node }) => this.#absent.includes(node)).map(({ node }) => node);
    const steps: PlanStep[] = [];
    if (created.length > 0) {
      const compensation = 'none: what was created stays for inspection';
      steps.push({ id: 'create', kind: 'create', stage: id, nodes: created, gate: topology.gate, compensation });
      this.#absent = this.#absent.filter((node) => !created.includes(node));
    }
    const existing = changes.filter(({ node }) => !created.includes(node));
    for (let first = 0; first < existing.length; first += atOnce) {
      const together = existing.slice(first, first + atOnce);
      together.forEach((change, position) => {
        const others = together.slice(0, position).map(({ node }) => node);
        const batch = atOnce > 1 ? { batch: first / atOnce + 1 } : {};
        steps.push({ ...this.#replace(stage, change, others), ...batch });
      });
    }
    if (changes.length === 0) {
      const nodes = topology.nodes.map(({ name }) => name);
      steps.push({ id: stepId(id, 'gate'), kind: 'gate-all', stage: id, nodes, gate: topology.gate });
    }
    return steps.map((step) => ({
      ...step,
      ...(step.kind === 'replace' && { compensation: compensationOf(this.#inputs, step) }),
    }));
  }

  /** `others` are of the same batch, and not gated yet. */
  #replace(
    { id: stage, mayHalt, snapshot }: RunbookStage & { kind: 'change' },
    { node, version, flags }: NodeTarget,
    others: readonly string[],
  ): PlanStep {
    const { topology, targets } = this.#inputs;
    const { margin, isSafe } = quorumBudget({
      rule: topology.quorum,
      nodes: topology.nodes.map(({ name, votingPower }) => ({
        name,
        power: votingPower,
        state: this.#down.has(name) ? 'down' : 'ok',
      })),
      take: [node, ...others],
    });
    const id = stepId(stage, node);
    this.#down.delete(node);
    if (!isSafe && (mayHalt || topology.availability === 'halt-allowed')) this.halts.push(id);
    const from = this.#versions[node] ?? '';
    this.#versions[node] = version;
    const generation = targets.get(stage)?.nodes.find(({ name }) => name === node)?.generation;
    return {
      id,
      kind: 'replace',
      stage,
      nodes: [node],
      from,
      to: version,
      ...(flags && { flags }),
      ...(generation !== undefined && { generation }),
      gate: topology.gate,
      ...(topology.quorum !== 'none' && { quorumMargin: margin }),
      ...(mayHalt && { mayHalt }),
      ...(snapshot && { snapshot }),
    };
  }
}

/** A stage that is one step. */
function stepOf(stage: Exclude<RunbookStage, { kind: 'change' }>, gate: string): PlanStep {
  const { id } = stage;
  switch (stage.kind) {
    case 'soak':
      return { id, kind: 'soak', nodes: stage.nodes, gate, ...(stage.forMs !== undefined && { forMs: stage.forMs }) };
    case 'approval': {
      const { question, timeoutMs, onTimeout = 'stop' } = stage;
      return { id, kind: 'approval', nodes: [], question, timeoutMs, onTimeout };
    }
    case 'await-height':
      return { id, kind: 'await-height', nodes: [], height: stage.height, timeoutMs: stage.timeoutMs };
    case 'finalise':
      return { id, kind: 'finalise', nodes: [] };
    case 'switch': {
      const { toggle, ttlMs, node } = stage;
      const compensation = `${toggle} off on ${node}; by itself after ${ttlMs / 1000} s at the latest`;
      return { id, kind: 'switch', nodes: [node], toggle, ttlMs, on: true, compensation };
    }
    case 'clear':
      return { id, kind: 'switch', nodes: [stage.node], toggle: stage.toggle, on: false };
    case 'activation': {
      const { nodes, toggle, blocks, timeoutMs } = stage;
      return { id, kind: 'activation', nodes, toggle, blocks, timeoutMs };
    }
    case 'switchback': {
      const { node, control, toggle, blocks, blockMs, ttlMs } = stage;
      return { id, kind: 'switchback', nodes: [node], control, toggle, blocks, forMs: blockMs, ttlMs };
    }
    case 'calibrate':
      return { id, kind: 'calibrate', nodes: stage.nodes, control: stage.control, forMs: stage.forMs };
    case 'compare': {
      const { nodes, control, forMs, after } = stage;
      return { id, kind: 'compare', nodes, control, forMs, after };
    }
    case 'slo':
      return { id, kind: 'slo', nodes: [], objective: stage.objective, forMs: stage.forMs };
    case 'stop':
    case 'start':
      return {
        id,
        kind: stage.kind,
        nodes: [stage.node],
        ...(stage.kind === 'stop' && { compensation: `${stage.node} is started again` }),
        ...(stage.kind === 'stop' && stage.mayHalt && { mayHalt: true }),
      };
  }
}

function digestsOf(topologies: readonly Topology[]): Record<string, string> {
  const releases = topologies.flatMap(({ nodes }) => nodes.map(({ release }) => release));
  return Object.fromEntries(releases.map(({ version, digest }) => [version, digest]));
}

function compensationOf({ onFailure, restore }: PlanInputs, { nodes: [node], from, snapshot }: PlanStep): string {
  const data = restore && snapshot ? ', with the data of its snapshot' : '';
  switch (onFailure) {
    case 'rollback':
      return `every node of this run back to its release, newest first; ${node} to ${from}${data}`;
    case 'node':
      return `${node} back to ${from}${data}`;
    case 'hold':
      return 'none: the run stops and leaves the node for inspection';
  }
}
