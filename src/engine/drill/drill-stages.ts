import type { DrillObjectives, PlannedDrill, PlannedExercise } from '../../journal/drill-records.ts';
import type { PlanStep } from '../../journal/records.ts';
import type { Topology } from '../../topology/topology.ts';

/** Parts of a runbook that make it a drill; see `RunbookStage`. */
export type DrillStage =
  /** Begins the exercise `drill`: the rate of the traffic is measured for so long. Without good service before there is no drill. */
  | { kind: 'baseline'; id: string; drill: string; forMs: number }
  /**
   * These nodes are killed at once, and with `wipe` their data is removed; that they are gone is shown, or the run is void. They stay so until
   * `recover` or `restore-backup`, which also happens when the run ends early. `leader`: whoever leads when it comes to that.
   */
  | { kind: 'lose'; id: string; nodes: string[]; data: 'keep' | 'wipe'; mayHalt?: boolean }
  /** What `lose` took is started again with what is left of it. Refused where the others hold too little to tell it what the chain is: then only `restore-backup` helps. */
  | { kind: 'recover'; id: string; nodes: string[] }
  /** Waits until another node does the work of what was lost. */
  | { kind: 'takeover'; id: string; timeoutMs: number }
  /**
   * Waits for good service, and holds the gate of all nodes that are not down on purpose; ends the exercise. `servedBy` (default all): only what is sent to these nodes is
   * measured, so that a lost node has to do its part again though the others did it meanwhile.
   */
  | { kind: 'service'; id: string; timeoutMs: number; servedBy?: string[] }
  /**
   * Copies of the backup that a `take-backup` stage before took last are spoiled, each another way. A restore must refuse every one of them, and not the
   * backup itself; the node's data must stay as it is.
   */
  | { kind: 'spoiled-backup'; id: string; node: string }
  /** The gate of these nodes must neither pass nor fail: too little can be known. */
  | { kind: 'held-gate'; id: string; nodes: string[] };

/** What a runbook says of the drill that it is. */
export interface DrillRules {
  /** By the id that its `baseline` stage names. */
  exercises: Record<string, Omit<PlannedExercise, 'id' | 'hasService'>>;
  /** Length of the window of good service. Default 60 s; the report says when it is shorter. */
  windowMs?: number;
  /** Default: those of the testnet file. */
  participants?: string[];
  /** Of the action items. Default: that of the testnet file, like `dueMs`. */
  owner?: string;
  dueMs?: number;
  /** The run is to be rolled back; the stages after its change are done all the same. */
  expects?: PlannedDrill['expects'];
}

/** What a testnet file says of drills. */
export interface DrillTargets {
  rtoMs?: number;
  rpoMs?: number;
  participants: readonly string[];
  backupEveryMs?: number;
  /** Of the action items. */
  owner?: string;
  dueMs?: number;
}

/** Share of what is offered that good service acknowledges, and of the rate before. */
const successShare = 0.99;
const rateShare = 0.8;
/** Below this a window says little about the minutes after it. */
const fullWindowMs = 60_000;

export function plannedDrill(
  { exercises, windowMs = fullWindowMs, expects, ...given }: DrillRules,
  stages: readonly { kind: string; id: string; drill?: string }[],
  targets: DrillTargets,
): PlannedDrill {
  const { participants, owner, dueMs } = { ...targets, ...given };
  const withService = exercisesWithService(stages);
  const planned = Object.entries(exercises).map(([id, exercise]) => ({
    id,
    ...exercise,
    hasService: withService.has(id),
  }));
  return {
    exercises: planned,
    windowMs,
    successShare,
    rateShare,
    isShort: windowMs < fullWindowMs && withService.size > 0,
    participants: [...participants],
    ...(owner !== undefined && { owner }),
    ...(dueMs !== undefined && { dueMs }),
    ...(expects && { expects }),
    warnings: planned.flatMap(({ title, objectives }) => backupWarning(title, objectives, targets)),
  };
}

function exercisesWithService(stages: readonly { kind: string; drill?: string }[]): Set<string> {
  const found = new Set<string>();
  let drill: string | undefined;
  for (const stage of stages) {
    if (stage.kind === 'baseline') drill = stage.drill;
    if (stage.kind === 'service' && drill !== undefined) found.add(drill);
  }
  return found;
}

/**
 * The drill takes its own backup right before the disaster; the schedule of every day may be another matter. Until a backup is whole all since the
 * start of the one before can be lost: the time between two starts, and that which a backup takes, whatever that is.
 */
function backupWarning(title: string, { rpoMs }: DrillObjectives, { backupEveryMs }: DrillTargets): string[] {
  if (rpoMs === undefined || backupEveryMs === undefined || backupEveryMs < rpoMs) return [];
  return [
    `${title}: backups every ${minutes(backupEveryMs)} cannot meet an RPO of ${minutes(rpoMs)}: on any other day up to ${minutes(backupEveryMs)} of writes would be lost, and those made while a backup is taken`,
  ];
}

function minutes(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}

/** The step of a plan that a stage of a drill is. */
export function drillStep(stage: DrillStage, { gate, nodes }: Pick<Topology, 'gate' | 'nodes'>): PlanStep {
  const all = nodes.map(({ name }) => name);
  const { id, kind } = stage;
  switch (stage.kind) {
    case 'baseline':
      return { id, kind, nodes: all, drill: stage.drill, forMs: stage.forMs };
    case 'lose': {
      const { data, mayHalt } = stage;
      const back =
        data === 'wipe'
          ? 'it is started, with the data of the run’s backup where the others have no quorum without it'
          : 'it is started';
      return {
        id,
        kind,
        nodes: stage.nodes,
        data,
        ...(mayHalt && { mayHalt }),
        compensation: `${back} when the run ends`,
      };
    }
    case 'recover':
      return { id, kind, nodes: stage.nodes };
    case 'takeover':
      return { id, kind, nodes: all, timeoutMs: stage.timeoutMs };
    case 'service':
      return {
        id,
        kind,
        nodes: all,
        gate,
        timeoutMs: stage.timeoutMs,
        ...(stage.servedBy && { servedBy: stage.servedBy }),
      };
    case 'spoiled-backup':
      return { id, kind, nodes: [stage.node], gate };
    case 'held-gate':
      return { id, kind, nodes: stage.nodes, gate };
  }
}
