import type { Clock } from '../../core/clock.ts';
import type { FaultPort, PairProbe } from '../../lab/faults.ts';
import type { TopologyNode } from '../../topology/topology.ts';

/** As many looks in a row must find every pair whole. */
const looksInARow = 4;
const betweenLooksMs = 1_000;
const budgetMs = 60_000;

export interface HealProof {
  isShown: boolean;
  /** The last matrix that was seen. */
  pairs: PairProbe[];
  /** What was still missing then. */
  reason: string;
}

/**
 * Shows that nodes reach each other again, where the process that healed a fault is gone before it could: all pairs, new connections and open
 * ones, four looks running.
 */
export async function proveHealed(
  port: FaultPort,
  nodes: readonly TopologyNode[],
  clock: Clock,
  signal: AbortSignal,
): Promise<HealProof> {
  const watch = await port.watchPairs(nodes, { signal });
  try {
    const untilMs = clock.monotonicMs() + budgetMs;
    let pairs: PairProbe[] = [];
    for (let inARow = 0; inARow < looksInARow;) {
      if (clock.monotonicMs() >= untilMs) return { isShown: false, pairs, reason: missingIn(pairs) };
      if (pairs.length > 0) await clock.sleep(betweenLooksMs, signal);
      pairs = await watch.look({ signal });
      inARow = missingIn(pairs) === '' ? inARow + 1 : 0;
      if (nodes.length < 2) break;
    }
    return { isShown: true, pairs, reason: '' };
  } finally {
    await watch.close();
  }
}

function missingIn(pairs: readonly PairProbe[]): string {
  return pairs
    .filter(({ fresh, established }) => fresh !== 'ok' || established === 'blocked')
    .map(({ from, to, fresh, established }) => `${from} → ${to}: new ${fresh}, open ${established}`)
    .join('; ');
}
