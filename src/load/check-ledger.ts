import type { Clock } from '../core/clock.ts';
import { AbortedError } from '../core/errors.ts';
import { judgeSafety, type SafetyReport } from '../safety/judge-safety.ts';
import { checkDurability } from '../safety/durability.ts';
import type { ChainReadings } from '../safety/node-chain.ts';
import { readChains, type ReadChainsOptions } from '../safety/read-chains.ts';
import { unreadOf, type SafetyCheckName } from '../safety/safety-result.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { writesOf } from './ledger-writes.ts';

/** Long histories take long to read; what was not read by then was not looked for. In ms. */
const readTimeoutMs = 600_000;
/** The same for whoever has ended the run, and waits. */
const endedTimeoutMs = 10_000;

/** What the ledger knows and the chains deny, each by its transaction's id; `src/safety` says what each of them means. */
export interface LedgerCheck {
  /** Acknowledged, and missing on at least one node. */
  lost: readonly string[];
  /** Acknowledged by the smaller side of a partition on a system that undoes such writes, and missing: as it says it would. */
  rolledBack: readonly string[];
  /** Acknowledged for one height, and found at another one. */
  misplaced: readonly string[];
  /** In more than one place of a node's chain. */
  duplicated: readonly string[];
  /** Refused for good, and there all the same. */
  resurrected: readonly string[];
  /** Behind a write that was sent only after this one had been acknowledged. */
  reordered: readonly string[];
  /** Acknowledged by the smaller side of a partition though the system says that it acknowledges none there. */
  acceptedByMinority: readonly string[];
  /** Heights at which nodes hold different blocks. */
  disagreements: number;
  /** Acknowledged transactions that could not be looked for. */
  unchecked: number;
  /** Why something could not be looked for. */
  reason?: string;
  /** What was found, with its examples. Absent where nothing was read. */
  safety?: SafetyReport;
}

interface CheckOptions {
  profile: Pick<SystemProfile, 'transactionsAt' | 'blockAt' | 'probe' | 'minorityWrites'>;
  clients: ReadonlyMap<string, ProbeClient>;
  ledger: Pick<Ledger, 'entries'>;
  /** Whether the smaller side of a partition answered a write while it was shown to be one. Default: none did. */
  isMinority?: ((entry: LedgerEntry) => boolean) | undefined;
  clock: Clock;
  signal?: AbortSignal | undefined;
}

/** Reads every block that may hold an acknowledged transaction, on every node, and compares them with the ledger and with each other. */
export async function checkLedger(options: CheckOptions): Promise<LedgerCheck> {
  const { profile, ledger, isMinority = () => false } = options;
  const acknowledged = ledger.entries.filter(({ outcome }) => outcome === 'acknowledged');
  const minority = acknowledged.filter(isMinority);
  const heights = acknowledged.flatMap(({ height }) => height ?? []);
  const all = new Set(acknowledged.map(({ id }) => id)).size;
  const withoutHeight = all - new Set(acknowledged.flatMap(({ id, height }) => (height === undefined ? [] : id))).size;
  const nothing = { lost: [], rolledBack: [], misplaced: [], duplicated: [], resurrected: [], reordered: [] };
  const acceptedByMinority = profile.minorityWrites === 'rolled-back' ? [] : idsOf(minority);
  const unread = { ...nothing, acceptedByMinority, disagreements: 0 };
  if (all === 0) return { ...unread, unchecked: 0 };
  if (!profile.transactionsAt || heights.length === 0) {
    return { ...unread, unchecked: all, reason: 'the system does not tell which transactions a block holds' };
  }
  const from = heights.reduce((a, b) => Math.min(a, b));
  const atLeast = heights.reduce((a, b) => Math.max(a, b));
  const readings = await read({ ...options, from, atLeast, timeoutMs: readTimeoutMs });
  const mayGo = new Set(profile.minorityWrites === 'rolled-back' ? minority : []);
  // What may be undone, and what nobody can look for, promises nothing; it must still not be there twice.
  const promised = ledger.entries.map((entry): LedgerEntry => {
    const isOpen = entry.outcome === 'acknowledged' && (entry.height === undefined || mayGo.has(entry));
    return isOpen ? { ...entry, outcome: 'unknown' } : entry;
  });
  const safety = judgeSafety(readings, { writes: writesOf(promised) });
  const check = (name: SafetyCheckName): SafetyReport['checks'][number] | undefined =>
    safety.checks.find((one) => one.name === name);
  const {
    transactions: displaced = [],
    unknownTransactions = [],
    misplaced = [],
    unknowns,
  } = check('durability') ?? {};
  const [away, elsewhere] = [new Set(displaced), new Set(misplaced)];
  const open = unknownTransactions.filter((id) => !away.has(id));
  return {
    lost: displaced.filter((id) => !elsewhere.has(id)),
    rolledBack: checkDurability(readings, writesOf(mayGo)).transactions,
    misplaced,
    duplicated: check('duplication')?.transactions ?? [],
    resurrected: check('resurrection')?.transactions ?? [],
    reordered: check('order')?.transactions ?? [],
    acceptedByMinority,
    disagreements: check('agreement')?.culpritCount ?? 0,
    unchecked: open.length + withoutHeight,
    ...(open.length + withoutHeight > 0 && { reason: reasonOf(readings, unknowns?.[0]?.detail, open, withoutHeight) }),
    safety,
  };
}

function idsOf(entries: readonly LedgerEntry[]): string[] {
  return [...new Set(entries.flatMap(({ id }) => id ?? []))];
}

/** Who ends a run still learns what can be read without waiting for anybody. */
async function read({ signal, ...options }: ReadChainsOptions): Promise<ChainReadings> {
  try {
    if (!signal?.aborted) return await readChains({ ...options, signal });
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error;
  }
  return readChains({ ...options, catchUpMs: 0, timeoutMs: endedTimeoutMs });
}

function reasonOf(
  { chains }: ChainReadings,
  example: string | undefined,
  open: readonly string[],
  withoutHeight: number,
): string {
  const unread = unreadOf(chains).map(({ detail }) => detail);
  return [
    ...(open.length === 0 ? [] : unread.length > 0 ? unread : [example ?? 'no reason']),
    ...(withoutHeight > 0 ? [`${withoutHeight} were acknowledged without a height`] : []),
  ].join('; ');
}
