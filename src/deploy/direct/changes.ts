import { LabError, RefusedError } from '../../core/errors.ts';
import type { NodeChange } from '../../engine/deployer.ts';
import type { NodeObservation } from '../../lab/lab.ts';
import type { Topology } from '../../topology/topology.ts';

/** What a node of the topology, or one that only the lab knows, needs. `keep` touches nothing. */
export interface NodeTask {
  node: string;
  kind: NodeChange['kind'] | 'keep';
  /** Changing it costs nothing: it does no work now. */
  isDown: boolean;
}

/** Compares what is with what is wanted. `leftover` are observations of nodes that the topology does not name. */
export function tasksFor(
  topology: Topology,
  observed: ReadonlyMap<string, NodeObservation>,
  leftover: readonly NodeObservation[],
): NodeTask[] {
  const wanted = topology.nodes.map((node): NodeTask => {
    const observation = observed.get(node.name);
    if (!observation) throw new LabError(`${node.name} was not observed`, { details: { node: node.name } });
    const { state, identity, detail } = observation;
    if (state === 'foreign') {
      throw new LabError(detail ?? `something that Seatrial did not make holds the name ${node.name}`, {
        details: { node: node.name },
      });
    }
    if (state === 'absent') return { node: node.name, kind: 'create', isDown: true };
    if (state !== 'running') return { node: node.name, kind: 'replace', isDown: true };
    return { node: node.name, kind: identity?.generation === node.generation ? 'keep' : 'replace', isDown: false };
  });
  const superfluous = leftover
    .filter(({ state }) => state !== 'absent')
    .map(({ node, state }): NodeTask => ({ node, kind: 'remove', isDown: state !== 'running' }));
  return [...wanted, ...superfluous];
}

export function changesIn(tasks: readonly NodeTask[]): NodeChange[] {
  return tasks.flatMap(({ node, kind }) => (kind === 'keep' ? [] : [{ node, kind }]));
}

/**
 * The order in which existing nodes are dealt with: those that are down, then running ones that only want their gate and were not
 * given a place (they are gated before a healthy one is touched), then `order`, then the rest as the topology has them.
 */
export function inOrder(tasks: readonly NodeTask[], order: readonly string[]): NodeTask[] {
  const place = (task: NodeTask): number => {
    const position = order.indexOf(task.node);
    return position < 0 ? order.length : position;
  };
  const group = (task: NodeTask): number =>
    task.isDown ? 0 : task.kind === 'keep' && !order.includes(task.node) ? 1 : 2;
  return tasks
    .filter(({ kind }) => kind === 'replace' || kind === 'keep')
    .toSorted((a, b) => group(a) - group(b) || place(a) - place(b));
}

/** Refuses the stage unless the changes are exactly the expected ones. */
export function requireExpected(changes: readonly NodeChange[], expected: readonly NodeChange[]): void {
  const found = new Map(changes.map(({ node, kind }) => [node, kind]));
  const planned = new Map(expected.map(({ node, kind }) => [node, kind]));
  const differences = [...new Set([...planned.keys(), ...found.keys()])].flatMap((node) => {
    const is = found.get(node);
    const should = planned.get(node);
    if (is === should) return [];
    return [`${node}: ${should ? `planned ${should}` : 'no change planned'}, needs ${is ?? 'no change'}`];
  });
  if (differences.length === 0) return;
  throw new RefusedError(
    'drift',
    `the testnet is not as planned, nothing was touched (${differences.join('; ')}). Plan again.`,
    { details: { differences, expected, found: changes } },
  );
}
