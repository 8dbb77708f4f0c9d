import { open, type FileHandle } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { completeLines } from '../core/complete-lines.ts';
import type { SubmitResult } from '../spec/profile.ts';

/** A transaction that the system acknowledged. */
export interface AcknowledgedTransaction {
  id: string;
  node: string;
  height?: number;
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

/** Submissions and their outcomes, kept outside the cluster: in memory for the verdict, on disk as evidence. */
export interface Ledger {
  record(node: string, sequence: number, result: SubmitResult, latencyMs: number): void;
  readonly counts: Readonly<{ sent: number; acknowledged: number; rejected: number; unknown: number }>;
  readonly acknowledged: readonly AcknowledgedTransaction[];
  /** Latencies of acknowledged transactions in ms, unsorted. */
  readonly latenciesMs: readonly number[];
  /** Counts of one node since the call before. */
  takeTally(node: string): NodeTally;
  /** Makes what was recorded so far durable and says what the file holds up to there, so that evidence can vouch for it. */
  seal(): Promise<LedgerSeal>;
  close(): Promise<void>;
}

/**
 * Opens the ledger file; one JSON line a transaction. `keepsTransactions: false` only counts, for traffic of days whose transactions nobody
 * looks for afterwards.
 */
export async function openLedger(
  file: string,
  { keepsTransactions = true }: { keepsTransactions?: boolean } = {},
): Promise<Ledger> {
  const handle: FileHandle = await open(file, 'a', 0o644);
  const counts = { sent: 0, acknowledged: 0, rejected: 0, unknown: 0 };
  const acknowledged: AcknowledgedTransaction[] = [];
  const latenciesMs: number[] = [];
  const tallies = new Map<string, NodeTally>();
  let pending: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  let failure: Error | undefined;
  // A run that goes on adds to what it has written before; a line that a crash has torn says nothing.
  const before = await completeLines(file);
  if (before.isTorn) await handle.truncate(before.sizeBytes);
  for await (const line of linesOf(file, before.sizeBytes)) {
    const { node, latencyMs, ...result } = JSON.parse(line) as SubmitResult & { node: string; latencyMs: number };
    counts.sent++;
    counts[result.outcome]++;
    if (result.outcome !== 'acknowledged') continue;
    latenciesMs.push(latencyMs);
    acknowledged.push({ id: result.id, node, ...(result.height !== undefined && { height: result.height }) });
  }
  const { hash } = before;
  let { sizeBytes } = before;

  const flush = (): void => {
    if (pending.length === 0) return;
    const text = pending.join('');
    pending = [];
    writing = writing
      .then(async () => {
        await handle.appendFile(text);
        hash.update(text);
        sizeBytes += Buffer.byteLength(text);
      })
      .catch((error: unknown) => {
        failure ??= new Error(`${file} could not be written`, { cause: error });
      });
  };

  return {
    counts,
    acknowledged,
    latenciesMs,
    record(node, sequence, result, latencyMs) {
      counts.sent++;
      counts[result.outcome]++;
      const tally = tallies.get(node) ?? { acknowledged: 0, errors: 0 };
      tallies.set(node, tally);
      if (result.outcome === 'acknowledged') {
        tally.acknowledged++;
        if (!keepsTransactions) return;
        latenciesMs.push(latencyMs);
        acknowledged.push({ id: result.id, node, ...(result.height !== undefined && { height: result.height }) });
      } else {
        tally.errors++;
      }
      if (!keepsTransactions) return;
      pending.push(`${JSON.stringify({ sequence, node, latencyMs: Math.round(latencyMs), ...result })}\n`);
      if (pending.length >= 50) flush();
    },
    takeTally(node) {
      const tally = tallies.get(node) ?? { acknowledged: 0, errors: 0 };
      tallies.delete(node);
      return tally;
    },
    async seal() {
      flush();
      await writing;
      if (failure) throw failure;
      await handle.sync();
      return { sha256: hash.copy().digest('hex'), sizeBytes };
    },
    async close() {
      flush();
      await writing;
      await handle.sync();
      await handle.close();
      if (failure) throw failure;
    },
  };
}

async function* linesOf(file: string, sizeBytes: number): AsyncGenerator<string> {
  if (sizeBytes === 0) return;
  yield* createInterface({ input: createReadStream(file, { end: sizeBytes - 1 }), crlfDelay: Infinity });
}
