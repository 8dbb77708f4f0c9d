import { positionsOf } from './node-chain.ts';
import type { ChainReadings } from './node-chain.ts';
import { concluded, short, unreadOf } from './safety-result.ts';
import type { SafetyCheck, SafetyFinding } from './safety-result.ts';
import type { WriteRecord } from './write-record.ts';

/** No write stands twice on a node, whatever its client was told of it. */
export function checkDuplication({ chains }: ChainReadings, writes: Iterable<WriteRecord>): SafetyCheck {
  const ids = new Set([...writes].flatMap(({ id }) => id ?? []));
  const culprits = new Map<string, SafetyFinding & { nodes: string[] }>();
  for (const chain of chains) {
    for (const [id, positions] of positionsOf(chain, ids)) {
      const [first, second] = positions;
      if (!first || !second) continue;
      const heights = positions.map(({ height }) => height).join(', ');
      const place = `${id} ${heights}`;
      const known = culprits.get(place);
      if (known) known.nodes.push(chain.node);
      else culprits.set(place, { transaction: id, height: second.height, nodes: [chain.node], detail: heights });
    }
  }
  const found = [...culprits.values()].map((one) => ({
    ...one,
    detail: `transaction ${short(one.transaction ?? '')} stands at heights ${one.detail} on ${one.nodes.join(', ')}`,
  }));
  const isSilent = chains.some(({ blocks }) => [...blocks.values()].some(({ transactions }) => !transactions));
  const silent = isSilent ? [{ detail: 'the system does not tell which transactions a block holds' }] : [];
  return concluded('duplication', {
    examined: ids.size,
    what: 'writes',
    culprits: found,
    unknowns: [...unreadOf(chains), ...silent],
  });
}
