import type { CompiledFault } from '../../faults/compiled-fault.ts';
import type { FaultActionKind } from '../../lab/faults.ts';
import type { HoldExpectations } from '../../journal/fault-records.ts';
import { impairedNodes } from './planned-fault.ts';

/** Of what these do to a node's work only the node itself knows the measure. */
const gradual: readonly FaultActionKind[] = ['shape', 'dns', 'disk-full', 'clock', 'cpu', 'memory', 'config'];

/**
 * What must hold while these faults act, as far as it follows from who reaches whom: a node that sees a quorum goes on, one that does not
 * stands still. Of nodes that are down, or slowed, nothing can be demanded, nor of those to which a quorum's blocks come through others.
 */
export function computedExpectations(faults: readonly CompiledFault[], nodes: readonly string[]): HoldExpectations {
  const actions = faults.flatMap(({ leases }) => leases.map(({ action }) => action));
  const isVague =
    faults.some(
      ({ flapMs, quorum }) => flapMs !== undefined || quorum.outcome === 'may-halt' || quorum.neededPower === 0,
    ) || actions.some((action) => gradual.includes(action.kind) || (action.kind === 'cut' && isPartial(action)));
  if (isVague || faults.length === 0) return { agree: true };
  const impaired = new Set(faults.flatMap((fault) => impairedNodes(fault, nodes)));
  const dead = new Set(faults.flatMap((fault) => takenDown(fault)));
  const doesHalt = faults.some(({ quorum }) => quorum.outcome === 'halts');
  const goOn = doesHalt ? [] : nodes.filter((node) => !impaired.has(node));
  const relayed = new Set(faults.flatMap(relayedNodes));
  const standStill = nodes.filter(
    (node) => !dead.has(node) && (doesHalt || (impaired.has(node) && !relayed.has(node))),
  );
  return { ...(goOn.length > 0 && { goOn }), ...(standStill.length > 0 && { standStill }), agree: true };
}

/** Cuts of single ports leave open what else the nodes talk through. */
function isPartial({ rules }: { rules: readonly { ports?: readonly string[] }[] }): boolean {
  return rules.some(({ ports }) => ports !== undefined);
}

/** Nodes that see no quorum, but somebody who does. */
function relayedNodes({ quorum: { groups, seeQuorum } }: CompiledFault): string[] {
  return groups.flatMap(({ nodes, keepsQuorum }) =>
    keepsQuorum ? nodes.filter((node) => !seeQuorum.includes(node)) : [],
  );
}

/** Nodes that cannot be asked while it acts. */
function takenDown({ leases }: CompiledFault): string[] {
  return leases.filter(({ action }) => action.kind === 'pause' || action.kind === 'down').map(({ node }) => node.name);
}
