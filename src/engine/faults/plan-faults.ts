import { RefusedError, UsageError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { quorumBudget } from '../../gates/quorum-budget.ts';
import { ableTo } from '../../faults/able-to.ts';
import type { CompiledFault } from '../../faults/compiled-fault.ts';
import type { FaultAction, FaultActionKind } from '../../lab/faults.ts';
import type { Lab, NodeObservation } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';
import type { RunbookStage } from '../runbook.ts';
import { compileStage, faultId } from './compile-stage.ts';
import { computedExpectations } from './computed-expectations.ts';
import type { PlannedFault } from '../../journal/fault-records.ts';

export interface FaultPlanning {
  stages: readonly RunbookStage[];
  topology: Topology;
  lab: Pick<Lab, 'kind' | 'faults'>;
  states: ReadonlyMap<string, Pick<NodeObservation, 'state'>>;
  signal?: AbortSignal | undefined;
}

/** What each stage of a fault comes to, by the stage's id. */
export type PlannedFaults = ReadonlyMap<string, { fault: CompiledFault; planned: PlannedFault }>;

/**
 * Works out the faults of a runbook in the order of its stages, each beside those that still act. Throws before anything is touched: UsageError
 * for what does not fit together, RefusedError('unsupported') for what the lab lacks, RefusedError('unsafe') for more than may be broken.
 */
export async function planFaults(planning: FaultPlanning): Promise<{ stages: RunbookStage[]; faults: PlannedFaults }> {
  const { topology, lab, states, signal } = planning;
  const stages = [...planning.stages];
  const planned = new Map<string, { fault: CompiledFault; planned: PlannedFault }>();
  const isAny = stages.some(({ kind }) => kind === 'fault' || kind === 'heal' || kind === 'hold');
  if (!isAny) return { stages, faults: planned };
  const names = topology.nodes.map(({ name }) => name);
  if (!lab.faults && stages.some(({ kind }) => kind === 'fault'))
    throw new RefusedError('unsupported', `nothing can be broken on purpose on the ${lab.kind} lab`);
  const down = new Set([...states].filter(([, { state }]) => state !== 'running').map(([node]) => node));
  const live = new Map<string, { fault: CompiledFault; planned: PlannedFault }>();
  for (const [index, stage] of stages.entries()) {
    workOutAgain(live, topology, down);
    if (stage.kind === 'hold' && stage.expects === 'computed') {
      const faults = [...live.values()].map(({ fault }) => fault);
      const standing = names.filter((name) => !down.has(name));
      stages[index] = { ...stage, expects: computedExpectations(faults, standing) };
    }
    if (stage.kind === 'stop') down.add(stage.node);
    if (stage.kind === 'start') down.delete(stage.node);
    if (stage.kind === 'change') {
      requireJudgeable(stage, live);
      requireRoom(stage, topology, down, live);
      for (const { node } of stage.changes) down.delete(node);
    }
    if (stage.kind === 'heal') {
      if (!live.delete(stage.fault)) throw noSuchFault(stage, [...live.keys()]);
      continue;
    }
    if (stage.kind !== 'fault') continue;
    const dead = stage.fault.targets.find((target) => down.has(target));
    if (dead !== undefined) {
      const state = states.get(dead)?.state ?? 'absent';
      throw new UsageError(
        `${stage.id}: ${dead} is ${state === 'running' ? 'stopped by then' : state}: nothing can be broken there`,
      );
    }
    const out = [...new Set([...down, ...[...live.values()].flatMap((each) => each.planned.impaired)])];
    const compiled = compileStage(
      stage.id,
      stage.fault,
      topology,
      names.filter((name) => out.includes(name)),
    );
    for (const { action, node } of compiled.fault.leases) {
      await requireCapable(lab, action, stage.id, signal);
      requireFree(stage.id, { kind: action.kind, node: node.name }, live);
    }
    if ([...planned.keys()].some((other) => faultId(other) === faultId(stage.id))) {
      throw new UsageError(
        `${stage.id}: another fault of this plan would have the same name on the lab; call it otherwise`,
      );
    }
    planned.set(stage.id, compiled);
    live.set(stage.id, compiled);
  }
  return { stages, faults: planned };
}

/** A fault that was worked out beside another, or a node that was down, comes to less once that is over. The plan keeps what it comes to when it begins. */
function workOutAgain(
  live: Map<string, { fault: CompiledFault; planned: PlannedFault }>,
  topology: Topology,
  down: ReadonlySet<string>,
): void {
  const away = new Set(down);
  for (const [stage, { fault, planned }] of live) {
    const out = planned.out.filter((node) => away.has(node));
    const now = out.length < planned.out.length ? compileStage(stage, fault.spec, topology, out) : { fault, planned };
    live.set(stage, now);
    for (const node of now.planned.impaired) away.add(node);
  }
}

async function requireCapable(
  lab: FaultPlanning['lab'],
  action: FaultAction,
  stage: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { kind } = action;
  const capability = lab.faults ? await ableTo(lab.faults, action, { signal }) : 'it breaks nothing';
  if (capability === true) return;
  throw new RefusedError('unsupported', `${stage}: ${kind} is beyond the ${lab.kind} lab here: ${capability}`, {
    details: { action: kind, lab: lab.kind },
  });
}

/** Two faults that do the same to one node could not be told from each other. */
function requireFree(
  stage: string,
  { kind, node }: { kind: FaultActionKind; node: string },
  live: PlannedFaults,
): void {
  for (const [other, { fault }] of live) {
    if (!fault.leases.some((lease) => lease.node.name === node && lease.action.kind === kind)) continue;
    const what = kind === 'cut' || kind === 'shape' ? `links of ${node}` : node;
    throw new UsageError(`${stage}: the fault ${other} acts on ${what} already (${kind}); heal it first`);
  }
}

/** A change of a node that cannot do its work could not be told from a change that broke it. */
function requireJudgeable({ id, changes }: RunbookStage & { kind: 'change' }, live: PlannedFaults): void {
  for (const [fault, { planned }] of live) {
    const node = changes.map((change) => change.node).find((name) => planned.impaired.includes(name));
    if (node === undefined) continue;
    throw new RefusedError(
      'unsafe',
      `${id}: the fault ${fault} keeps ${node} from its work then, and no gate could judge its change; heal it first`,
    );
  }
}

/** What a fault takes and what a change takes count together. Without a fault the budget is looked at node by node, when it comes to that. */
function requireRoom(
  { id, changes, atOnce = 1, mayHalt }: RunbookStage & { kind: 'change' },
  { nodes, quorum, availability }: Topology,
  down: ReadonlySet<string>,
  live: PlannedFaults,
): void {
  if (live.size === 0 || mayHalt || availability === 'halt-allowed') return;
  const impaired = new Set([...live.values()].flatMap(({ planned }) => planned.impaired));
  for (let first = 0; first < changes.length; first += atOnce) {
    const take = changes.slice(first, first + atOnce).map(({ node }) => node);
    const { isSafe, sentence } = quorumBudget({
      rule: quorum,
      nodes: nodes.map(({ name, votingPower }) => ({
        name,
        power: votingPower,
        state: down.has(name) ? 'down' : impaired.has(name) ? 'faulted' : 'ok',
      })),
      take,
    });
    if (isSafe || take.every((node) => down.has(node))) continue;
    throw new RefusedError(
      'unsafe',
      `${id}: to change ${take.join(', ')} while the fault ${[...live.keys()].join(', ')} acts is not safe: ${sentence}. Change a node without voting power, or heal first`,
    );
  }
}

function noSuchFault({ id, fault }: RunbookStage & { kind: 'heal' }, live: readonly string[]): UsageError {
  return new UsageError(`${id}: there is no fault ${fault} to heal by then${didYouMean(fault, live)}`);
}
