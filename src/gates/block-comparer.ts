import type { BlockEvidence, SystemProfile } from '../spec/profile.ts';
import type { Answer, BlockComparison } from './readings.ts';

export interface BlockQuestion {
  /** Heights as the nodes claim them. */
  heights: ReadonlyMap<string, number>;
  /** Nodes that are judged; the others are asked only to compare with. */
  focus: ReadonlySet<string>;
  ask: (node: string, height: number) => Promise<Answer<BlockEvidence | undefined>>;
}

/** A node further behind than this gets a comparison of its own, at its own height. */
const togetherWithin = 8;
/** Comparisons in one slot, so that a slot stays a handful of requests a node. */
const maxComparisons = 3;

/**
 * Compares, at the highest height that a judged node shares with another, what the nodes hold. Every slot asks anew, because a
 * node that restarted may hold something else; only nodes that have the height are asked.
 */
export function createBlockComparer(profile: SystemProfile): (question: BlockQuestion) => Promise<BlockComparison[]> {
  return async ({ heights, focus, ask }) => {
    if (!profile.blockAt || focus.size === 0) return [];
    const wanted = comparedHeights(heights, focus);
    return Promise.all(
      wanted.map(async (height) => {
        const askable = [...heights].filter(([, own]) => own >= height).map(([node]) => node);
        const answers = await Promise.all(askable.map(async (node) => [node, await ask(node, height)] as const));
        const nodes: Record<string, Answer<BlockEvidence>> = {};
        for (const [node, answer] of answers) {
          if (!answer.ok) nodes[node] = answer;
          // Who signed is not compared, and differs from node to node: it would only make the evidence large.
          else if (answer.value)
            nodes[node] = { ok: true, value: { height: answer.value.height, hashes: answer.value.hashes } };
        }
        return { height, nodes };
      }),
    );
  };
}

/** The heights to compare at, lowest first. Judged nodes that are close together share the lowest of their heights. */
export function comparedHeights(heights: ReadonlyMap<string, number>, focus: ReadonlySet<string>): number[] {
  let highest = 0;
  let secondHighest = 0;
  for (const height of heights.values()) {
    if (height > highest) [highest, secondHighest] = [height, highest];
    else if (height > secondHighest) secondHighest = height;
  }
  const shared: number[] = [];
  for (const node of focus) {
    const own = heights.get(node);
    if (own === undefined) continue;
    // The highest node of all shares the second highest one's height; with two equally high both figures are the same.
    const common = Math.min(own, own === highest ? secondHighest : highest);
    if (common >= 1) shared.push(common);
  }
  shared.sort((a, b) => a - b);
  const compared: number[] = [];
  for (const height of shared) {
    const group = compared.at(-1);
    if (group === undefined || height > group + togetherWithin) compared.push(height);
  }
  // The newest say most; a node left out here is asked once it has come closer.
  return compared.slice(-maxComparisons);
}
