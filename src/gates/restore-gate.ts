import { UsageError } from '../core/errors.ts';
import { GateJudge, type GateInput } from './gate-judge.ts';
import { judgedSlots, type GateSegment } from './gate-segment.ts';
import { profileOf, type JudgedSystem } from './judged-system.ts';

export interface RestoredGate {
  judge: GateJudge;
  /** The gate's input with its start on this process's monotonic clock. */
  input: GateInput;
  system: JudgedSystem;
}

/**
 * The judge of a gate that was under way when its process ended, with all that it had counted. The deadline stays where it was: the
 * time since the gate's start is taken from the wall clock, but never less than what was seen already. Slots that are missing until the
 * next reading count as missed. Throws a UsageError when there is no first segment or one is missing between.
 */
export function restoreGate(segments: readonly GateSegment[], now: { wallMs: number; monoMs: number }): RestoredGate {
  const begun = segments[0]?.begun;
  if (!begun) throw new UsageError('a gate can only be continued from its first segment on');
  for (const [index, segment] of segments.entries()) {
    if (segment.index !== index || segment.gateId !== begun.input.gateId) {
      throw new UsageError(`segment ${index} of gate ${begun.input.gateId} is missing`);
    }
  }
  const last = segments.at(-1)?.grid.at(-1);
  const seenMs = last ? last[1] + (last[2] - 1) * begun.input.profile.intervalMs : 0;
  const elapsedMs = Math.max(seenMs, now.wallMs - begun.input.startedAtMs);
  const input: GateInput = { ...begun.input, startedMonoMs: now.monoMs - elapsedMs };
  const judge = new GateJudge(input, profileOf(begun.system));
  for (const segment of segments) for (const judged of judgedSlots(segment)) judge.restore(judged);
  return { judge, input, system: begun.system };
}
