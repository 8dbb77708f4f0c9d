import { LabError } from '../../core/errors.ts';
import type { NodeObservation } from '../../lab/lab.ts';
import type { TopologyNode } from '../../topology/topology.ts';

/** What a node needs. `keep` touches nothing, though its gate may be due. */
export interface NodeTask {
  node: string;
  kind: 'create' | 'replace' | 'keep';
  /** It does no work now, so changing it costs nothing. */
  isDown: boolean;
  /** A PASS is on record for exactly what runs now. */
  isProven: boolean;
  /** The container that was seen; undefined when none runs. */
  containerId: string | undefined;
}

/** Compares what is with what is wanted. Throws LabError when the name is held by something that is not ours. */
export function taskFor(node: TopologyNode, observation: NodeObservation, isProven: boolean): NodeTask {
  const { state, identity, detail } = observation;
  const { name } = node;
  if (state === 'foreign') {
    throw new LabError(detail ?? `something that Seatrial did not make holds the name ${name}`, {
      details: { node: name },
    });
  }
  const isDown = state !== 'running';
  const containerId = identity?.containerId;
  if (state === 'absent') return { node: name, kind: 'create', isDown, isProven, containerId };
  const kind = !isDown && identity?.generation === node.generation ? 'keep' : 'replace';
  return { node: name, kind, isDown, isProven, containerId };
}

/**
 * The order in which existing nodes are dealt with: those that are down, then running ones that were never proven and are to be
 * replaced (a broken release is mended before a healthy node goes down beside it), then those whose gate is due, then the rest;
 * within each group as `order` says, then as given.
 */
export function inOrder(tasks: readonly NodeTask[], order: readonly string[]): NodeTask[] {
  const place = ({ node }: NodeTask): number => {
    const position = order.indexOf(node);
    return position < 0 ? order.length : position;
  };
  const group = ({ isDown, isProven, kind }: NodeTask): number => {
    if (isDown) return 0;
    if (isProven) return 3;
    return kind === 'replace' ? 1 : 2;
  };
  return tasks.filter(({ kind }) => kind !== 'create').toSorted((a, b) => group(a) - group(b) || place(a) - place(b));
}
