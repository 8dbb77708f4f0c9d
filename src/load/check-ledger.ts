import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { mapConcurrent } from '../core/wait.ts';
import type { ProbeClient, SystemProfile } from '../spec/profile.ts';
import type { Ledger } from './ledger.ts';

/** A node's chain must reach the last acknowledged height within this time, in ms. */
const catchUpTimeoutMs = 30_000;

export interface LedgerCheck {
  /** Acknowledged transactions that are missing on at least one node. */
  lost: string[];
  /** Transactions that stand in more than one block of a node. */
  duplicated: string[];
  /** Acknowledged transactions that could not be looked for. */
  unchecked: number;
  /** Why something could not be looked for. */
  reason?: string;
}

interface CheckOptions {
  profile: Pick<SystemProfile, 'transactionsAt' | 'probe'>;
  clients: ReadonlyMap<string, ProbeClient>;
  ledger: Pick<Ledger, 'acknowledged'>;
  clock: Clock;
  signal?: AbortSignal | undefined;
}

/** Reads every block that may hold an acknowledged transaction, on every node, and compares with the ledger. */
export async function checkLedger({ profile, clients, ledger, clock, signal }: CheckOptions): Promise<LedgerCheck> {
  const { transactionsAt } = profile;
  const all = new Set(ledger.acknowledged.map((transaction) => transaction.id));
  const placed = ledger.acknowledged.filter(({ height }) => height !== undefined);
  const ids = new Set(placed.map((transaction) => transaction.id));
  const heights = placed.flatMap(({ height }) => height ?? []);
  const withoutHeight = all.size - ids.size;
  if (all.size === 0) return { lost: [], duplicated: [], unchecked: 0 };
  if (!transactionsAt || heights.length === 0) {
    return {
      lost: [],
      duplicated: [],
      unchecked: all.size,
      reason: 'the system does not tell which transactions a block holds',
    };
  }
  const first = heights.reduce((a, b) => Math.min(a, b));
  const last = heights.reduce((a, b) => Math.max(a, b));
  const lost = new Set<string>();
  const duplicated = new Set<string>();
  const failures: string[] = [];

  await mapConcurrent([...clients], clients.size, async ([node, client]) => {
    try {
      // A second copy may stand in a later block than the first one.
      const top = await reach(profile, client, last, clock, signal);
      const seen = new Map<string, number>();
      const range = Array.from({ length: top - first + 1 }, (_, index) => first + index);
      await mapConcurrent(range, 8, async (height) => {
        for (const id of await transactionsAt(client, height)) seen.set(id, (seen.get(id) ?? 0) + 1);
      });
      for (const id of ids) if (!seen.has(id)) lost.add(id);
      for (const [id, times] of seen) if (times > 1 && ids.has(id)) duplicated.add(id);
    } catch (error) {
      failures.push(`${node}: ${messageOf(error)}`);
    }
  });
  if (withoutHeight > 0) failures.push(`${withoutHeight} were acknowledged without a height`);
  return {
    lost: [...lost],
    duplicated: [...duplicated],
    unchecked: failures.length > (withoutHeight > 0 ? 1 : 0) ? all.size : withoutHeight,
    ...(failures.length > 0 && { reason: failures.join('; ') }),
  };
}

/** Waits until a node has this height; returns the one it has. */
async function reach(
  profile: Pick<SystemProfile, 'probe'>,
  client: ProbeClient,
  height: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<number> {
  const startMs = clock.monotonicMs();
  for (;;) {
    const status = await profile.probe(client).catch((error: unknown) => messageOf(error));
    if (typeof status !== 'string' && status.height !== undefined && status.height >= height) return status.height;
    if (clock.monotonicMs() - startMs > catchUpTimeoutMs) {
      const seen = typeof status === 'string' ? status : `height ${status.height ?? 'unknown'}`;
      throw new Error(`did not reach height ${height} within ${catchUpTimeoutMs / 1000} s; last seen: ${seen}`);
    }
    await clock.sleep(250, signal);
  }
}
