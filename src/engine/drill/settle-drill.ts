import { storeEvidence } from '../../journal/evidence.ts';
import type { DrillVerdict, ExerciseResult } from '../../journal/drill-records.ts';
import type { LedgerCheck } from '../../load/check-ledger.ts';
import { ledgerFindings } from '../../load/ledger-findings.ts';
import { serviceSeconds } from '../../load/service-meter.ts';
import type { Ending } from '../ending/outcome.ts';
import type { RunSession } from '../session.ts';
import { judgeExercise, recoveryPoints } from './recovery.ts';

/** Worst first. */
const order: readonly DrillVerdict[] = ['fail', 'void', 'inconclusive'];
const outcomes = { fail: 'failed', void: 'void', inconclusive: 'inconclusive' } as const;

/**
 * Makes ledger and milestones into the figures of the drill, written down however the run ended. Returns the lost writes that it has judged, and what is wrong with it: missed
 * objectives, harm to what was acknowledged, or too little that was shown. `failure`: why the run has failed already, which its exercise is told to have failed by.
 */
export async function settleDrill(
  session: RunSession,
  check: LedgerCheck,
  failure?: string,
): Promise<{ lostWrites: number; problem?: Ending } | undefined> {
  const { drill: tracker, ledger } = session;
  if (!tracker) return undefined;
  const { drill, state } = tracker;
  const exercises = drill.exercises.map((exercise) => ({
    id: exercise.id,
    exercise,
    milestones: state.milestones(exercise.id),
  }));
  const points = recoveryPoints(ledger.entries, check, exercises);
  const lostWrites = [...points.values()].reduce((sum, point) => sum + point.lostWrites, 0);
  const violations = ledgerFindings(check, ledger.counts, lostWrites).harm;
  const [lost] = check.safety?.checks.find(({ name }) => name === 'durability')?.culprits ?? [];
  // Which disaster did it cannot be told; it stands with the last one.
  const blamed = exercises.findLast(({ milestones }) => milestones.has('verified'))?.id;
  const results = exercises.map(({ id, exercise, milestones }) =>
    judgeExercise({
      exercise,
      milestones,
      // Where nothing was acknowledged nothing was looked for, and none lost shows nothing.
      rpo: ledger.counts.acknowledged > 0 ? points.get(id) : undefined,
      unchecked: check.unchecked,
      lostExample: lost?.detail,
      ...(id === blamed && { violations }),
      wasAccepted: state.releaseWasAccepted,
    }),
  );
  const integrity = {
    duplicated: check.duplicated.length,
    resurrected: check.resurrected.length,
    reordered: check.reordered.length,
    acceptedByMinority: check.acceptedByMinority.length,
    misplaced: check.misplaced.length,
    disagreements: check.disagreements,
    unchecked: check.unchecked,
  };
  const [first] = ledger.entries;
  await session.record({
    type: 'drill.result',
    exercises: results.map((result) => failedBy(result, result.drill === state.current ? failure : undefined)),
    integrity,
    evidence: await storeEvidence(session.runDir, {
      seconds: first ? serviceSeconds(ledger.entries, first.sentAtMs, ledger.nowMs()) : [],
      milestones: Object.fromEntries(exercises.map(({ id, milestones }) => [id, Object.fromEntries(milestones)])),
    }),
  });
  const problem = problemOf(results, drill.exercises.length > 1);
  return { lostWrites, ...(problem && { problem }) };
}

/** What was never shown is void, whatever went wrong beside it. */
function failedBy(result: ExerciseResult, failure: string | undefined): ExerciseResult {
  if (failure === undefined || result.verdict === 'void') return result;
  return { ...result, verdict: 'fail', reasons: [failure, ...result.reasons] };
}

function problemOf(results: readonly ExerciseResult[], isSeveral: boolean): Ending | undefined {
  for (const verdict of order) {
    const found = results.filter((result) => result.verdict === verdict);
    if (verdict === 'pass' || found.length === 0) continue;
    const reason = found
      .map(({ drill, reasons }) => `${isSeveral ? `${drill}: ` : ''}${reasons.join('; ')}`)
      .join('; ');
    return { outcome: outcomes[verdict], reason };
  }
  return undefined;
}
