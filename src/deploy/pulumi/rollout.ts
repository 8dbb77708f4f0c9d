import type { Member } from '../../components/member.ts';
import { registered } from '../../components/registered.ts';
import type { Testnet } from '../../components/testnet.ts';
import { abortedError } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/wait.ts';
import type { RollHooks } from '../../engine/deployer.ts';
import type { NodeObservation } from '../../lab/lab.ts';
import type { ContainerDefinition } from '../../topology/container-definition.ts';
import type { Topology, TopologyNode } from '../../topology/topology.ts';
import { creations } from '../creations.ts';
import { inOrder, type NodeTask, taskFor } from './tasks.ts';

/** Nodes that are observed at once. */
const CONCURRENCY = 8;

/** What a rollout needs besides the resources that it releases. */
export interface RolloutInputs {
  topology: Topology;
  hooks: RollHooks;
  /** Order in which running nodes are replaced. Names not in it follow in topology order. */
  order: readonly string[];
  /** The only nodes that may be touched or gated; undefined: all. */
  only?: readonly string[] | undefined;
  /** See `Stage`. */
  createsInOrder?: boolean | undefined;
  /** What really runs under a node's name. */
  observe(node: TopologyNode): Promise<NodeObservation>;
  /** Fills the `secrets` volume of a container from its `secretFiles`. The volume exists; the container may not. Idempotent. */
  placeSecrets(container: ContainerDefinition): Promise<void>;
  /** Nodes that run though the topology no longer names them; Pulumi removes them at the end. */
  removed?: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Releases the nodes of a testnet: the absent ones together with one gate (or, as the stage wants, in its order), then one existing node after the other, each gated
 * before the next is touched. Rejects with the hook's own error; nodes that were not released by then stay as they are.
 */
export async function rollOut(testnet: Testnet, inputs: RolloutInputs): Promise<void> {
  const { topology, hooks, order, only, removed = [] } = inputs;
  requireGoing(inputs);
  const services = settled(Promise.all(testnet.services.map((service) => releaseWithSecrets(service, inputs))));
  const tasks = await mapConcurrent(topology.nodes, CONCURRENCY, async (node) => {
    const observation = await inputs.observe(node);
    const isProven = observation.state === 'running' && (await hooks.isProven(node.name));
    const task = taskFor(node, observation, isProven);
    return only && !only.includes(node.name) && task.kind !== 'create'
      ? { ...task, kind: 'keep' as const, isProven: true, isDown: false }
      : task;
  });
  const member = ({ node }: NodeTask): Member => memberNamed(testnet, node);

  const absent = tasks.filter(({ kind }) => kind === 'create');
  for (const together of creations(absent, ({ node }) => node, inputs)) {
    for (const { node } of together) {
      requireGoing(inputs);
      await hooks.before(node, { node, kind: 'create' });
    }
    requireGoing(inputs);
    await Promise.all(together.map((task) => releaseWithSecrets(member(task), inputs)));
    await services();
    for (const { node } of together) await requirePresent(inputs, node);
    requireGoing(inputs);
    await hooks.afterCreated(together.map(({ node }) => node));
  }

  for (const task of inOrder(tasks, order)) {
    requireGoing(inputs);
    const change = { node: task.node, kind: 'replace' } as const;
    if (task.kind === 'replace') {
      await hooks.before(task.node, change);
      requireGoing(inputs);
    }
    const id = await (task.kind === 'keep' ? release : releaseWithSecrets)(member(task), inputs);
    // A container that is not the one observed was replaced all the same, for a change that its generation does not tell.
    // One that is down and none of the stage's was not seen to run, and is not gated.
    const isSame = task.containerId === undefined || id === task.containerId;
    if (task.kind === 'keep' && task.isProven && isSame) continue;
    await services();
    requireGoing(inputs);
    await hooks.after(task.node, change);
  }
  await services();
  for (const node of removed) {
    requireGoing(inputs);
    await hooks.before(node, { node, kind: 'remove' });
  }
  requireGoing(inputs);
}

/** As `release`, after the secrets were put into their volume. */
async function releaseWithSecrets(member: Member, inputs: RolloutInputs): Promise<string> {
  if (member.definition.secretFiles.length > 0) {
    await untilAborted(member.volumesExist(), inputs);
    await inputs.placeSecrets(member.definition);
    requireGoing(inputs);
  }
  return release(member, inputs);
}

/** Resolves to the container's id when it is as defined, made anew where it was not. */
async function release(member: Member, inputs: RolloutInputs): Promise<string> {
  return untilAborted(registered(member.release().id), inputs);
}

/** What the engine has begun it finishes, waited for or not. */
async function untilAborted<T>(work: Promise<T>, { signal }: RolloutInputs): Promise<T> {
  if (!signal) return work;
  const done = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(abortedError(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    done.abort();
  }
}

async function requirePresent({ topology, observe }: RolloutInputs, name: string): Promise<void> {
  const node = topology.nodes.find((candidate) => candidate.name === name);
  if (node && (await observe(node)).state !== 'absent') return;
  throw new LabError(
    `the container of ${name} was removed behind Pulumi's back: its state says that it exists. Run pulumi refresh, then try again`,
    { details: { node: name } },
  );
}

function memberNamed(testnet: Testnet, node: string): Member {
  const member = testnet.nodes.get(node);
  if (!member) throw new LabError(`${node} is not in the testnet's program`, { details: { node } });
  return member;
}

/** Lets a failure wait until it is asked for, instead of becoming an unhandled rejection. */
function settled<T>(promise: Promise<T>): () => Promise<T> {
  promise.catch(() => undefined);
  return () => promise;
}

function requireGoing({ signal }: RolloutInputs): void {
  if (signal?.aborted) throw abortedError(signal);
}
