import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Clock } from '../core/clock.ts';
import { completeLines } from '../core/complete-lines.ts';
import type { SubmitResult } from '../spec/profile.ts';
import { createGroupCommit } from './group-commit.ts';

/** One write: that it was about to be sent was on the disk before it was. Without an outcome nobody knows what became of it. */
export interface LedgerEntry {
  /** Unique in the run, over all its processes. */
  sequence: number;
  node: string;
  /** Wall times, ms, of this machine; in one process they do not jump. */
  sentAtMs: number;
  answeredAtMs?: number;
  outcome?: SubmitResult['outcome'];
  id?: string;
  /** Where it was acknowledged. */
  height?: number;
  /** What it writes to, where the system has such a thing. */
  key?: string;
}

/** What became of the load on one node since it was last asked. */
export interface NodeTally {
  acknowledged: number;
  errors: number;
}

/** The first `sizeBytes` of ledger.jsonl. */
export interface LedgerSeal {
  sha256: string;
  sizeBytes: number;
}

/** Writes and their outcomes, kept outside the cluster: in memory for the verdict, on disk as evidence. */
export interface Ledger {
  /** Notes down that a write is about to go to each of these nodes; they may be sent when it resolves. Returns their sequence numbers. */
  intend(nodes: readonly string[]): Promise<number[]>;
  /** What a write was answered with, as soon as it was. */
  record(sequence: number, result: SubmitResult, latencyMs: number): void;
  readonly counts: Readonly<{ sent: number; acknowledged: number; rejected: number; unknown: number }>;
  /** Writes that were due since the ledger was opened and went to nobody, because no node was there to take them. In no file, and in no count. */
  readonly unserved: number;
  noteUnserved(): void;
  /** In the order of their sequence. Empty where transactions are only counted. */
  readonly entries: readonly LedgerEntry[];
  /** Latencies of acknowledged transactions in ms, unsorted. */
  readonly latenciesMs: readonly number[];
  /** Times that the disk was waited for. */
  readonly commits: number;
  /** The time that entries are stamped with. */
  nowMs(): number;
  /** Counts of one node since the call before. */
  takeTally(node: string): NodeTally;
  /** Makes what was recorded so far durable and says what the file holds up to there, so that evidence can vouch for it. */
  seal(): Promise<LedgerSeal>;
  close(): Promise<void>;
}

interface OutcomeLine {
  sequence: number;
  atMs?: number;
  node: string;
  latencyMs: number;
}

/** As they stand in the file: `{"intent":7,…}` before a write is sent, `{"sequence":7,"outcome":…}` when it was answered. */
type LedgerLine = { intent: number; node: string; atMs: number } | (OutcomeLine & SubmitResult);

/**
 * Opens the ledger file. A run that goes on adds to what it has written before; a line that a crash has torn says nothing, and an intent
 * without an outcome stays unknown. `keepsTransactions: false` only counts, for traffic of days whose transactions nobody looks for
 * afterwards.
 */
export async function openLedger(
  file: string,
  { clock, keepsTransactions = true }: { clock: Clock; keepsTransactions?: boolean },
): Promise<Ledger> {
  const handle = await open(file, 'a', 0o644);
  const counts = { sent: 0, acknowledged: 0, rejected: 0, unknown: 0 };
  let unserved = 0;
  const entries: LedgerEntry[] = [];
  const latenciesMs: number[] = [];
  const tallies = new Map<string, NodeTally>();
  const origin = { wallMs: clock.wallMs(), monoMs: clock.monotonicMs() };
  const nowMs = (): number => Math.round(origin.wallMs + clock.monotonicMs() - origin.monoMs);
  let nextSequence = 0;

  const count = ({ outcome }: SubmitResult, latencyMs: number): void => {
    counts.sent++;
    counts[outcome]++;
    if (outcome === 'acknowledged' && keepsTransactions) latenciesMs.push(latencyMs);
  };
  const before = await completeLines(file);
  if (before.isTorn) await handle.truncate(before.sizeBytes);
  const written = new Map<number, LedgerEntry>();
  for await (const text of linesOf(file, before.sizeBytes)) {
    const line = JSON.parse(text) as LedgerLine;
    if ('intent' in line) {
      const { intent, node, atMs } = line;
      written.set(intent, { sequence: intent, node, sentAtMs: atMs });
      continue;
    }
    const { sequence, node, atMs = 0, latencyMs } = line;
    count(line, latencyMs);
    written.set(sequence, {
      ...(written.get(sequence) ?? { sequence, node, sentAtMs: atMs - latencyMs }),
      answeredAtMs: atMs,
      ...factsOf(line),
    });
  }
  for (const entry of [...written.values()].sort((a, b) => a.sequence - b.sequence)) {
    entries.push(entry);
    nextSequence = entry.sequence + 1;
    if (entry.outcome !== undefined) continue;
    counts.sent++;
    counts.unknown++;
  }
  const lines = createGroupCommit(file, handle, before);
  /** Writes that were not answered yet. */
  const inFlight = new Map<number, LedgerEntry>();

  return {
    counts,
    get unserved() {
      return unserved;
    },
    noteUnserved() {
      unserved++;
    },
    entries,
    latenciesMs,
    nowMs,
    get commits() {
      return lines.commits;
    },
    async intend(nodes) {
      const atMs = nowMs();
      const sequences = nodes.map((node) => {
        const sequence = nextSequence++;
        const entry: LedgerEntry = { sequence, node, sentAtMs: atMs };
        inFlight.set(sequence, entry);
        if (keepsTransactions) {
          entries.push(entry);
          lines.add(`${JSON.stringify({ intent: sequence, node, atMs } satisfies LedgerLine)}\n`);
        }
        return sequence;
      });
      if (keepsTransactions) await lines.commit();
      return sequences;
    },
    record(sequence, result, latencyMs) {
      const entry = inFlight.get(sequence);
      if (!entry) throw new Error(`the ledger knows of no open write ${sequence}`);
      inFlight.delete(sequence);
      count(result, latencyMs);
      const tally = tallies.get(entry.node) ?? { acknowledged: 0, errors: 0 };
      tallies.set(entry.node, tally);
      if (result.outcome === 'acknowledged') tally.acknowledged++;
      else tally.errors++;
      if (!keepsTransactions) return;
      const atMs = nowMs();
      Object.assign(entry, { answeredAtMs: atMs, ...factsOf(result) });
      const line = { sequence, node: entry.node, atMs, latencyMs: Math.round(latencyMs), ...result };
      lines.add(`${JSON.stringify(line satisfies LedgerLine)}\n`);
    },
    takeTally(node) {
      const tally = tallies.get(node) ?? { acknowledged: 0, errors: 0 };
      tallies.delete(node);
      return tally;
    },
    async seal() {
      await lines.commit();
      return { sha256: lines.hash.copy().digest('hex'), sizeBytes: lines.sizeBytes };
    },
    async close() {
      try {
        await lines.commit();
      } finally {
        await handle.close();
      }
    },
  };
}

function factsOf(result: SubmitResult): Pick<LedgerEntry, 'outcome' | 'id' | 'height' | 'key'> {
  const { outcome, id, key } = result;
  const height = result.outcome === 'acknowledged' ? result.height : undefined;
  return {
    outcome,
    ...(id !== undefined && { id }),
    ...(height !== undefined && { height }),
    ...(key !== undefined && { key }),
  };
}

async function* linesOf(file: string, sizeBytes: number): AsyncGenerator<string> {
  if (sizeBytes === 0) return;
  yield* createInterface({ input: createReadStream(file, { end: sizeBytes - 1 }), crlfDelay: Infinity });
}
