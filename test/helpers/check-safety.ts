import { judgeSafety, type SafetyEvidence, type SafetyReport } from '../../src/safety/judge-safety.ts';
import type { ChainReadings } from '../../src/safety/node-chain.ts';
import { readChains, type ReadChainsOptions } from '../../src/safety/read-chains.ts';

export type CheckSafetyOptions = Omit<ReadChainsOptions, 'atLeast'> & SafetyEvidence;

/** Reads all chains as far as any client was told of, and judges them, as `checkLedger` does with a ledger. */
export async function checkSafety(options: CheckSafetyOptions): Promise<SafetyReport & { readings: ChainReadings }> {
  const told = options.writes.flatMap(({ outcome, height }) => (outcome === 'acknowledged' ? (height ?? []) : []));
  const readings = await readChains({ ...options, atLeast: Math.max(0, ...told) });
  return { ...judgeSafety(readings, options), readings };
}
