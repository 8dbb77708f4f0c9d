import type { BlockEvidence } from '../spec/profile.ts';

/** What one node holds at one height. */
export interface ChainBlock {
  /** Absent where the system does not tell. */
  hashes?: BlockEvidence['hashes'];
  commit?: BlockEvidence['commit'];
  /** Ids in their order in the block; absent where the system does not tell. */
  transactions?: readonly string[];
}

/** Heights of which it is not known what the node holds, both ends included. */
export interface ChainGap {
  from: number;
  to: number;
  reason: string;
}

/** What was read of one node's chain. */
export interface NodeChain {
  node: string;
  /** The height that the node itself claimed; absent when it could not be asked. */
  height?: number;
  blocks: ReadonlyMap<number, ChainBlock>;
  gaps: readonly ChainGap[];
}

/** All nodes over the same heights, both ends included. */
export interface ChainReadings {
  from: number;
  to: number;
  chains: readonly NodeChain[];
}

/** Where a transaction stands on a node. */
export interface Position {
  height: number;
  /** Place inside the block. */
  index: number;
}

/** Every place of these transactions on a node, lowest first. */
export function positionsOf(chain: NodeChain, ids: ReadonlySet<string>): Map<string, Position[]> {
  const positions = new Map<string, Position[]>();
  const heights = [...chain.blocks.keys()].sort((a, b) => a - b);
  for (const height of heights) {
    for (const [index, id] of (chain.blocks.get(height)?.transactions ?? []).entries()) {
      if (!ids.has(id)) continue;
      const known = positions.get(id);
      if (known) known.push({ height, index });
      else positions.set(id, [{ height, index }]);
    }
  }
  return positions;
}

/** Joins heights that follow each other; the first one's reason stands for all. */
export function joinGaps(gaps: readonly ChainGap[]): ChainGap[] {
  const joined: ChainGap[] = [];
  for (const gap of [...gaps].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && gap.from <= last.to + 1) last.to = Math.max(last.to, gap.to);
    else joined.push({ ...gap });
  }
  return joined;
}
