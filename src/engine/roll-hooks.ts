import { abortedError, type Clock } from '../core/clock.ts';
import type { FlagSettings } from '../journal/records.ts';
import type { Lab, LabLease, NodeIdentity } from '../lab/lab.ts';
import { writeDesired, type Wanted } from '../topology/desired.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import type { ContractGate } from './contract-gate.ts';
import type { NodeChange, RollHooks } from './deployer.ts';
import { hasPassed } from './passed.ts';
import { stepId } from './planning/plan.ts';
import type { RunGates } from './run-gates.ts';
import type { RunState } from './run-state.ts';
import type { Snapshots } from './snapshots.ts';
import type { RunEvent } from '../journal/records.ts';
import { writeDeployedTopology } from './state.ts';

/** One stage of changes. */
export interface RolledStage {
  /** Names the steps, as in `rolling-upgrade/validator-0`. */
  id: string;
  target: Topology;
  /** Nodes in the order they are changed. */
  order: readonly string[];
  /** Nodes that are gated together, by node. A node without a batch is gated alone. */
  batches?: ReadonlyMap<string, number>;
  /** The quorum may be lost meanwhile. */
  mayHalt?: boolean;
  /** It takes back what was done. */
  isRollback?: boolean;
  /** Flags that the stage gives to nodes. */
  flags?: ReadonlyMap<string, FlagSettings>;
  /** What is done to the data of a node between its stop and its change. */
  data?: 'snapshot' | 'restore' | undefined;
}

export interface RollHooksOptions {
  stage: RolledStage;
  lab: Lab;
  clock: Clock;
  gates: RunGates;
  /** Of a stage that brings something new. */
  contract?: ContractGate | undefined;
  state: RunState;
  specHash: string;
  /** `up` brings the nodes to what is wanted already, however far it comes; a run moves that node by node. */
  isUp: boolean;
  lease?: LabLease | undefined;
  /** Needed where the stage says something of `data`. */
  snapshots?: Snapshots | undefined;
  /** The topology as it is deployed; it follows the changes. */
  deployed: { topology: Topology };
  record(event: RunEvent): Promise<void>;
  /** Holds the run here while somebody has paused it. */
  awaitTurn(signal: AbortSignal): Promise<void>;
  signal: AbortSignal;
}

/**
 * The hooks of one stage: intent, quorum budget, gate. Where a network cannot reach its quorum before further nodes are mended, their
 * gates are held together at the first node that makes it whole.
 */
