import type { ChainBlock, ChainReadings, NodeChain } from '../../../src/safety/node-chain.ts';
import type { WriteRecord } from '../../../src/safety/write-record.ts';

/** Block `height` as every node holds it: two transactions, `<height>a` and `<height>b`. */
export function blockAt(height: number): ChainBlock {
  return { hashes: { block: `hash-${height}`, app: `app-${height}` }, transactions: [`${height}a`, `${height}b`] };
}

/** One node with heights 1 to `height`, some of them replaced. */
export function chainOf(node: string, height: number, other: Record<number, ChainBlock> = {}): NodeChain {
  const blocks = new Map<number, ChainBlock>();
  for (let at = 1; at <= height; at++) blocks.set(at, other[at] ?? blockAt(at));
  return { node, height, blocks, gaps: [] };
}

/** Four nodes over ten heights; some nodes replaced. */
export function readingsOf(other: Partial<Record<'a' | 'b' | 'c' | 'd', NodeChain>> = {}): ChainReadings {
  const nodes = ['a', 'b', 'c', 'd'] as const;
  return { from: 1, to: 10, chains: nodes.map((node) => other[node] ?? chainOf(node, 10)) };
}

/** A node that did not answer at all. */
export function silent(node: string): NodeChain {
  return { node, blocks: new Map(), gaps: [{ from: 1, to: 10, reason: 'ECONNREFUSED' }] };
}

/** A node of which some heights are not known. */
export function withGap(chain: NodeChain, from: number, to: number, reason = 'no answer'): NodeChain {
  const blocks = new Map([...chain.blocks].filter(([height]) => height < from || height > to));
  return { ...chain, blocks, gaps: [...chain.gaps, { from, to, reason }] };
}

/** The first transaction of every height, acknowledged one after the other. */
export function writesOf(heights = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]): WriteRecord[] {
  return heights.map((height) => ({
    id: `${height}a`,
    node: 'a',
    outcome: 'acknowledged',
    height,
    key: 'k',
    sentMs: height * 100,
    answeredMs: height * 100 + 50,
  }));
}
