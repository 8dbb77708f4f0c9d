import { RefusedError } from '../core/errors.ts';
import type { PartitionTopology } from './catalogue.ts';
import type { QuorumFacts } from './compiled-fault.ts';
import { components, flowSet, neighbourhoods, quorumFacts, type CutFlow } from './reachability.ts';
import type { PartitionRequest } from './topologies.ts';

/** What each topology is named for; what is computed of the cut links must show it. */
export const namedProperties: Readonly<Record<PartitionTopology, string>> = {
  isolate: 'each target reaches no other node, and the rest, two nodes or one, still reach each other',
  halves: 'two sides, and none of them keeps a quorum',
  majority: 'two sides, of which exactly one keeps a quorum, and the other has voting power',
  alone: 'no node reaches any other',
  groups: 'as many groups that do not reach each other as were named',
  bridge: 'two sides that reach each other through the bridge alone',
  'majorities-ring': 'every node sees a quorum on its own links, no node sees all, and no two see the same',
  chain: 'every node reaches those beside it and no other, and the ends have one neighbour',
  link: 'two nodes do not reach each other, and all nodes still do through others',
  'one-way': 'data gets from one node to the other and not back, and everything else is whole',
  deaf: 'the targets hear no node and are heard by some',
  mute: 'the targets are heard by no node and hear some',
  clients: 'nodes reach each other, and clients are cut off',
  monitoring: 'nodes reach each other, and monitoring is cut off',
};

/** Refuses a partition whose links, as computed, are not what its name says; the message has the numbers. */
export function requireNamedProperty(request: PartitionRequest, cuts: readonly CutFlow[]): void {
  const { topology, nodes, rule } = request;
  const names = nodes.map(({ name }) => name);
  const facts = quorumFacts({ nodes, cuts, rule });
  if (topology === 'majority' && facts.neededPower === 0) {
    throw new RefusedError(
      'unsupported',
      'a partition of topology majority needs a system with a quorum; this one has none',
    );
  }
  if (isAsNamed(request, cuts, names, facts)) return;
  const hint = hints[topology];
  throw new RefusedError(
    'unsupported',
    `a partition of topology ${topology} means: ${namedProperties[topology]}; here it would be: ${shown(facts)}${hint ? `; ${hint}` : ''}`,
    { details: { topology, nodeCount: names.length, totalPower: facts.totalPower, neededPower: facts.neededPower } },
  );
}

const hints: Partial<Record<PartitionTopology, string>> = {
  halves: 'topology majority cuts the network so that one side goes on',
  link: 'topology isolate cuts a node off',
  deaf: 'topology alone cuts all nodes from each other',
  mute: 'topology alone cuts all nodes from each other',
};

function isAsNamed(
  { topology, targets, rule, groups = '' }: PartitionRequest,
  cuts: readonly CutFlow[],
  names: readonly string[],
  facts: QuorumFacts,
): boolean {
  const sides = facts.groups;
  const near = neighbourhoods(names, cuts);
  const cut = flowSet(cuts);
  const others = names.filter((name) => !targets.includes(name));
  const isWhole = names.every((name) => near.get(name)?.size === names.length);
  const keeping = sides.filter(({ keepsQuorum }) => keepsQuorum).length;
  switch (topology) {
    case 'isolate':
      return (
        others.length > 0 &&
        targets.every((name) => near.get(name)?.size === 1) &&
        others.every((name) => near.get(name)?.size === others.length)
      );
    case 'halves':
      return sides.length === 2 && (rule === 'none' || facts.neededPower === 0 || keeping === 0);
    case 'majority':
      return sides.length === 2 && keeping === 1 && sides.every(({ power }) => power > 0);
    case 'alone':
      return names.length > 1 && names.every((name) => near.get(name)?.size === 1);
    case 'groups':
      return sides.length === groups.split('|').length;
    case 'bridge': {
      const without = names.filter((name) => name !== targets[0]);
      return sides.length === 1 && components(neighbourhoods(without, cuts)).length === 2;
    }
    case 'majorities-ring': {
      const seen = new Set([...near.values()].map((set) => [...set].join('\n')));
      return (
        facts.seeQuorum.length === names.length &&
        seen.size === names.length &&
        [...near.values()].every((set) => set.size < names.length)
      );
    }
    case 'chain': {
      const sizes = [...near.values()].map((set) => set.size - 1);
      const ends = sizes.filter((size) => size === 1).length;
      return names.length > 2 && sides.length === 1 && ends === 2 && sizes.every((size) => size === 1 || size === 2);
    }
    case 'link':
      return sides.length === 1 && targets.every((name) => near.get(name)?.size === names.length - 1);
    case 'one-way':
      return facts.oneWayPairs.length === 1;
    case 'deaf':
      return isOneSided(
        (name, peer) => cut.has(peer, name),
        (name, peer) => !cut.has(name, peer),
      );
    case 'mute':
      return isOneSided(
        (name, peer) => cut.has(name, peer),
        (name, peer) => !cut.has(peer, name),
      );
    case 'clients':
    case 'monitoring':
      return isWhole && names.length > 0 && cuts.length > 0;
  }

  /** Towards every peer the one way is cut; towards some the other is open. */
  function isOneSided(
    isCut: (name: string, peer: string) => boolean,
    isOpen: (name: string, peer: string) => boolean,
  ): boolean {
    return targets.every((name) => {
      const peers = names.filter((peer) => peer !== name);
      return peers.every((peer) => isCut(name, peer)) && peers.some((peer) => isOpen(name, peer));
    });
  }
}

/** Groups with their power, as in "a, b (2 of 4, keeps the quorum) | c (1 of 4)". */
function shown(facts: QuorumFacts): string {
  const { totalPower, neededPower, rule, nodeCount } = facts;
  const groups = facts.groups.map(({ nodes, power, keepsQuorum }) => {
    const keeps = neededPower > 0 && keepsQuorum ? ', keeps the quorum' : '';
    return `${nodes.join(', ')} (${power} of ${totalPower}${keeps})`;
  });
  const needed =
    neededPower > 0 ? `${neededPower} of ${totalPower} voting power is needed, ${rule}` : 'no quorum is needed';
  return `${groups.join(' | ')}; ${nodeCount} nodes, ${needed}`;
}
