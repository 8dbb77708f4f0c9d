import { positionsOf } from './node-chain.ts';
import type { ChainReadings, NodeChain, Position } from './node-chain.ts';
import { concluded, short } from './safety-result.ts';
import type { SafetyCheck, SafetyFinding } from './safety-result.ts';
import type { WriteRecord } from './write-record.ts';

type Acknowledged = WriteRecord & { id: string };

/** What one node shows of one write; a text is the reason why nothing can be said. */
type Look = 'there' | 'missing' | 'behind' | { elsewhere: number } | { unknown: string };

/** Every acknowledged write stands where it was said to stand, on every node that claims the height. */
export function checkDurability(readings: ChainReadings, writes: Iterable<WriteRecord>): SafetyCheck {
  const acknowledged = [...writes].filter(({ outcome }) => outcome === 'acknowledged');
  const named = acknowledged.filter((write): write is Acknowledged => write.id !== undefined);
  const ids = new Set(named.map(({ id }) => id));
  const places = readings.chains.map((chain) => ({ chain, positions: positionsOf(chain, ids) }));
  const culprits: SafetyFinding[] = [];
  const unknowns: SafetyFinding[] = [];
  const misplaced: string[] = [];
  const nameless = acknowledged.length - named.length;
  if (nameless > 0) unknowns.push({ detail: `${nameless} writes were acknowledged without an id to look for` });

  for (const write of named) {
    const looks = places.map(({ chain, positions }) => ({
      node: chain.node,
      look: lookFor(write, chain, positions.get(write.id) ?? [], readings),
    }));
    const found = judged(write, looks);
    culprits.push(...found.culprits);
    unknowns.push(...found.unknowns);
    const isAway = looks.some(({ look }) => look === 'missing' || look === 'behind');
    if (found.culprits.length > 0 && !isAway) misplaced.push(write.id);
  }
  const outcome = { examined: named.length, what: 'acknowledged writes', culprits, unknowns };
  return { ...concluded('durability', outcome), misplaced };
}

function lookFor(write: Acknowledged, chain: NodeChain, at: readonly Position[], { from, to }: ChainReadings): Look {
  const { height } = write;
  if (height !== undefined && at.some((position) => position.height === height)) return 'there';
  if (height === undefined && at.length > 0) return 'there';
  if (chain.height === undefined) return { unknown: chain.gaps[0]?.reason ?? 'it could not be asked' };
  if (height !== undefined && (height < from || height > to))
    return { unknown: `height ${height} is outside of what was read (${from} to ${to})` };
  if (height !== undefined && chain.height < height) return 'behind';
  const isRead = (one: number): boolean => chain.blocks.get(one)?.transactions !== undefined;
  // That it is not where it was said to be is known as soon as this one block is; anywhere else it could still hide in a gap.
  const moved = at[0];
  if (height !== undefined && isRead(height)) return moved ? { elsewhere: moved.height } : 'missing';
  const hidden = chain.gaps.find((gap) => height === undefined || (gap.from <= height && height <= gap.to));
  if (hidden) return { unknown: `heights ${hidden.from} to ${hidden.to} were not read: ${hidden.reason}` };
  if (height !== undefined || !isRead(from))
    return { unknown: 'the system does not tell which transactions a block holds' };
  return chain.height < to ? 'behind' : 'missing';
}

function judged(
  write: Acknowledged,
  looks: readonly { node: string; look: Look }[],
): { culprits: SafetyFinding[]; unknowns: SafetyFinding[] } {
  const where = write.height === undefined ? '' : ` at height ${write.height}`;
  const said = `transaction ${short(write.id)}, acknowledged by ${write.node}${where}`;
  const about = { transaction: write.id, ...(write.height !== undefined && { height: write.height }) };
  const nodesWith = (wanted: Look): string[] => looks.filter(({ look }) => look === wanted).map(({ node }) => node);
  const culprits: SafetyFinding[] = [];
  const missing = nodesWith('missing');
  const behind = nodesWith('behind');
  const nowhere = looks.every(({ look }) => look === 'missing' || look === 'behind') ? ', and on no other' : '';
  if (missing.length > 0) {
    const detail = `${said}, is missing on ${missing.join(', ')}${nowhere}`;
    culprits.push({ ...about, nodes: missing, detail });
  }
  // Whoever acknowledged it had the block. When everybody was asked and nobody has it, it is gone, not late.
  if (missing.length === 0 && behind.length === looks.length && looks.length > 0) {
    culprits.push({ ...about, nodes: behind, detail: `${said}, is gone: no node holds this height any more` });
    return { culprits, unknowns: [] };
  }
  for (const { node, look } of looks) {
    if (typeof look !== 'object' || !('elsewhere' in look)) continue;
    const detail = `${said}, stands at height ${look.elsewhere} on ${node} instead`;
    culprits.push({ ...about, nodes: [node], detail });
  }
  const unknowns = looks.flatMap(({ node, look }) => {
    if (look === 'behind') return [{ ...about, nodes: [node], detail: `${said}: ${node} has not this height yet` }];
    if (typeof look === 'object' && 'unknown' in look)
      return [{ ...about, nodes: [node], detail: `${said}, could not be looked for on ${node}: ${look.unknown}` }];
    return [];
  });
  return { culprits, unknowns };
}
