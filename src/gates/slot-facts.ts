import { canonicalJson } from '../core/canonical.ts';
import type { QuorumRule } from '../spec/profile.ts';
import { targetsByNode } from '../topology/monitoring/prometheus.ts';
import type { Topology } from '../topology/topology.ts';
import type { BlockComparison, NodeReading, SlotReading } from './readings.ts';

/** The network as far as checks on all nodes need it. Plain data: part of the evidence. */
export interface NetworkFacts {
  testnet: string;
  /** `target`: the address under which Prometheus is to scrape the node, where that is known. */
  nodes: { name: string; votingPower: number; target?: string }[];
  /** What can be seen of a node depends on it. Default `process`. */
  lab?: Topology['lab'];
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
  /** What Prometheus scrapes under this testnet's name and the testnet does not have. */
  foreignTargets: readonly string[];
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
    foreignTargets: foreignTargets(reading, network),
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

function foreignTargets({ prometheus }: SlotReading, { nodes }: NetworkFacts): string[] {
  if (!prometheus) return [];
  const own = new Set(nodes.map(({ name }) => name));
  return Object.entries(prometheus.targets).flatMap(([name, { up }]) =>
    up === undefined || own.has(name) ? [] : name,
  );
}

/** The part of a topology that checks on all nodes need. */
export function networkFacts({ testnet, nodes, lab, quorum, availability, monitoring }: Topology): NetworkFacts {
  const targets = monitoring ? targetsByNode(monitoring.targets) : new Map<string, string>();
  const facts = nodes.map(({ name, votingPower }) => {
    const target = targets.get(name);
    return { name, votingPower, ...(target === undefined ? {} : { target }) };
  });
  return { testnet, nodes: facts, lab, quorum, availability };
}
