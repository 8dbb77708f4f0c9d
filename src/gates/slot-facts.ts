import { canonicalJson } from '../core/canonical.ts';
import type { QuorumRule } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';
import type { BlockComparison, NodeReading, SlotReading } from './readings.ts';

/** The network as far as checks on all nodes need it. Plain data: part of the evidence. */
export interface NetworkFacts {
  testnet: string;
  nodes: { name: string; votingPower: number }[];
  quorum: QuorumRule;
  availability: 'keep' | 'halt-allowed';
}

/** How many nodes hold the same thing at one height. */
interface BlockVotes {
  comparison: BlockComparison;
  keyByNode: Map<string, string>;
  votes: Map<string, number>;
}

/** What the whole network looks like in one slot; worked out once and used by the checks of every node. */
export interface SlotFacts {
  reading: SlotReading;
  network: NetworkFacts;
  leftOut: ReadonlySet<string>;
  /** Nodes in a change of their own, this one not counted. */
  leftOutBeside(node: string): number;
  /** Highest height of the other nodes that are not left out. */
  highestBeside(node: string): number | undefined;
  blocks: readonly BlockVotes[];
}

export function slotFacts(reading: SlotReading, network: NetworkFacts): SlotFacts {
  const leftOut = new Set(reading.leftOut);
  let highest: { node: string; height: number } | undefined;
  let second: number | undefined;
  for (const [node, seen] of Object.entries(reading.nodes)) {
    const height = heightOf(seen);
    if (height === undefined || leftOut.has(node)) continue;
    if (!highest || height > highest.height) {
      second = highest?.height;
      highest = { node, height };
    } else if (second === undefined || height > second) {
      second = height;
    }
  }
  return {
    reading,
    network,
    leftOut,
    leftOutBeside: (node) => leftOut.size - (leftOut.has(node) ? 1 : 0),
    highestBeside: (node) => (highest?.node === node ? second : highest?.height),
    blocks: (reading.blocks ?? []).map((comparison) => blockVotes(comparison, leftOut)),
  };
}

export function heightOf(reading: NodeReading | undefined): number | undefined {
  return reading?.status.ok ? reading.status.value.height : undefined;
}

/** Highest height of any node in the reading. */
export function highestOf(reading: SlotReading): number | undefined {
  const heights = Object.values(reading.nodes)
    .map(heightOf)
    .filter((height) => height !== undefined);
  return heights.length > 0 ? Math.max(...heights) : undefined;
}

function blockVotes(comparison: BlockComparison, leftOut: ReadonlySet<string>): BlockVotes {
  const keyByNode = new Map<string, string>();
  const votes = new Map<string, number>();
  for (const [node, answer] of Object.entries(comparison.nodes)) {
    if (!answer.ok || leftOut.has(node)) continue;
    const key = canonicalJson(answer.value.hashes);
    keyByNode.set(node, key);
    votes.set(key, (votes.get(key) ?? 0) + 1);
  }
  return { comparison, keyByNode, votes };
}

/** The part of a topology that checks on all nodes need. */
export function networkFacts({ testnet, nodes, quorum, availability }: Topology): NetworkFacts {
  return { testnet, nodes: nodes.map(({ name, votingPower }) => ({ name, votingPower })), quorum, availability };
}
