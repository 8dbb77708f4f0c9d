/** Moments of a drill, in the order in which a recovery goes through them. */
export const drillMilestones = [
  /** The measurement of the service before the disaster began. */
  'begun',
  /** The oldest backup that a recovery may stand on was begun. */
  'backup',
  /** Something was broken. */
  'injected',
  /** That it is broken was shown. */
  'verified',
  /** Something other than the drill itself noticed: a probe, a refused write, a guard, an alert. */
  'detected',
  /** An alert of Prometheus fires; the Alertmanager has it. */
  'alert-firing',
  'alert-delivered',
  /** Recovery was begun, or a person agreed to it. */
  'decided',
  /** Another node does the work of the one that is gone. */
  'taken-over',
  /** What was broken is whole again; whether it serves is the next question. */
  'restored',
  /** The first window of good service began. */
  'service',
] as const;

export type DrillMilestone = (typeof drillMilestones)[number];

const beforeDisaster: readonly DrillMilestone[] = ['begun', 'backup'];

/** The milestones that count, in order of the journal. Where a disaster was taken again, as after an interruption, those of the first time do not. */
export function standingMilestones<Reached extends { milestone: DrillMilestone }>(
  reached: readonly Reached[],
): Reached[] {
  const isInjected = ({ milestone }: Reached): boolean => milestone === 'injected';
  const last = reached.findLastIndex(isInjected);
  if (reached.findIndex(isInjected) === last) return [...reached];
  return reached.filter(({ milestone }, index) => index >= last || beforeDisaster.includes(milestone));
}

/** What is to be reached. What is left out is measured and not judged. */
export interface DrillObjectives {
  /** From the verified disaster to the begin of good service. */
  rtoMs?: number;
  /** Age, when the disaster was verified, of the oldest acknowledged write that may be missing afterwards. */
  rpoMs?: number;
  /** Acknowledged writes that may be missing afterwards. */
  rpoWrites?: number;
  /** From the verified disaster until another node has taken over. */
  takeoverMs?: number;
}

/** One disaster of a drill, and the recovery from it. */
export interface PlannedExercise {
  /** Unique in the plan. */
  id: string;
  title: string;
  objectives: DrillObjectives;
  /** When milestones should be reached, from `begun` of the disaster (`injected`) on. Missed ones are issues, not failures. */
  targetsMs?: Partial<Record<DrillMilestone, number>>;
  /** It ends with good service, which is measured. */
  hasService: boolean;
}

/** What makes a run a drill; part of its plan. */
export interface PlannedDrill {
  exercises: PlannedExercise[];
  /** Good service is one window of this length with these shares of success, and of the rate before. */
  windowMs: number;
  successShare: number;
  rateShare: number;
  /** The window is shorter than the 60 s that a full-size drill asks for. */
  isShort: boolean;
  participants: string[];
  /** Who sees to the action items, and within which time of the run's begin; absent: left blank. */
  owner?: string;
  dueMs?: number;
  /** The drill shows that a bad release is taken back: a run that is not rolled back has failed. */
  expects?: 'rolled-back';
  /** What is known before anything is done, as that backups are too rare for the RPO. */
  warnings: string[];
}

/** Time from the verified disaster to good service, and what it was spent on. The parts add up to it; those that nothing marked are absent. */
export interface RecoveryTime {
  rtoMs: number;
  parts: { detectMs?: number; decideMs?: number; restoreMs?: number; serviceMs: number };
}

/** Acknowledged writes that are missing after the recovery. */
export interface RecoveryPoint {
  lostWrites: number;
  /** Age of the oldest when the disaster was verified; 0 where none is lost, or all were acknowledged later. */
  oldestLostMs: number;
  /** Undone by the system as it says it would: on the smaller side of a partition. */
  rolledBackWrites: number;
  /** Lost though acknowledged before the backup was begun that was put back. */
  lostFromBackup: number;
}

export interface DrillIntegrity {
  duplicated: number;
  resurrected: number;
  reordered: number;
  acceptedByMinority: number;
  /** Acknowledged for one height and found at another; and heights at which nodes hold different blocks. Absent in older runs. */
  misplaced?: number;
  disagreements?: number;
  /** Acknowledged writes that nobody could look for: with any of them the rest says little. */
  unchecked: number;
}

/** `void`: the disaster could not be shown. */
export type DrillVerdict = 'pass' | 'fail' | 'inconclusive' | 'void';

export interface ExerciseResult {
  drill: string;
  verdict: DrillVerdict;
  /** What is missed, or not known. Empty for a pass. */
  reasons: string[];
  recovery?: RecoveryTime;
  takeoverMs?: number;
  /** Absent where no ledger was checked. */
  rpo?: RecoveryPoint;
}

/** What happened in a drill, beside steps, gates and faults. Times are wall times of the ledger, which do not jump within a process. */
export type DrillRecord =
  | { type: 'drill.milestone'; drill: string; milestone: DrillMilestone; atMs: number; detail?: string }
  | {
      type: 'drill.baseline';
      drill: string;
      fromMs: number;
      toMs: number;
      offered: number;
      acknowledged: number;
      /** Acknowledged a second. */
      perSecond: number;
    }
  /** Ledger and milestones made into figures, at the end of the run. */
  | { type: 'drill.result'; exercises: ExerciseResult[]; integrity?: DrillIntegrity; evidence: string };
