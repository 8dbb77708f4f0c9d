import type { DrillReport } from './drill-report.ts';
import type { CheckSummary, VerdictKind } from '../gates/verdict.ts';
import type { EffectKind, FindingKind, LoadSummary, PlanStep, RunCost, RunOutcome } from '../journal/records.ts';

/**
 * A run as a person would want to read it, derived from journal, observations and evidence alone. It is plain data: `seatrial report
 * --json` prints it. All times in it are ms since `run.startedAt` unless a name says otherwise.
 */
export interface ReportModel {
  /** Rises when the meaning of a field changes; new fields do not raise it. */
  schema: 'seatrial.report/1';
  headline: Headline;
  run: RunFacts;
  /** Absent for a run that is no drill. */
  drill?: DrillReport;
  cost: CostReport;
  timeline: Timeline;
  steps: StepReport[];
  gates: GateReport[];
  guards: GuardFailure[];
  /** What canary steps found. */
  findings: FindingReport[];
  approvals: ApprovalReport[];
  /** What was broken on purpose. */
  faults: FaultReport[];
  /** What was done to nodes beside changing their release. */
  effects: EffectReport[];
  /** What happened beside steps and gates: interventions, recovery after a crash, effects, choices. */
  course: CourseEntry[];
  nodes: NodeReport[];
  notes: { atMs: number; level: 'info' | 'warning'; text: string }[];
}

/** Meaning of a colour: good, bad, not known for sure, or none of these. */
export type Tone = 'good' | 'bad' | 'unknown' | 'neutral';

export interface Headline {
  tone: Tone;
  /** One or two words, as in `rolled back`. */
  label: string;
  /** What was attempted, on what, what became of it and why. */
  sentence: string;
}

export interface RunFacts {
  id: string;
  testnet: string;
  system: string;
  lab: string;
  runbook: string;
  parameters: Record<string, string>;
  planHash: string;
  /** Gate profile of the plan. */
  gate: string;
  /** The gate profile is too short to say much. */
  weak: boolean;
  onFailure: string;
  seatrialVersion: string;
  /** ISO 8601. */
  startedAt: string;
  /** ISO 8601; absent when the run did not finish. */
  finishedAt?: string;
  durationMs: number;
  outcome: RunOutcome | 'unfinished';
  exitCode?: number;
  reason?: string;
  /** What the run could not give back, a sentence each. */
  left?: string[];
  /** `seatrial resume` has something to go on with. */
  isResumable: boolean;
  /** Somebody paused the run, and nobody has let it go on since. */
  isPaused: boolean;
  worstQuorumMargin?: number;
  /** Steps during which the system halted by design. */
  halts: string[];
  journal: {
    records: number;
    headHash: string;
    /** The last line was unfinished, as a crash leaves it, and is left out. */
    tornTail: boolean;
  };
  observations: ObservationsState;
}

/** `unvouched`: the run did not finish, so that no hash of its observations was recorded. */
export interface ObservationsState {
  lines: number;
  state: 'verified' | 'changed' | 'unvouched' | 'missing';
}

export interface CostReport extends Partial<RunCost> {
  load?: LoadSummary;
  loadPerSecond?: number;
  loadEvidence?: EvidenceReference;
}

export interface EvidenceReference {
  hash: string;
  /** Relative to the run's folder; absent when missing. */
  file?: string;
  state: 'verified' | 'missing' | 'damaged';
}

export interface Span {
  fromMs: number;
  toMs: number;
}

export interface Timeline {
  endMs: number;
  /** Width of one element of every series. */
  bucketMs: number;
  /** In order of appearance; each has a colour of its own. */
  versions: string[];
  lanes: Lane[];
  /** All nodes together. */
  total: Pick<Series, 'acknowledgedPerSecond' | 'errors'>;
  rollbacks: (Span & { reason: string })[];
  /** Moments that concern the whole run: it was resumed, paused, let go on, aborted, or finalised. */
  marks: { atMs: number; label: string; text: string }[];
}

export interface Series {
  /** Transactions acknowledged per second, on average over the bucket. */
  acknowledgedPerSecond: number[];
  /** Errors in the bucket. */
  errors: number[];
  /** Last height seen in the bucket; null when none was. */
  heights: (number | null)[];
}

