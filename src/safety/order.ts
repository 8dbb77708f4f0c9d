import { positionsOf } from './node-chain.ts';
import type { ChainReadings, Position } from './node-chain.ts';
import { concluded, short } from './safety-result.ts';
import type { SafetyCheck, SafetyFinding } from './safety-result.ts';
import type { WriteRecord } from './write-record.ts';

/** A write whose time and place are both known. */
interface Placed {
  write: WriteRecord & { id: string };
  sentMs: number;
  answeredMs: number;
  /** The index is 0 where only the height is known, from the acknowledgement. */
  position: Position;
}

/**
 * What a client sent after it had the answer to an earlier write stands at no lower height than that one, and, of the same key, behind it.
 * Writes that were under way at the same time may stand in any order.
 */
export function checkOrder(readings: ChainReadings, writes: Iterable<WriteRecord>): SafetyCheck {
  const acknowledged = [...writes].filter(({ outcome }) => outcome === 'acknowledged');
  const placed = place(readings, acknowledged);
  const culprits: SafetyFinding[] = [];
  let examined = 0;
  const look = (
    group: readonly Placed[],
    isBefore: (later: Placed, earlier: Placed) => boolean,
    rule: string,
  ): void => {
    for (const { earlier, later } of consecutive(group)) {
      examined++;
      if (isBefore(later, earlier)) culprits.push(backwards(earlier, later, rule));
    }
  };
  for (const group of groupsBy(placed, ({ write }) => write.client ?? '').values()) {
    look(group, (later, earlier) => later.position.height < earlier.position.height, 'height');
    const keyed = group.filter(({ write }) => write.key !== undefined);
    for (const sameKey of groupsBy(keyed, ({ write }) => write.key ?? '').values()) {
      look(sameKey, (later, earlier) => sameHeightBefore(later.position, earlier.position), 'place in the block');
    }
  }
  const unplaced = acknowledged.length - placed.length;
  const unknowns = unplaced > 0 ? [{ detail: `${unplaced} acknowledged writes have no known time or place` }] : [];
  return concluded('order', { examined, what: 'pairs of writes', culprits, unknowns });
}

function place({ chains }: ChainReadings, writes: readonly WriteRecord[]): Placed[] {
  const ids = new Set(writes.flatMap(({ id }) => id ?? []));
  const positions = new Map<string, Position>();
  // That all nodes hold the same is for another check to say: one place is enough here.
  for (const chain of chains) {
    for (const [id, [first]] of positionsOf(chain, ids)) if (first && !positions.has(id)) positions.set(id, first);
  }
  return writes.flatMap((write) => {
    const { id, height, sentMs, answeredMs } = write;
    if (id === undefined || sentMs === undefined || answeredMs === undefined) return [];
    const position = positions.get(id) ?? (height === undefined ? undefined : { height, index: 0 });
    return position ? [{ write: { ...write, id }, sentMs, answeredMs, position }] : [];
  });
}

/**
 * For each write the one that stands highest of all that were answered before it was sent: if it is not before that one, it is before none
 * of them.
 */
function* consecutive(group: readonly Placed[]): Generator<{ earlier: Placed; later: Placed }> {
  const bySent = [...group].sort((a, b) => a.sentMs - b.sentMs);
  const byAnswered = [...group].sort((a, b) => a.answeredMs - b.answeredMs);
  let next = 0;
  let highest: Placed | undefined;
  for (const later of bySent) {
    for (let one = byAnswered[next]; one && one.answeredMs < later.sentMs; one = byAnswered[++next]) {
      if (!highest || compare(one.position, highest.position) > 0) highest = one;
    }
    if (highest) yield { earlier: highest, later };
  }
}

const compare = (a: Position, b: Position): number => a.height - b.height || a.index - b.index;
const sameHeightBefore = (a: Position, b: Position): boolean => a.height === b.height && a.index < b.index;

function groupsBy(placed: readonly Placed[], keyOf: (one: Placed) => string): Map<string, Placed[]> {
  const groups = new Map<string, Placed[]>();
  for (const one of placed) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return groups;
}

function backwards({ write: first, position: at }: Placed, later: Placed, rule: string): SafetyFinding {
  const { write, position } = later;
  const key = rule === 'height' || write.key === undefined ? '' : ` of key ${write.key}`;
  const place = ({ height, index }: Position): string =>
    rule === 'height' ? `height ${height}` : `height ${height}, place ${index}`;
  return {
    transaction: write.id,
    height: position.height,
    detail:
      `transaction ${short(write.id)}${key} at ${place(position)} was sent after ${short(first.id)} ` +
      `at ${place(at)} had been acknowledged`,
  };
}
