import { checkAgreement } from './agreement.ts';
import { checkDuplication } from './duplication.ts';
import { checkDurability } from './durability.ts';
import type { ChainReadings } from './node-chain.ts';
import { checkOrder } from './order.ts';
import { checkResurrection } from './resurrection.ts';
import type { SafetyCheck, SafetyVerdict } from './safety-result.ts';
import type { WriteRecord } from './write-record.ts';

/** What the chains are compared with. */
export interface SafetyEvidence {
  writes: readonly WriteRecord[];
  /** What was read of the nodes at an earlier time: what they held then they must hold still. */
  earlier?: ChainReadings;
  /** Ids of writes that an earlier check found on no node. */
  gone?: ReadonlySet<string>;
}

export interface SafetyReport {
  /** `fail` when one check failed, else `inconclusive` when one could not tell. */
  verdict: SafetyVerdict;
  /** Heights that were compared, both ends included. */
  from: number;
  to: number;
  checks: readonly SafetyCheck[];
}

/**
 * Compares what was read of all nodes' chains with each other and with what clients were told. A pure function: the same readings have the same
 * verdict.
 */
export function judgeSafety(readings: ChainReadings, { writes, earlier, gone }: SafetyEvidence): SafetyReport {
  const durability = checkDurability(readings, writes);
  // What is not where it was said to be has no place in any order; that is told once.
  const displaced = new Set(durability.transactions);
  const placed = writes.filter(({ id }) => id === undefined || !displaced.has(id));
  const checks = [
    checkAgreement(readings, earlier?.chains),
    durability,
    checkOrder(readings, placed),
    checkResurrection(readings, writes, gone),
    checkDuplication(readings, writes),
  ];
  const has = (verdict: SafetyVerdict): boolean => checks.some((check) => check.verdict === verdict);
  const verdict = has('fail') ? 'fail' : has('inconclusive') ? 'inconclusive' : 'pass';
  return { verdict, from: readings.from, to: readings.to, checks };
}
