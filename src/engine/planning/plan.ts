import { hashOf } from '../../core/canonical.ts';
import { RefusedError } from '../../core/errors.ts';
import { quorumBudget, type QuorumBudget } from '../../gates/quorum-budget.ts';
import type { Plan, PlanStep } from '../../journal/records.ts';
import type { NodeObservation } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import type { PlannedFault } from '../../journal/fault-records.ts';
import type { DrillRules, DrillTargets } from '../drill/drill-stages.ts';
import { plannedDrill } from '../drill/drill-stages.ts';
import type { NodeTarget, OnFailure, RunbookStage } from '../runbook.ts';
import { stepOf } from './single-step.ts';

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
  /** What each stage of a fault comes to, by the stage's id. */
  faults?: ReadonlyMap<string, { planned: PlannedFault }> | undefined;
  onFailure: OnFailure;
  hasLoad: boolean;
  checksLedger?: boolean | undefined;
  isRepair?: boolean | undefined;
  deadlineMs?: number | undefined;
  restore?: boolean | undefined;
  contract?: Plan['contract'] | undefined;
  drill?: DrillRules | undefined;
  /** What the testnet file says of drills. */
  drills?: DrillTargets | undefined;
  states: ReadonlyMap<string, NodeObservation['state']>;
}

/** Orders the steps of a run and predicts each one's quorum margin. Pure: same inputs, same plan, same hash. */
export function makePlan(inputs: PlanInputs): Plan {
  const { topology, runbook, parameters, stages, onFailure, hasLoad, isRepair, deadlineMs, restore, states } = inputs;
  const nodes = topology.nodes.map(({ name }) => name);
  const steps: PlanStep[] = [];
  if (hasLoad) steps.push({ id: 'load', kind: 'load', nodes });
  const absent = nodes.filter((node) => states.get(node) === 'absent');
  // A network that does not run yet, or that is put back as a whole, has no health to ask for.
  if (absent.length < nodes.length && !beginsAnew(stages[0]))
    steps.push({ id: 'preflight', kind: 'preflight', nodes, gate: topology.gate });
  const predictor = new Predictor(inputs, absent);
  for (const stage of stages) {
    steps.push(...predictor.steps(stage));
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
    ...(inputs.drill && { drill: plannedDrill(inputs.drill, stages, inputs.drills ?? { participants: [] }) }),
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

/** Nodes that the plan makes, replaces or gives other data, first change first. */
export function changedNodes({ steps }: Plan): string[] {
  const kinds: PlanStep['kind'][] = ['replace', 'create', 'restore-backup'];
  const changed = steps.filter(({ kind }) => kinds.includes(kind)).flatMap(({ nodes }) => nodes);
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
  /** Nodes that a drill has killed and not brought back. */
  #lost: string[] = [];
  /** Nodes that faults keep from their work, by the stage that began each. */
  readonly #impaired = new Map<string, readonly string[]>();

  constructor(inputs: PlanInputs, absent: readonly string[]) {
    const { topology, states, versions } = inputs;
    this.#inputs = inputs;
    this.#versions = { ...versions };
    this.#absent = absent;
    const names = topology.nodes.map(({ name }) => name);
    this.#down = new Set(names.filter((name) => states.get(name) !== 'running' && !absent.includes(name)));
  }

  steps(stage: RunbookStage): PlanStep[] {
    switch (stage.kind) {
      case 'change':
        return this.#change(stage);
      case 'take-backup':
        return this.#takeBackup(stage);
      case 'fault':
        return [this.#fault(stage)];
      case 'lose':
        return [this.#lose(stage)];
      case 'recover':
        this.#lost = this.#lost.filter((node) => !this.#losable(stage.nodes).includes(node));
        return [stepOf(stage, this.#inputs.topology)];
      case 'restore-backup': {
        const step = stepOf(stage, this.#inputs.topology);
        this.#lost = this.#lost.filter((node) => !step.nodes.includes(node));
        return [step];
      }
      case 'heal': {
        const { id, fault } = stage;
        const nodes = [...(this.#impaired.get(fault) ?? [])];
        this.#impaired.delete(fault);
        return [
          { id, kind: 'heal', nodes, heals: fault, ...(nodes.length > 0 && { gate: this.#inputs.topology.gate }) },
        ];
      }
      default:
        return [stepOf(stage, this.#inputs.topology)];
    }
  }

  #lose(stage: RunbookStage & { kind: 'lose' }): PlanStep {
    const { topology } = this.#inputs;
    this.#lost.push(...this.#losable(stage.nodes));
    const { margin, isSafe } = this.#budget([]);
    if (!isSafe && (stage.mayHalt || topology.availability === 'halt-allowed')) this.halts.push(stage.id);
    return { ...stepOf(stage, topology), ...(topology.quorum !== 'none' && { quorumMargin: margin }) };
  }

  /** Who leads is not known before; it is somebody who votes, and the heaviest of them costs most. */
  #losable(nodes: readonly string[]): string[] {
    const [heaviest] = [...this.#inputs.topology.nodes].sort((a, b) => b.votingPower - a.votingPower);
    return nodes.map((node) => (node === 'leader' ? (heaviest?.name ?? node) : node));
  }

  #fault({ id }: RunbookStage & { kind: 'fault' }): PlanStep {
    const { topology, faults } = this.#inputs;
    const fault = faults?.get(id)?.planned;
    if (!fault) throw new RefusedError('unsupported', `the fault ${id} was not worked out for this testnet`);
    this.#impaired.set(id, fault.impaired);
    const { margin, isSafe } = this.#budget([]);
    // One that may not halt the system was refused when it was worked out.
    if (!isSafe) this.halts.push(id);
    const ttlMs = Math.max(0, ...fault.leases.map((lease) => lease.ttlMs));
    return {
      id,
      kind: 'fault',
      nodes: [...new Set(fault.leases.map(({ node }) => node))],
      fault,
      ttlMs,
      ...(topology.quorum !== 'none' && { quorumMargin: margin }),
      compensation: `healed when the run ends; on the target, by itself, ${ttlMs / 1000} s after nobody extends it`,
    };
  }

  #budget(take: readonly string[]): QuorumBudget {
    const { topology } = this.#inputs;
    const impaired = new Set([...this.#impaired.values()].flat());
    const down = new Set([...this.#down, ...this.#lost]);
    return quorumBudget({
      rule: topology.quorum,
      nodes: topology.nodes.map(({ name, votingPower }) => ({
        name,
        power: votingPower,
        state: down.has(name) ? 'down' : impaired.has(name) ? 'faulted' : 'ok',
      })),
      take,
    });
  }

  #change(stage: RunbookStage & { kind: 'change' }): PlanStep[] {
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

  #takeBackup({ id, nodes, to = [] }: RunbookStage & { kind: 'take-backup' }): PlanStep[] {
    const { topology } = this.#inputs;
    const names = nodes ?? topology.nodes.map(({ name }) => name);
    const copies = names.map((node): PlanStep => {
      const { margin, isSafe } = this.#budget([node]);
      const step = stepId(id, node);
      if (!isSafe && topology.availability === 'halt-allowed') this.halts.push(step);
      return {
        id: step,
        kind: 'take-backup',
        nodes: [node],
        gate: topology.gate,
        ...(topology.quorum !== 'none' && { quorumMargin: margin }),
        compensation: `${node} is started again`,
      };
    });
    const store: PlanStep = { id: stepId(id, 'store'), kind: 'store-backup', nodes: names, after: id, targets: to };
    return [...copies, { ...store, ...(nodes === undefined && { isWhole: true }) }];
  }

  /** `others` are of the same batch, and not gated yet. */
  #replace(
    { id: stage, mayHalt, snapshot }: RunbookStage & { kind: 'change' },
    { node, version, flags }: NodeTarget,
    others: readonly string[],
  ): PlanStep {
    const { topology, targets } = this.#inputs;
    const { margin, isSafe } = this.#budget([node, ...others]);
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

function beginsAnew(first: RunbookStage | undefined): boolean {
  return first?.kind === 'restore-backup' && first.nodes === undefined;
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
