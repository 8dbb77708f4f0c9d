import {
  drillMilestones,
  standingMilestones,
  type DrillIntegrity,
  type DrillMilestone,
  type DrillObjectives,
  type DrillVerdict,
  type PlannedExercise,
  type RecoveryPoint,
  type RecoveryTime,
} from '../journal/drill-records.ts';
import { formatDuration } from './format.ts';
import type { RunLog } from './run-log.ts';

/** A drill as its report tells it. Times are ms since the run's start. */
export interface DrillReport {
  verdict: DrillVerdict | 'unfinished';
  participants: string[];
  /** Length of the window of good service, in ms; absent where no exercise looks for good service. */
  windowMs?: number;
  /** The window of good service is shorter than the 60 s of a full-size drill. */
  isShort: boolean;
  /** The longest of all exercises, and its parts; absent where none was measured. */
  rtoMs?: number;
  rtoParts?: RecoveryTime['parts'];
  /** All exercises together; absent where no ledger was checked. */
  rpo?: RecoveryPoint;
  integrity?: DrillIntegrity;
  exercises: ExerciseReport[];
  issues: string[];
  /** Who does it, and the day by which; empty where the testnet file does not say, for people to fill in. */
  actions: { what: string; owner: string; due: string }[];
  recommendations: string[];
}

export interface ExerciseReport {
  id: string;
  title: string;
  verdict: DrillVerdict | 'unfinished';
  reasons: string[];
  objectives: DrillObjectives;
  baselinePerSecond?: number;
  recovery?: RecoveryTime;
  takeoverMs?: number;
  rpo?: RecoveryPoint;
  /** Acknowledged writes of the run that could not be looked for: while there are any, `rpo` is the least that was lost. */
  unchecked: number;
  /** From the moment at which something was broken until an alert of Prometheus fired, and until it was delivered; absent where none was seen. */
  alert?: { firingMs: number; deliveredMs?: number };
  milestones: MilestoneReport[];
}

export interface MilestoneReport {
  milestone: DrillMilestone;
  atMs: number;
  /** From the moment at which something was broken; negative before it. */
  afterMs?: number;
  targetMs?: number;
  isLate: boolean;
  detail?: string;
}

const badness: readonly (DrillVerdict | 'unfinished')[] = ['fail', 'void', 'inconclusive', 'unfinished', 'pass'];

/** Undefined for a run that is no drill. */
export function drillReport(log: RunLog): DrillReport | undefined {
  const { drill } = log.started.plan;
  if (!drill) return undefined;
  const result = log.ofType('drill.result').at(-1);
  const exercises = drill.exercises.map((exercise) => exerciseReport(log, exercise));
  const slowest = exercises
    .flatMap(({ recovery }) => recovery ?? [])
    .reduce<RecoveryTime | undefined>((worst, each) => (worst && worst.rtoMs >= each.rtoMs ? worst : each), undefined);
  const points = exercises.flatMap(({ rpo }) => rpo ?? []);
  const verdict = badness.find((each) => exercises.some((exercise) => exercise.verdict === each)) ?? 'unfinished';
  const issues = [...drill.warnings, ...exercises.flatMap((each) => issuesOf(each, exercises.length > 1))];
  return {
    verdict,
    participants: drill.participants,
    ...(drill.exercises.some(({ hasService }) => hasService) && { windowMs: drill.windowMs }),
    isShort: drill.isShort,
    ...(slowest && { rtoMs: slowest.rtoMs, rtoParts: slowest.parts }),
    ...(points.length > 0 && { rpo: points.reduce(together) }),
    ...(result?.integrity && { integrity: result.integrity }),
    exercises,
    issues,
    actions: issues.map((what) => ({ what, owner: drill.owner ?? '', due: dueDay(log, drill.dueMs) })),
    recommendations: [
      ...(drill.isShort
        ? [
            `Repeat it with a window of at least 60 s: ${formatDuration(drill.windowMs)} say little about the minutes after.`,
          ]
        : []),
      ...exercises.flatMap((each) => recommendationsOf(each, log.ofType('approval.decided').length > 0)),
    ],
  };
}

function dueDay({ startedAtMs }: RunLog, dueMs: number | undefined): string {
  return dueMs === undefined ? '' : new Date(startedAtMs + dueMs).toISOString().slice(0, 10);
}

function together(a: RecoveryPoint, b: RecoveryPoint): RecoveryPoint {
  return {
    lostWrites: a.lostWrites + b.lostWrites,
    oldestLostMs: Math.max(a.oldestLostMs, b.oldestLostMs),
    rolledBackWrites: a.rolledBackWrites + b.rolledBackWrites,
    lostFromBackup: a.lostFromBackup + b.lostFromBackup,
  };
}

