import type { SystemProfile } from '../spec/profile.ts';
import type { Decision } from './decision.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import { judgedSlots, type GateSegment } from './gate-segment.ts';
import { profileOf, type JudgedSystem } from './judged-system.ts';
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
  /** What the guard saw; its verdict can be made again from it. */
  evidence?: GateEvidence;
}

/** Everything that a verdict was made from. Plain data: it survives JSON, and `recomputeVerdict` makes the same verdict of it. */
export interface GateEvidence {
  input: GateInput;
  /** The system's rules as they were. Absent in evidence of older runs. */
  system?: JudgedSystem;
  /** Readings of the identity phase, of the judged nodes only. */
  identity: SlotReading[];
  /** Readings on the grid. Of a gate in segments the newest one alone. */
  slots: SlotReading[];
  /** Evidence hashes of a long gate's segments, in order: they stand in for the readings. */
  segments?: string[];
  /** What came after the last stored segment. */
  rest?: GateSegment;
  /** Set when the deadline passed while no slot could be read. */
  expired?: { atMs: number; monoMs: number };
  /** Set when not this gate's own samples ended it. */
  guardFailure?: GuardFailure;
}

/**
 * Makes the verdict again from the evidence alone. `profile` is needed for evidence of older runs, which does not hold the system's
 * rules; `segments` are those that the evidence names. Throws when the evidence leads to no verdict or contradicts itself.
 */
export function recomputeVerdict(
  evidence: GateEvidence,
  profile?: SystemProfile,
  segments: readonly GateSegment[] = [],
): GateVerdict {
  const { input, system, identity, slots, rest, guardFailure, expired } = evidence;
  const rules = system ? profileOf(system) : profile;
  if (!rules) throw new Error(`the evidence of gate ${input.gateId} does not hold the rules that it was judged by`);
  const judge = new GateJudge(input, rules);
  let decision: Decision = { kind: 'continue' };
  for (const reading of identity) decision = judge.pushIdentity(reading);
  if (evidence.segments || rest) {
    checkSegments(evidence, segments);
    for (const segment of rest ? [...segments, rest] : segments) {
      for (const judged of judgedSlots(segment)) decision = judge.replay(judged);
    }
  } else {
    for (const reading of slots) decision = judge.push(reading);
  }
  if (guardFailure) return judge.verdict(guardVerdict(guardFailure));
  if (expired) decision = judge.expire(expired.atMs, expired.monoMs);
  if (decision.kind === 'continue') throw new Error(`the evidence of gate ${input.gateId} ends before a verdict`);
  return judge.verdict(decision);
}

export function guardVerdict({ kind, reason }: GuardFailure): { kind: VerdictKind; cause: string; reason: string } {
  return { kind, cause: 'guard', reason: `a guard on an earlier node ended the gate: ${reason}` };
}

function checkSegments({ input, segments: named = [], rest }: GateEvidence, segments: readonly GateSegment[]): void {
  const { gateId } = input;
  if (segments.length !== named.length) {
    throw new Error(`the evidence of gate ${gateId} names ${named.length} segments, ${segments.length} are there`);
  }
  for (const [index, segment] of (rest ? [...segments, rest] : segments).entries()) {
    if (segment.gateId !== gateId || segment.index !== index) {
      throw new Error(`segment ${index} of gate ${gateId} is segment ${segment.index} of gate ${segment.gateId}`);
    }
  }
}
