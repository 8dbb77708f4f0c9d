import type { SystemProfile } from '../spec/profile.ts';
import type { Decision } from './decision.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import type { SlotReading } from './readings.ts';
import type { GateVerdict, VerdictKind } from './verdict.ts';

/** What a guard saw when it ended. */
export interface GuardFailure {
  node: string;
  check: string;
  /** FAIL or HOLD. */
  kind: VerdictKind;
  /** A sentence that names the check, the node and the last value seen. */
  reason: string;
  verdict: GateVerdict;
}

/** Everything that a verdict was made from. Plain data: it survives JSON, and `recomputeVerdict` makes the same verdict of it. */
export interface GateEvidence {
  input: GateInput;
  /** Readings of the identity phase, of the judged nodes only. */
  identity: SlotReading[];
  /** Readings on the grid. */
  slots: SlotReading[];
  /** Set when the deadline passed while no slot could be read. */
  expired?: { atMs: number; monoMs: number };
  /** Set when not this gate's own samples ended it. */
  guardFailure?: GuardFailure;
}

/** Makes the verdict again from the evidence alone. Throws when the evidence leads to none. */
export function recomputeVerdict(evidence: GateEvidence, profile: SystemProfile): GateVerdict {
  const judge = new GateJudge(evidence.input, profile);
  let decision: Decision = { kind: 'continue' };
  for (const reading of evidence.identity) decision = judge.pushIdentity(reading);
  for (const reading of evidence.slots) decision = judge.push(reading);
  if (evidence.guardFailure) return judge.verdict(guardVerdict(evidence.guardFailure));
  if (evidence.expired) decision = judge.expire(evidence.expired.atMs, evidence.expired.monoMs);
  if (decision.kind === 'continue')
    throw new Error(`the evidence of gate ${evidence.input.gateId} ends before a verdict`);
  return judge.verdict(decision);
}

export function guardVerdict({ kind, reason }: GuardFailure): { kind: VerdictKind; cause: string; reason: string } {
  return { kind, cause: 'guard', reason: `a guard on an earlier node ended the gate: ${reason}` };
}
