import { RefusedError, UsageError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { QuorumRule } from '../spec/profile.ts';
import type { PartitionTopology } from './catalogue.ts';
import { quorumThreshold } from '../gates/quorum-budget.ts';
import { namesIn } from './parameter-values.ts';
import { dealFollowers, heaviestWithin, votersAndFollowers } from './power-split.ts';
import type { CutFlow, WeighedNode } from './reachability.ts';

export interface PartitionRequest {
  topology: PartitionTopology;
  nodes: readonly WeighedNode[];
  /** Names of nodes, each once. */
  targets: readonly string[];
  rule: QuorumRule;
  /** As typed; of `groups` only. */
  groups?: string | undefined;
  /** Ends that are cut off as well; of `isolate` only. */
  also?: readonly string[] | undefined;
}

/** The data that a partition of this name does not let through. Whether that is what the name says, `requireNamedProperty` finds out. */
export function cutFlows(request: PartitionRequest): CutFlow[] {
  const { topology, targets, also } = request;
  const names = request.nodes.map(({ name }) => name);
  const others = names.filter((name) => !targets.includes(name));
  const expect = (count: number, what: string): void => {
    if (targets.length === count) return;
    const given = targets.length === 0 ? 'none is given' : `${targets.join(', ')} is given`;
    throw new UsageError(`a partition of topology ${topology} needs ${what}, and ${given}`);
  };
  const expectSome = (): void => {
    if (targets.length === 0) throw new UsageError(`a partition of topology ${topology} needs nodes to be aimed at`);
  };
  if (also !== undefined && topology !== 'isolate') {
    throw new UsageError(`a partition of topology ${topology} takes no parameter "also"; topology isolate does`);
  }
  if ((request.groups !== undefined) !== (topology === 'groups')) {
    throw new UsageError(
      topology === 'groups'
        ? 'a partition of topology groups needs groups=…, as in groups=2|2|1 or groups=a,b|c,d'
        : `a partition of topology ${topology} takes no parameter "groups"; topology groups does`,
    );
  }

  switch (topology) {
    case 'isolate':
      expectSome();
      return between(
        [...targets.map((name) => [name]), others],
        also?.map((end) => [end, targets] as const),
      );
    case 'halves':
      expect(0, 'no nodes: it takes all');
      return between(halvesOf(request.nodes));
    case 'majority':
      return between(majoritySides(request));
    case 'alone':
      expect(0, 'no nodes: it takes all');
      return between(names.map((name) => [name]));
    case 'groups':
      expect(0, 'no nodes: they stand in its groups');
      return between(groupsOf(request));
    case 'bridge':
      expect(1, 'one node, the bridge');
      return between(halvesOf(request.nodes.filter(({ name }) => name !== targets[0])));
    case 'majorities-ring':
      expect(0, 'no nodes: it takes all');
      return ringFlows(request);
    case 'chain': {
      if (targets.length > 0) expect(names.length, 'no nodes, or all of them in their order');
      const order = targets.length > 0 ? targets : names;
      return pairsOf(order, (a, b) => Math.abs(order.indexOf(a) - order.indexOf(b)) > 1);
    }
    case 'link':
      expect(2, 'two nodes');
      return between(targets.map((name) => [name]));
    case 'one-way': {
      expect(2, 'two nodes: who is not heard, and by whom');
      const [from, to] = targets as [string, string];
      return [{ from, to }];
    }
    case 'deaf':
      expectSome();
      return pairsOf(names, (_from, to) => targets.includes(to));
    case 'mute':
      expectSome();
      return pairsOf(names, (from) => targets.includes(from));
    case 'clients':
    case 'monitoring':
      return between([], [[topology, targets.length > 0 ? targets : names]]);
  }
}

/** Both directions between nodes of different sides, and between an end and its nodes. */
function between(
  sides: readonly (readonly string[])[],
  ends: readonly (readonly [end: string, nodes: readonly string[]])[] = [],
): CutFlow[] {
  const flows: CutFlow[] = [];
  for (const side of sides) {
    for (const from of side) {
      for (const other of sides) if (other !== side) flows.push(...other.map((to) => ({ from, to })));
    }
  }
  for (const [end, nodes] of ends) {
    for (const node of nodes) flows.push({ from: end, to: node }, { from: node, to: end });
  }
  return flows;
}

function pairsOf(names: readonly string[], isCut: (from: string, to: string) => boolean): CutFlow[] {
  return names.flatMap((from) => names.filter((to) => to !== from && isCut(from, to)).map((to) => ({ from, to })));
}

/** Two sides as equal in voting power as can be. */
function halvesOf(nodes: readonly WeighedNode[]): string[][] {
  const { voters, followers } = votersAndFollowers(nodes);
  const total = voters.reduce((sum, { power }) => sum + power, 0);
  return twoSides(voters, heaviestWithin(voters, total / 2), followers);
}

function twoSides(
  voters: readonly WeighedNode[],
  lighter: readonly WeighedNode[],
  followers: readonly WeighedNode[],
): string[][] {
  const rest = voters.filter((voter) => !lighter.includes(voter));
  return dealFollowers([names(rest), names(lighter)], followers);
}

/** One side that keeps the quorum, against the targets, or the heaviest minority that leaves one. */
function majoritySides({ nodes, targets, rule }: PartitionRequest): string[][] {
  if (targets.length > 0) return [names(nodes).filter((name) => !targets.includes(name)), [...targets]];
  const { voters, followers } = votersAndFollowers(nodes);
  const total = voters.reduce((sum, { power }) => sum + power, 0);
  const spare = total - quorumThreshold(rule, total);
  return twoSides(voters, heaviestWithin(voters, Math.min(spare, total / 2)), followers);
}

function groupsOf({ nodes, groups = '' }: PartitionRequest): string[][] {
  const parts = groups.split('|').map((part) => part.trim());
  if (parts.every((part) => /^\d+$/.test(part))) {
    const { voters, followers } = votersAndFollowers(nodes);
    const sizes = parts.map(Number);
    const sum = sizes.reduce((total, size) => total + size, 0);
    if (sum !== voters.length || sizes.includes(0)) {
      throw new UsageError(
        `groups=${groups} does not fit: its sizes are above 0 and add up to ${sum}, and the testnet has ${voters.length} voters`,
      );
    }
    let next = 0;
    const sides = sizes.map((size) => names(voters.slice(next, (next += size))));
    return dealFollowers(sides, followers);
  }
  const sides = parts.map((part) => namesIn(part, 'a group'));
  const known = names(nodes);
  const all = sides.flat();
  for (const name of all) {
    if (!known.includes(name)) throw new UsageError(`groups names ${name}, which is no node${didYouMean(name, known)}`);
    if (all.filter((one) => one === name).length > 1) throw new UsageError(`groups names ${name} twice`);
  }
  const missing = known.filter((name) => !all.includes(name));
  if (missing.length > 0) throw new UsageError(`groups leaves out ${missing.join(', ')}: each node is in one group`);
  return sides;
}

/**
 * Nodes in a circle, each cut from those that are farthest: it keeps as few neighbours to either side as leave every node a quorum among
 * them.
 */
function ringFlows({ nodes, rule }: PartitionRequest): CutFlow[] {
  const count = nodes.length;
  const total = nodes.reduce((sum, { power }) => sum + power, 0);
  const needed = quorumThreshold(rule, total);
  const distance = (a: number, b: number): number => Math.min(Math.abs(a - b), count - Math.abs(a - b));
  const sees = (index: number, reach: number): number =>
    nodes.reduce((sum, { power }, other) => (distance(index, other) <= reach ? sum + power : sum), 0);
  const order = names(nodes);
  for (let reach = 1; 2 * reach + 1 < count; reach++) {
    if (!nodes.every((_node, index) => sees(index, reach) >= needed)) continue;
    return pairsOf(order, (a, b) => distance(order.indexOf(a), order.indexOf(b)) > reach);
  }
  throw new RefusedError(
    'unsupported',
    `a ring of majorities is degenerate here: of ${count} nodes with ${total} voting power every node must see ${needed} (${rule}) on its own ` +
      'links, and yet no node all others; no ring does that',
    { details: { topology: 'majorities-ring', nodeCount: count, totalPower: total, neededPower: needed } },
  );
}

function names(nodes: readonly WeighedNode[]): string[] {
  return nodes.map(({ name }) => name);
}