export function rollHooks(options: RollHooksOptions): RollHooks & { gateRest(): Promise<void> } {
  const { stage, lab, clock, gates, state, deployed, record, signal } = options;
  const { id, target, order, batches = new Map<string, number>() } = stage;
  const ungated: string[] = [];
  const touched = new Set<string>();
  const nodeOf = (name: string): TopologyNode | undefined => target.nodes.find((node) => node.name === name);

  const begin = async (step: string, name: string, change: NodeChange): Promise<void> => {
    await options.lease?.check({ signal });
    const node = nodeOf(name);
    const fromVersion = state.wanted.versions[name];
    const flags = stage.flags?.get(name);
    touched.add(name);
    await record({
      type: 'intent',
      step,
      action: change.kind,
      node: name,
      ...(fromVersion !== undefined && { fromVersion }),
      toVersion: node?.release.version ?? 'none',
      toDigest: node?.release.digest ?? 'none',
      generation: node?.generation ?? 'none',
      ...(flags && { flags }),
    });
    const wanted = options.isUp ? { ...state.wanted, versions: versionsIn(target) } : state.wanted;
    await keepDesired(target.stateDir, options.specHash, wanted);
    // Whatever becomes of this command, others then compare the node with what it was last meant to be.
    const others = deployed.topology.nodes.filter((other) => other.name !== name);
    const nodes = [...others, ...(node ? [node] : [])].sort((a, b) => a.index - b.index);
    deployed.topology = { ...deployed.topology, nodes };
    await writeDeployedTopology(deployed.topology);
  };

  const end = async (step: string, name: string, change: NodeChange): Promise<NodeIdentity | undefined> => {
    const node = nodeOf(name);
    const observation = node && (await lab.observe(node));
    await record({
      type: 'done',
      step,
      action: change.kind,
      node: name,
      digest: observation?.identity?.digest ?? 'none',
      instance: observation?.identity?.instance ?? 'none',
      version: node?.release.version ?? 'none',
      tookMs: Math.max(0, clock.wallMs() - (state.touchedAtMs.get(name) ?? 0)),
    });
    return observation?.identity;
  };

  /** Nodes of this one's batch that are still to be changed. */
  const restOfBatch = (name: string): string[] => {
    const batch = batches.get(name);
    if (batch === undefined) return [];
    const rest = order.slice(order.indexOf(name) + 1);
    return rest.filter(
      (other) => batches.get(other) === batch && !touched.has(other) && !state.done.has(stepId(id, other)),
    );
  };

  const gateTogether = async (name: string): Promise<void> => {
    const gated = ungated.splice(0);
    const touchedAtMs = gated.flatMap((node) => state.touchedAtMs.get(node) ?? []);
    const actionAtMs = touchedAtMs.length > 0 ? Math.min(...touchedAtMs) : undefined;
    const step = stepId(id, name);
    await gates.gate(step, gated, target, {
      actionAtMs,
      signal,
      requires: async () => {
        await options.contract?.require(step, target, gated, signal);
        if (stage.isRollback) await options.snapshots?.prove(step, gated, signal);
      },
    });
    for (const node of gated) await record({ type: 'step.done', step: stepId(id, node) });
  };

  return {
    before: async (name, change) => {
      const step = change.kind === 'create' ? 'create' : stepId(id, name);
      if (change.kind !== 'create') {
        await options.awaitTurn(signal);
        gates.throwIfGuardFailed();
        await record({ type: 'step.started', step });
        if (change.kind === 'replace' && !stage.mayHalt) {
          // The whole batch will be away before its gate; it is refused before the first of it is touched.
          await gates.checkBudget(target, name, [...ungated, ...restOfBatch(name)], step, signal);
        }
      }
      if (stage.mayHalt) gates.beginHalt();
      gates.beginChange([name]);
      if (change.kind === 'replace') {
        if (stage.data === 'snapshot') await options.snapshots?.take(step, name, signal);
        if (stage.data === 'restore') await options.snapshots?.putBack(step, name, signal);
        if (signal.aborted) throw abortedError(signal);
      }
      await begin(step, name, change);
    },
    after: async (name, change) => {
      const step = stepId(id, name);
      // A node is gated again without having been touched when no PASS is on record for it.
      if (touched.has(name)) await end(step, name, change);
      if (change.kind === 'remove') return;
      ungated.push(name);
      if (restOfBatch(name).length > 0) return;
      const coming = order.filter((other) => !touched.has(other));
      const { broken, hasQuorum } = await gates.brokenAmong(coming, state.changed, target, signal);
      if (broken.length > 0 && !hasQuorum) {
        const text = `the gate of ${name} waits: without ${broken.join(', ')} there is no quorum`;
        await record({ type: 'note', level: 'info', text });
        return;
      }
      await gateTogether(name);
    },
    afterCreated: async (names) => {
      const step = 'create';
      await Promise.all(names.map((name) => end(step, name, { node: name, kind: 'create' })));
      await gates.awaitFirstScrapes(names, signal);
      const actionAtMs = Math.min(...names.map((name) => state.touchedAtMs.get(name) ?? Infinity));
      await gates.gate(step, names, target, { actionAtMs, signal });
      await record({ type: 'step.done', step });
    },
    /** For after the roll: nodes that waited for others which then needed nothing. */
    gateRest: async () => {
      const last = ungated.at(-1);
      if (last !== undefined) await gateTogether(last);
    },
    isProven: async (name) => {
      // What a fault keeps from its work cannot pass now; it is gated when the fault is healed.
      if (state.impaired.has(name)) return true;
      const node = nodeOf(name);
      const { identity } = node ? await lab.observe(node) : {};
      return identity !== undefined && (await hasPassed(target.stateDir, name, identity));
    },
  };
}

/** Writes down what the nodes are to run, for whoever comes next. */
export async function keepDesired(stateDir: string, specHash: string, { versions, flags }: Wanted): Promise<void> {
  await writeDesired(stateDir, { specHash, versions, ...(flags && { flags }) });
}

function versionsIn({ nodes }: Topology): Record<string, string> {
  return Object.fromEntries(nodes.map(({ name, release }) => [name, release.version]));
}
