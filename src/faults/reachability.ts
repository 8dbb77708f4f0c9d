import { quorumThreshold } from '../gates/quorum-budget.ts';
import type { NetworkEnd } from '../lab/faults.ts';
import type { QuorumRule } from '../spec/profile.ts';
import type { QuorumFacts, QuorumGroup } from './compiled-fault.ts';

/** Data that does not get from one end to another. */
export interface CutFlow {
  from: NetworkEnd;
  to: NetworkEnd;
}

export interface WeighedNode {
  name: string;
  power: number;
}

interface ReachabilityRequest {
  /** All nodes of the testnet. */
  nodes: readonly WeighedNode[];
  cuts: readonly CutFlow[];
  rule: QuorumRule;
  /** Nodes that do no work: down, or taken by the fault. */
  out?: ReadonlySet<string>;
}

/** Nodes that each node reaches in both directions on its own links, itself counted. */
export function neighbourhoods(names: readonly string[], cuts: readonly CutFlow[]): Map<string, Set<string>> {
  const cut = flowSet(cuts);
  return new Map(
    names.map((name) => [
      name,
      new Set(names.filter((peer) => peer === name || (!cut.has(name, peer) && !cut.has(peer, name)))),
    ]),
  );
}

/** Sets of nodes that reach each other in both directions, directly or through others of the set. */
export function components(neighbours: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const left = new Set(neighbours.keys());
  const found: string[][] = [];
  for (const first of neighbours.keys()) {
    if (!left.delete(first)) continue;
    const group = [first];
    for (const name of group) {
      for (const peer of neighbours.get(name) ?? []) if (left.delete(peer)) group.push(peer);
    }
    found.push(group);
  }
  return found;
}

/** What is left of the system when this data does not get through and these nodes do no work. Pure. */
export function quorumFacts({ nodes, cuts, rule, out = new Set() }: ReachabilityRequest): QuorumFacts {
  const powers = new Map(nodes.map(({ name, power }) => [name, power]));
  const order = new Map(nodes.map(({ name }, index) => [name, index]));
  const powerOf = (names: Iterable<string>): number => {
    let sum = 0;
    for (const name of names) sum += powers.get(name) ?? 0;
    return sum;
  };
  const totalPower = powerOf(powers.keys());
  const neededPower = quorumThreshold(rule, totalPower);
  const keepsQuorum = (names: Iterable<string>): boolean => powerOf(names) >= neededPower;

  const working = nodes.map(({ name }) => name).filter((name) => !out.has(name));
  const neighbours = neighbourhoods(working, cuts);
  const groups = components(neighbours)
    .map((group): QuorumGroup => {
      const sorted = group.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
      return { nodes: sorted, power: powerOf(sorted), keepsQuorum: keepsQuorum(sorted) };
    })
    .sort((a, b) => b.power - a.power || b.nodes.length - a.nodes.length);
  const seeQuorum = working.filter((name) => keepsQuorum(neighbours.get(name) ?? []));
  const cut = flowSet(cuts);
  const oneWayPairs = working.flatMap((from) =>
    working
      .filter((to) => to !== from && !cut.has(from, to) && cut.has(to, from))
      .map((to): [string, string] => [from, to]),
  );
  return {
    rule,
    nodeCount: nodes.length,
    totalPower,
    neededPower,
    groups,
    oneWayPairs,
    seeQuorum,
    outcome:
      neededPower === 0 || keepsQuorum(seeQuorum)
        ? 'goes-on'
        : groups.some((group) => group.keepsQuorum)
          ? 'may-halt'
          : 'halts',
  };
}

/** Flows, to be asked for by their ends. */
export function flowSet(flows: readonly CutFlow[]): { has(from: NetworkEnd, to: NetworkEnd): boolean } {
  const targets = new Map<NetworkEnd, Set<NetworkEnd>>();
  for (const { from, to } of flows) {
    const known = targets.get(from);
    if (known) known.add(to);
    else targets.set(from, new Set([to]));
  }
  return { has: (from, to) => targets.get(from)?.has(to) ?? false };
}
