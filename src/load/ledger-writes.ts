import type { LedgerEntry } from './ledger.ts';
import type { WriteRecord } from '../safety/write-record.ts';

/**
 * What the ledger of a run tells the checks. A write that was never answered is unknown. Entries are in the order in which they were sent, so
 * a time that goes back means another process on a clock that was set: its times are not compared with those before.
 */
export function writesOf(entries: Iterable<LedgerEntry>): WriteRecord[] {
  let clock = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  return [...entries].map(({ node, outcome = 'unknown', id, height, key, sentAtMs, answeredAtMs }) => {
    if (sentAtMs < lastMs) clock++;
    lastMs = sentAtMs;
    return {
      node,
      outcome,
      client: `clock ${clock}`,
      sentMs: sentAtMs,
      ...(id !== undefined && { id }),
      ...(height !== undefined && { height }),
      ...(key !== undefined && { key }),
      ...(answeredAtMs !== undefined && { answeredMs: answeredAtMs }),
    };
  });
}