function exerciseReport(log: RunLog, { id, title, objectives, targetsMs = {} }: PlannedExercise): ExerciseReport {
  const reached = standingMilestones(log.ofType('drill.milestone').filter(({ drill }) => drill === id));
  const injectedAtMs = reached.find(({ milestone }) => milestone === 'injected')?.atMs;
  const found = log.ofType('drill.result').at(-1);
  const result = found?.exercises.find(({ drill }) => drill === id);
  const baseline = log.ofType('drill.baseline').findLast(({ drill }) => drill === id);
  const milestones = reached
    .map(({ milestone, atMs, detail }): MilestoneReport => {
      const afterMs = injectedAtMs === undefined ? undefined : atMs - injectedAtMs;
      const targetMs = targetsMs[milestone];
      return {
        milestone,
        atMs: Math.max(0, atMs - log.startedAtMs),
        ...(afterMs !== undefined && { afterMs }),
        ...(targetMs !== undefined && { targetMs }),
        isLate: targetMs !== undefined && afterMs !== undefined && afterMs > targetMs,
        ...(detail !== undefined && { detail }),
      };
    })
    .sort((a, b) => a.atMs - b.atMs || drillMilestones.indexOf(a.milestone) - drillMilestones.indexOf(b.milestone));
  const [firingMs, deliveredMs] = (['alert-firing', 'alert-delivered'] as const).map(
    (wanted) => milestones.find(({ milestone }) => milestone === wanted)?.afterMs,
  );
  return {
    id,
    title,
    verdict: result?.verdict ?? 'unfinished',
    reasons: result?.reasons ?? [],
    objectives,
    ...(baseline && { baselinePerSecond: baseline.perSecond }),
    ...(result?.recovery && { recovery: result.recovery }),
    ...(result?.takeoverMs !== undefined && { takeoverMs: result.takeoverMs }),
    ...(result?.rpo && { rpo: result.rpo }),
    unchecked: found?.integrity?.unchecked ?? 0,
    ...(firingMs !== undefined && { alert: { firingMs, ...(deliveredMs !== undefined && { deliveredMs }) } }),
    milestones,
  };
}

function issuesOf({ id, reasons, milestones }: ExerciseReport, isSeveral: boolean): string[] {
  const late = milestones.filter(({ isLate }) => isLate);
  return [
    ...reasons,
    ...late.map(
      ({ milestone, afterMs = 0, targetMs = 0 }) =>
        `${milestone} was reached after ${formatDuration(afterMs)}, the target is ${formatDuration(targetMs)}`,
    ),
  ].map((issue) => (isSeveral ? `${id}: ${issue}` : issue));
}

/** `wasDecided`: somebody had to agree to the recovery; otherwise the plan waited for nobody, and for as long as it said. */
function recommendationsOf(
  { title, recovery, rpo, milestones, objectives }: ExerciseReport,
  wasDecided: boolean,
): string[] {
  const parts = recovery?.parts;
  const has = (wanted: DrillMilestone): boolean => milestones.some(({ milestone }) => milestone === wanted);
  const [longest] = [
    ['detection: alert sooner', parts?.detectMs],
    [
      wasDecided
        ? 'the decision: write down who may begin the recovery, and when'
        : 'the time before the recovery that the plan of the drill sets',
      parts?.decideMs,
    ],
    ['the restore: rehearse it, keep backups near', parts?.restoreMs],
    ['coming back into service after the restore', parts?.serviceMs],
  ]
    .flatMap(([what, ms]) => (typeof ms === 'number' && ms > 0 ? [{ what: String(what), ms }] : []))
    .sort((a, b) => b.ms - a.ms);
  return [
    ...(longest && recovery
      ? [
          `${title}: most of the recovery (${formatDuration(longest.ms)} of ${formatDuration(recovery.rtoMs)}) went into ${longest.what}.`,
        ]
      : []),
    ...(has('verified') && !has('detected')
      ? [`${title}: nothing but the drill itself noticed it; add a probe or an alert.`]
      : []),
    ...(rpo && rpo.lostWrites > 0
      ? [
          `${title}: ${rpo.lostWrites} writes of the last ${formatDuration(rpo.oldestLostMs)} were lost; back up at least that often.`,
        ]
      : []),
    ...(objectives.rtoMs === undefined && recovery && recovery.rtoMs > 0
      ? [`${title}: no RTO is set; ${formatDuration(recovery.rtoMs)} were measured.`]
      : []),
  ];
}
