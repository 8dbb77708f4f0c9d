import type {
  DrillMilestone,
  DrillObjectives,
  DrillVerdict,
  ExerciseResult,
  PlannedExercise,
  RecoveryPoint,
  RecoveryTime,
} from '../../journal/drill-records.ts';
import type { LedgerCheck } from '../../load/check-ledger.ts';
import type { LedgerEntry } from '../../load/ledger.ts';

/** When each milestone of one exercise was reached, wall times in ms. */
export type Milestones = ReadonlyMap<DrillMilestone, number>;

const parts = [
  ['detected', 'detectMs'],
  ['decided', 'decideMs'],
  ['restored', 'restoreMs'],
] as const;

/**
 * Undefined without a verified disaster or without good service after it. Service that was good before a milestone was reached did
 * not wait for it, and none of the time was spent on it; a milestone that came before the one ahead of it took no time.
 */
export function recoveryTime(milestones: Milestones): RecoveryTime | undefined {
  const [verified, service] = [milestones.get('verified'), milestones.get('service')];
  if (verified === undefined || service === undefined) return undefined;
  const end = Math.max(verified, service);
  let at = verified;
  const spent: RecoveryTime['parts'] = { serviceMs: 0 };
  for (const [milestone, part] of parts) {
    const reached = milestones.get(milestone);
    if (reached === undefined || reached > end) continue;
    const until = Math.max(at, reached);
    spent[part] = until - at;
    at = until;
  }
  spent.serviceMs = end - at;
  return { rtoMs: end - verified, parts: spent };
}

/** From the verified disaster; a take-over that was seen before that took no time of it. */
export function takeoverTime(milestones: Milestones): number | undefined {
  const [verified, taken] = [milestones.get('verified'), milestones.get('taken-over')];
  return verified === undefined || taken === undefined ? undefined : Math.max(0, taken - verified);
}

/** A write is lost to the first disaster that was verified after it was acknowledged; to the last one where none came after. */
export function recoveryPoints(
  entries: readonly LedgerEntry[],
  found: Pick<LedgerCheck, 'lost' | 'rolledBack'>,
  exercises: readonly { id: string; milestones: Milestones }[],
): Map<string, RecoveryPoint> {
  const points = new Map<string, RecoveryPoint>(
    exercises.map(({ id }) => [id, { lostWrites: 0, oldestLostMs: 0, rolledBackWrites: 0, lostFromBackup: 0 }]),
  );
  const byTime = exercises
    .flatMap(({ id, milestones }) => {
      // What was broken may have cost writes, though the run ended before that could be shown.
      const verifiedAtMs = milestones.get('verified') ?? milestones.get('injected');
      return verifiedAtMs === undefined ? [] : [{ id, verifiedAtMs, backupAtMs: milestones.get('backup') }];
    })
    .sort((a, b) => a.verifiedAtMs - b.verifiedAtMs);
  const lost = new Set(found.lost);
  const rolledBack = new Set(found.rolledBack);
  for (const { id, answeredAtMs = 0 } of entries) {
    if (id === undefined || !(lost.has(id) || rolledBack.has(id))) continue;
    const disaster = byTime.find(({ verifiedAtMs }) => verifiedAtMs >= answeredAtMs) ?? byTime.at(-1);
    const point = disaster && points.get(disaster.id);
    if (!point) continue;
    if (rolledBack.delete(id)) point.rolledBackWrites++;
    if (!lost.delete(id)) continue;
    point.lostWrites++;
    point.oldestLostMs = Math.max(point.oldestLostMs, disaster.verifiedAtMs - answeredAtMs);
    if (disaster.backupAtMs !== undefined && answeredAtMs < disaster.backupAtMs) point.lostFromBackup++;
  }
  return points;
}

export interface ExerciseFacts {
  exercise: PlannedExercise;
  milestones: Milestones;
  /** Undefined where no ledger was checked. */
  rpo: RecoveryPoint | undefined;
  /** Acknowledged writes that could not be looked for. */
  unchecked: number;
  /** A sentence about one of the writes that were lost. */
  lostExample?: string | undefined;
  /** What no objective excuses, a sentence each: nodes that disagree, writes that are there twice. Default: nothing. */
  violations?: readonly string[];
  /** It was a bad release, and every gate of it passed. Default false. */
  wasAccepted?: boolean;
}

/** What one exercise came to. Nothing is a pass that was not shown: a disaster, the service after it, the writes from before it. */
export function judgeExercise(given: ExerciseFacts): ExerciseResult {
  const { exercise, milestones, rpo, unchecked, wasAccepted, lostExample, violations = [] } = given;
  const { id, objectives, hasService } = exercise;
  const recovery = recoveryTime(milestones);
  const takeoverMs = takeoverTime(milestones);
  const facts = {
    drill: id,
    ...(recovery && { recovery }),
    ...(takeoverMs !== undefined && { takeoverMs }),
    ...(rpo && { rpo }),
  };
  if (wasAccepted) return { ...facts, verdict: 'fail', reasons: ['the release was not found to be bad'] };
  if (!milestones.has('verified')) {
    const reason = milestones.has('begun') ? 'the disaster was never shown' : 'it was never begun';
    return { ...facts, verdict: 'void', reasons: [reason] };
  }
  const missed = [...violations, ...missedObjectives(objectives, { recovery, takeoverMs, rpo, lostExample })];
  const unknown = [
    ...(hasService && !recovery ? ['good service was not seen after the disaster'] : []),
    ...(objectives.takeoverMs !== undefined && takeoverMs === undefined ? ['nobody was seen to take over'] : []),
    ...(hasService && !rpo ? ['no acknowledged write was looked for'] : []),
    ...(unchecked > 0 ? [`${unchecked} acknowledged writes could not be looked for`] : []),
  ];
  const verdict: DrillVerdict = missed.length > 0 ? 'fail' : unknown.length > 0 ? 'inconclusive' : 'pass';
  return { ...facts, verdict, reasons: [...missed, ...unknown] };
}

interface Reached {
  recovery: RecoveryTime | undefined;
  takeoverMs: number | undefined;
  rpo: RecoveryPoint | undefined;
  lostExample: string | undefined;
}

function missedObjectives(
  { rtoMs, rpoMs, rpoWrites, takeoverMs: takeover }: DrillObjectives,
  { recovery, takeoverMs, rpo, lostExample }: Reached,
): string[] {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const missed: string[] = [];
  if (recovery && rtoMs !== undefined && recovery.rtoMs > rtoMs) {
    missed.push(`recovery took ${seconds(recovery.rtoMs)}, the RTO is ${seconds(rtoMs)}`);
  }
  if (takeoverMs !== undefined && takeover !== undefined && takeoverMs > takeover) {
    missed.push(`the take-over took ${seconds(takeoverMs)}, ${seconds(takeover)} are allowed`);
  }
  if (!rpo) return missed;
  const { lostWrites, oldestLostMs, lostFromBackup } = rpo;
  if (rpoMs !== undefined && oldestLostMs > rpoMs) {
    missed.push(`a write was lost that was ${seconds(oldestLostMs)} old, the RPO is ${seconds(rpoMs)}`);
  }
  // Without any objective for it no write may be lost.
  const allowed = rpoWrites ?? (rpoMs === undefined ? 0 : Infinity);
  if (lostWrites > allowed) {
    const example = lostExample === undefined ? '' : `: ${lostExample}`;
    missed.push(`${lostWrites} acknowledged writes were lost, ${allowed} are allowed${example}`);
  }
  if (lostFromBackup > 0) missed.push(`${lostFromBackup} writes were lost that were acknowledged before the backup`);
  return missed;
}
