import { LabError } from '../../../core/errors.ts';
import { didYouMean } from '../../../core/nearest.ts';
import type { FaultState } from '../../faults.ts';
import { CLIENTS, type LinkProxy } from '../links/link-proxy.ts';
import type { PathCounters } from '../links/path.ts';
import type { ActionOf, FaultKind, KindLease } from './fault-kind.ts';

type LinkLease = KindLease<ActionOf<'cut' | 'shape'>>;
type Counted = Record<string, number>;

/** Cuts and shapes are rules of the proxy. They end with it, so nothing has to be kept for the undoing. */
export const linkFault: FaultKind<ActionOf<'cut' | 'shape'>> = {
  check: async ({ node, action }, { proxy }) => {
    const known = [CLIENTS, ...proxy.nodes.map(({ name }) => name).filter((name) => name !== node.name)];
    for (const { peer } of action.rules) {
      if (known.includes(peer)) continue;
      const why =
        peer === 'monitoring'
          ? 'nothing of the monitoring runs on the process lab'
          : `it has no link with ${peer}${didYouMean(peer, known)}`;
      throw new LabError(`${action.kind} cannot be armed on ${node.name}: ${why}`, {
        details: { node: node.name, peer },
      });
    }
  },
  inject: async (lease, { proxy }, keep) => {
    await keep({ before: countedBy(lease, proxy) });
    proxy.rules.set(lease.id, lease.node.name, lease.action);
    proxy.apply();
  },
  inspect: async (lease, { proxy }) => {
    const before = (lease.memo['before'] ?? {}) as Counted;
    const effect: FaultState['effect'] = Object.fromEntries(
      Object.entries(countedBy(lease, proxy)).map(([name, count]) => [name, count - (before[name] ?? 0)]),
    );
    return { state: 'injected', effect };
  },
  undo: async ({ id }, { proxy }) => {
    if (proxy.rules.delete(id)) proxy.apply();
  },
};

/** What the paths that the rules are about have counted, nodes' bytes apart from the lab's own probes. */
function countedBy({ node, action }: LinkLease, proxy: LinkProxy): Counted {
  const names: (keyof PathCounters)[] =
    action.kind === 'cut' ? ['heldBytes', 'heldConnections', 'refusedConnections'] : ['shapedBytes', 'losses'];
  const pairs = new Set<string>();
  if (action.kind === 'cut') {
    // A connection that is refused counts for who dialled, whichever way is cut.
    for (const { peer } of action.rules) pairs.add(`${peer} ${node.name}`).add(`${node.name} ${peer}`);
  } else {
    for (const { peer } of action.rules) pairs.add(`${node.name} ${peer}`);
  }
  const sum = (name: keyof PathCounters, isProbe: boolean): number =>
    [...pairs].reduce((total, pair) => {
      const [from = '', to = ''] = pair.split(' ');
      return total + proxy.path(from, to, isProbe).counters[name];
    }, 0);
  return Object.fromEntries(
    names.flatMap((name) => [
      [name, sum(name, false)],
      [`probe${name.charAt(0).toUpperCase()}${name.slice(1)}`, sum(name, true)],
    ]),
  );
}
