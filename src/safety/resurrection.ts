import { positionsOf } from './node-chain.ts';
import type { ChainReadings } from './node-chain.ts';
import { concluded, short, unreadOf } from './safety-result.ts';
import type { SafetyCheck, SafetyFinding } from './safety-result.ts';
import type { WriteRecord } from './write-record.ts';

/**
 * Nothing comes back that its client was told is not there: a write that was rejected, or one that an earlier look at all nodes had
 * declared lost (`gone`: ids).
 */
export function checkResurrection(
  { chains }: ChainReadings,
  writes: Iterable<WriteRecord>,
  gone: ReadonlySet<string> = new Set(),
): SafetyCheck {
  const rejected = [...writes].filter(({ outcome }) => outcome === 'rejected');
  const refusals = new Map(rejected.flatMap(({ id, node }) => (id === undefined ? [] : [[id, node] as const])));
  const dead = new Set([...refusals.keys(), ...gone]);
  const standing = new Map<string, { height: number; nodes: string[] }>();
  for (const chain of chains) {
    for (const [id, [first]] of positionsOf(chain, dead)) {
      const known = standing.get(id) ?? { height: first?.height ?? 0, nodes: [] };
      known.nodes.push(chain.node);
      standing.set(id, known);
    }
  }
  const culprits = [...standing].map(([id, { height, nodes }]): SafetyFinding => {
    const why = gone.has(id) ? 'was lost' : `was refused by ${refusals.get(id) ?? 'a node'}`;
    const detail = `transaction ${short(id)} ${why} and yet stands at height ${height} on ${nodes.join(', ')}`;
    return { transaction: id, height, nodes, detail };
  });
  // With nothing to come back nothing can, whatever was not read.
  const unknowns = dead.size === 0 ? [] : unreadOf(chains);
  const nameless = rejected.filter(({ id }) => id === undefined).length;
  if (nameless > 0) unknowns.push({ detail: `${nameless} writes were refused without an id to look for` });
  return concluded('resurrection', {
    examined: dead.size,
    what: 'writes that must not be there',
    culprits,
    unknowns,
    mayBeEmpty: true,
  });
}