export interface Lane extends Series {
  node: string;
  releases: ReleaseBand[];
  changes: ChangeReport[];
  gates: GateWindow[];
  /** Node did not answer its liveness probe. */
  down: Span[];
  guards: { atMs: number; text: string }[];
  effects: (Span & { effect: EffectKind | 'fault'; text: string })[];
}

/** What a node ran; version null: it was being changed. While it was absent it has no band. */
export interface ReleaseBand extends Span {
  version: string | null;
}

export interface ChangeReport extends Span {
  action: 'create' | 'replace' | 'remove';
  fromVersion?: string;
  toVersion: string;
  /** False when the run ended before it was done. */
  isDone: boolean;
}

export interface GateWindow extends Span {
  gate: string;
  kind: VerdictKind | 'none';
  phases: GatePhase[];
}

export interface GatePhase extends Span {
  phase: string;
}

export interface StepReport {
  id: string;
  kind: PlanStep['kind'] | 'unplanned';
  nodes: string[];
  from?: string;
  to?: string;
  gate?: string;
  compensation?: string;
  quorumMargin?: number;
  status: 'done' | 'failed' | 'refused' | 'not-reached' | 'open';
  startedMs?: number;
  durationMs?: number;
  /** Verdict of the step's last gate. */
  verdict?: VerdictKind;
  /** What the step's last finding says. */
  finding?: FindingReport['verdict'];
  /** Newest answer to the step's question; `waiting` when there is none. */
  approval?: 'waiting' | NonNullable<ApprovalReport['decision']>;
  /** Why it was refused or failed. */
  reason?: string;
}

export interface GateReport extends Span {
  gate: string;
  step: string;
  nodes: string[];
  profile: string;
  weak: boolean;
  /** `none`: the run ended before there was a verdict. */
  kind: VerdictKind | 'none';
  reason: string;
  cause: string;
  slots: number;
  phases: GatePhase[];
  checks: CheckSummary[];
  evidence?: EvidenceReference;
}

export interface GuardFailure {
  atMs: number;
  step: string;
  node: string;
  check: string;
  reason: string;
}

export interface FindingReport {
  atMs: number;
  step: string;
  finding: FindingKind;
  nodes: string[];
  verdict: 'pass' | 'fail' | 'inconclusive';
  reason: string;
  evidence?: EvidenceReference;
}

export interface ApprovalReport {
  step: string;
  question: string;
  planHash: string;
  requestedMs: number;
  /** Wall time, ms since the epoch. */
  deadlineAtMs: number;
  onTimeout: 'continue' | 'stop';
  /** Absent while nobody has answered. */
  decision?: 'approved' | 'rejected' | 'timed-out';
  by?: string;
  decidedMs?: number;
}

/** A fault, from its injection to its heal. */
export interface FaultReport extends Span {
  /** The step that began it. */
  step: string;
  fault: string;
  kind: string;
  targets: string[];
  parameters: Record<string, string>;
  /** Nodes with a lease. */
  nodes: string[];
  /** Nodes that it keeps from their work. */
  impaired: string[];
  /** How far its life came. */
  state: 'begun' | 'verified' | 'healed' | 'heal-verified';
  voidReason?: string;
  injectMs?: number;
  /** From the injection until its effect was shown. */
  verifiedMs?: number;
  healMs?: number;
  /** From the begin of the heal until its end was shown. */
  healVerifiedMs?: number;
}

export interface EffectReport extends Span {
  step: string;
  effect: EffectKind;
  node: string;
  detail: Record<string, string | number | boolean>;
  /** False when its end was not written down. */
  isDone: boolean;
}

export interface CourseEntry {
  atMs: number;
  /** Type of the record, as in `run.resumed`. */
  type: string;
  tone: Tone;
  text: string;
}

export interface NodeReport {
  node: string;
  before?: NodeState;
  /** Of a run that did not finish: as far as its journal knows. */
  after?: NodeState;
  isChanged: boolean;
  /** An intent without a done: what the node may run instead. */
  inDoubt?: string;
}

export interface NodeState {
  version: string;
  digest: string;
  generation: string;
  state: string;
}
