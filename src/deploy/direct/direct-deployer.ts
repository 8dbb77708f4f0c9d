import { abortedError, type Clock } from '../../core/clock.ts';
import { AbortedError, CleanupError, LabError, messageOf } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/wait.ts';
import type { Deployer, NodeChange, RollHooks, Stage } from '../../engine/deployer.ts';
import { creations } from '../creations.ts';
import type { LaunchingLab, NodeObservation } from '../../lab/lab.ts';
import { bareNode } from '../../topology/bare-node.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import { changesIn, inOrder, requireExpected, tasksFor, type NodeTask } from './changes.ts';

/** Nodes that are made, observed or removed at once. */
const CONCURRENCY = 8;

interface DirectDeployerOptions {
  lab: LaunchingLab;
  clock: Clock;
}

/**
 * A deployer for labs that launch nodes by themselves.
 *
 * `roll` calls `before` for every change and, for a node that was replaced or that runs as wanted without a PASS on record, `after`
 * (with kind `replace` in both cases). Created nodes get `before` one by one, are launched together and gated by one `afterCreated`.
 * A removed node gets `before` only. An abort between `before` and the stop touches nothing; later it lets the launch end first.
 */
export function createDirectDeployer({ lab, clock }: DirectDeployerOptions): Deployer {
  return {
    preview: async (topology, signal) => changesIn(await survey(lab, topology, signal)),
    roll: (stage, hooks, signal) => roll(lab, clock, stage, hooks, signal),
    destroy: (topology, signal) => destroy(lab, topology, signal),
  };
}

async function survey(lab: LaunchingLab, topology: Topology, signal: AbortSignal | undefined): Promise<NodeTask[]> {
  requireGoing(signal);
  const observe = (node: TopologyNode): Promise<NodeObservation> => lab.observe(node, { signal });
  const known = new Set(topology.nodes.map(({ name }) => name));
  const leftoverNames = (await lab.list()).filter((name) => !known.has(name));
  const [observed, leftover] = await Promise.all([
    mapConcurrent(topology.nodes, CONCURRENCY, observe),
    mapConcurrent(leftoverNames.map(bareNode), CONCURRENCY, observe),
  ]);
  return tasksFor(topology, new Map(observed.map((observation) => [observation.node, observation])), leftover);
}

async function roll(
  lab: LaunchingLab,
  clock: Clock,
  stage: Stage,
  hooks: RollHooks,
  signal: AbortSignal | undefined,
): Promise<void> {
  const found = await survey(lab, stage.topology, signal);
  const tasks = found.filter(({ node }) => stage.only?.includes(node) ?? true);
  if (stage.expected) requireExpected(changesIn(tasks), stage.expected);
  const absent = tasks.filter(({ kind }) => kind === 'create').map(({ node }) => nodeNamed(stage.topology, node));
  for (const together of creations(absent, ({ name }) => name, stage)) await create(lab, together, hooks, signal);
  for (const task of inOrder(tasks, stage.order)) {
    requireGoing(signal);
    const change: NodeChange = { node: task.node, kind: 'replace' };
    if (task.kind === 'replace') {
      await hooks.before(task.node, change);
      requireGoing(signal);
      await replace(lab, clock, nodeNamed(stage.topology, task.node), signal);
    } else if (await hooks.isProven(task.node)) {
      continue;
    }
    await hooks.after(task.node, change);
  }
  for (const { node } of tasks.filter(({ kind }) => kind === 'remove')) {
    requireGoing(signal);
    await hooks.before(node, { node, kind: 'remove' });
    requireGoing(signal);
    await lab.stop(bareNode(node));
    await lab.remove(bareNode(node));
  }
}

async function create(
  lab: LaunchingLab,
  absent: readonly TopologyNode[],
  hooks: RollHooks,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { name } of absent) {
    requireGoing(signal);
    await hooks.before(name, { node: name, kind: 'create' });
  }
  for (const startOrder of [...new Set(absent.map((node) => node.startOrder))].sort((a, b) => a - b)) {
    requireGoing(signal);
    const together = absent.filter((node) => node.startOrder === startOrder);
    await mapConcurrent(together, CONCURRENCY, (node) => lab.launch(node, { signal }));
  }
  requireGoing(signal);
  await hooks.afterCreated(absent.map(({ name }) => name));
}

/** Once the stop has begun the launch follows, aborted or not: a node is left running its new definition, never half replaced. */
async function replace(
  lab: LaunchingLab,
  clock: Clock,
  node: TopologyNode,
  signal: AbortSignal | undefined,
): Promise<void> {
  const startMs = clock.monotonicMs();
  await lab.stop(node);
  try {
    await lab.launch(node);
  } catch (cause) {
    throw new LabError(`${node.name} was stopped but its replacement could not be launched: ${messageOf(cause)}`, {
      details: { node: node.name, generation: node.generation },
      cause,
    });
  }
  if (!signal?.aborted) return;
  const elapsedMs = Math.round(clock.monotonicMs() - startMs);
  throw new AbortedError(
    `cancelled: the replacement of ${node.name} was finished (${elapsedMs} ms), its gate did not run`,
    {
      details: { node: node.name, generation: node.generation, elapsedMs },
      cause: signal.reason,
    },
  );
}

async function destroy(lab: LaunchingLab, topology: Topology, signal: AbortSignal | undefined): Promise<void> {
  requireGoing(signal);
  const known = new Map(topology.nodes.map((node) => [node.name, node]));
  await healAll(lab, known, signal);
  const names = await lab.list();
  const failures: { node: string; error: unknown }[] = [];
  await mapConcurrent(names, Math.max(CONCURRENCY, names.length), async (name) => {
    const node = known.get(name) ?? bareNode(name);
    try {
      await lab.stop(node, { signal });
      await lab.remove(node, { signal });
    } catch (error) {
      failures.push({ node: name, error });
    }
  });
  requireGoing(signal);
  if (failures.length === 0) return;
  const list = failures.map(({ node, error }) => `${node}: ${messageOf(error)}`);
  throw new CleanupError(
    `${failures.length} of ${names.length} nodes of ${topology.testnet} could not be removed (${list.join('; ')})`,
    {
      details: { testnet: topology.testnet, nodes: failures.map(({ node }) => node) },
      cause: failures[0]?.error,
    },
  );
}

/** A dead-man that starts a node again must not do so while it is removed. What cannot be undone ends with its node. */
async function healAll(
  lab: LaunchingLab,
  known: ReadonlyMap<string, TopologyNode>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { faults } = lab;
  if (!faults) return;
  const live = await faults.list({ signal });
  await Promise.allSettled(live.map(({ node, id }) => faults.heal(known.get(node) ?? bareNode(node), id, { signal })));
}

function nodeNamed(topology: Topology, name: string): TopologyNode {
  const node = topology.nodes.find((candidate) => candidate.name === name);
  if (!node) throw new LabError(`${name} is not in the topology of ${topology.testnet}`, { details: { node: name } });
  return node;
}

function requireGoing(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}
