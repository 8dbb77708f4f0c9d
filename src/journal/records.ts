import type { GateVerdict } from '../gates/verdict.ts';
import type { FaultRecord, HoldExpectations, PlannedFault } from './fault-records.ts';
import type { DrillRecord, PlannedDrill } from './drill-records.ts';

/** Fields that the journal adds to every record. */
export interface RecordEnvelope {
  /** From 0, without gaps. */
  seq: number;
  /** Wall time, ISO 8601 with ms. */
  at: string;
  /** Monotonic time in ms since the run started (or was resumed). */
  monoMs: number;
  /** SHA-256 of the line before; 64 zeros in the first record. */
  prev: string;
}

/** Values of feature flags by name. */
export type FlagSettings = Record<string, string | number | boolean>;

/** One node before the run, for the next operator and for rollback. */
export interface NodeBefore {
  node: string;
  version: string;
  digest: string;
  generation: string;
  state: string;
  /** Feature flags that it has. */
  flags?: FlagSettings;
}

/** What a run begins with, beside its plan. Stored as evidence, so that another process can go on with exactly that. */
export interface RunStart {
  /** SHA-256 of the testnet file. */
  specHash: string;
  /** What each node ran, or was to run, before the run. */
  before: { versions: Record<string, string>; flags?: Record<string, FlagSettings> };
  /** The releases that the plan may start, as they were resolved. */
  releases: unknown[];
}

export interface PlanStep {
  /** Stable name, as in `upgrade/validator-0`. */
  id: string;
  kind:
    | 'preflight'
    | 'create'
    | 'replace'
    | 'gate-all'
    | 'load'
    | 'verify'
    | 'approval'
    | 'soak'
    | 'await-height'
    | 'finalise'
    | 'switch'
    | 'activation'
    | 'switchback'
    | 'calibrate'
    | 'compare'
    | 'slo'
    | 'stop'
    | 'start'
    | 'snapshot'
    | 'telemetry'
    | 'fault'
    | 'hold'
    | 'heal'
    | 'baseline'
    | 'lose'
    | 'recover'
    | 'takeover'
    | 'service'
    | 'spoiled-backup'
    | 'held-gate'
    | 'take-backup'
    | 'store-backup'
    | 'restore-backup';
  nodes: string[];
  /** Steps of one stage are rolled in one go, and planned together against what is there. */
  stage?: string;
  /** Steps of one batch are gated together, after the last of them. */
  batch?: number;
  /** Versions by node. */
  from?: string;
  to?: string;
  /** The quorum may be lost while the step runs. */
  mayHalt?: boolean;
  /** Feature flags that the node is given beside those that it has. */
  flags?: FlagSettings;
  /** The node's data is copied between its stop and its change. */
  snapshot?: boolean;
  /** What the node will be when the step is done; see `TopologyNode.generation`. */
  generation?: string;
  gate?: string;
  /** Length of a soak, a comparison or a watch, and of one block of a switchback, in ms. */
  forMs?: number;
  /** Longest wait of the step, in ms. */
  timeoutMs?: number;
  /** `approval`: what is asked, and what silence means. */
  question?: string;
  onTimeout?: 'continue' | 'stop';
  /** `await-height`. */
  height?: number;
  /** `switch`, `activation`, `switchback`: the feature; for how long it is switched; whether it is on. */
  toggle?: string;
  ttlMs?: number;
  on?: boolean;
  /** `activation`: blocks in which it must show. `switchback`: times that it is switched. */
  blocks?: number;
  /** `switchback`, `compare`: nodes that are compared with those of the step. */
  control?: string[];
  /** `compare`: the step whose counts it stands on. `store-backup`: the stage whose nodes it stores. */
  after?: string;
  /** `fault`. */
  fault?: PlannedFault;
  /** `hold`. */
  expects?: HoldExpectations;
  /** `heal`: the step whose fault it ends. */
  heals?: string;
  /** `baseline`: the exercise that it begins. */
  drill?: string;
  /** `service`: only what is sent to these nodes is measured. */
  servedBy?: string[];
  /** `lose`: what becomes of the data. */
  data?: 'keep' | 'wipe';
  /** `store-backup`, `restore-backup`: places of backups, as they were named; none: those of the testnet file. */
  targets?: string[];
  /** Beside what the step says of its nodes: all of the testnet, and what it is built from. */
  isWhole?: boolean;
  /** `restore-backup`: id, `newest` or `this-run`. */
  backup?: string;
  /** `restore-backup`: an older one is refused. */
  maxAgeMs?: number;
  /** `restore-backup`: keys, ports and programs are put back as well; nothing of the testnet may be there. */
  rebuild?: boolean;
  /** `restore-backup`: whoever runs it knows that a validator may sign a height twice. */
  acceptsDoubleSign?: boolean;
  /** `slo`: share of good events, as 0.99. */
  objective?: number;
  /** What undoes it; the sentence is for people. */
  compensation?: string;
  /** Voting power left over the quorum threshold while the step runs; negative halts the chain. Absent without quorum. */
  quorumMargin?: number;
}

/** Ordered steps of a run. Its hash is what is executed and approved. */
export interface Plan {
  testnet: string;
  runbook: string;
  parameters: Record<string, string>;
  lab: string;
  gate: string;
  onFailure: 'rollback' | 'node' | 'hold';
  /** It may begin without a quorum where it touches broken nodes alone. */
  isRepair?: boolean;
  /** Digest by version of every release that the plan may start. */
  releases?: Record<string, string>;
  /** What happens when a changed node has lost a metric, a label or a log field. Absent: nobody looks. */
  contract?: 'enforce' | 'warn';
  /** Nodes that go back get the data of their snapshot back. */
  restore?: boolean;
  /** From the start of the run, in ms; nothing extends it. */
  deadlineMs?: number;
  /** What is measured of a drill, and what is to be reached. */
  drill?: PlannedDrill;
  steps: PlanStep[];
  worstQuorumMargin?: number;
  /** Steps during which the system halts by design (availability: halt-allowed). */
  halts: string[];
}

export type RunOutcome =
  | 'passed'
  | 'failed'
  | 'rolled-back'
  | 'rollback-failed'
  | 'held'
  | 'inconclusive'
  /** A fault whose effect, or whose end, could not be shown: whatever else was seen says nothing. */
  | 'void'
  | 'refused'
  | 'interrupted'
  | 'aborted'
  | 'error';

/** What is found of an action whose end was not written down; see `observed`. */
export type ObserveVerdict = 'absent' | 'partial' | 'complete' | 'foreign' | 'unknown';

/** Something that a run does to a node beside creating, replacing and removing it. */
export type EffectKind = 'switch' | 'clear' | 'stop' | 'start' | 'snapshot' | 'restore' | 'kill' | 'wipe';

/** What a step can find. */
export type FindingKind =
  'activation' | 'switchback' | 'comparison' | 'slo' | 'contract' | 'missed-slots' | 'restore' | 'telemetry' | 'hold';

/** What happened in a run, in the order it happened. Evidence of bulk (samples, series) is stored beside it by content hash. */
export type RunEvent =
  | {
      type: 'run.started';
      runId: string;
      testnet: string;
      system: string;
      lab: string;
      runbook: string;
      planHash: string;
      plan: Plan;
      seatrialVersion: string;
      /** Hash of the program that runs: another one does not go on with this run unless it is accepted. */
      code?: string;
      /** Evidence that holds what else the run began with; see `RunStart`. */
      inputs?: string;
      before: NodeBefore[];
    }
  | { type: 'step.started'; step: string }
  | { type: 'step.done'; step: string }
  | { type: 'step.refused'; step: string; reason: string }
  /** Nodes that did not work before the run touched anything; to take them back would break them again. */
  | { type: 'preflight.found'; broken: string[] }
  /**
   * What these nodes promised before the run touched them; see `contract`. The evidence holds by node its `ContractBefore`. Absent in older
   * runs.
   */
  | { type: 'contract.seen'; nodes: string[]; evidence: string }
  | {
      type: 'intent';
      step: string;
      action: 'create' | 'replace' | 'remove';
      node: string;
      fromVersion?: string;
      toVersion: string;
      toDigest: string;
      generation: string;
      flags?: FlagSettings;
    }
  | {
      type: 'done';
      step: string;
      action: 'create' | 'replace' | 'remove';
      node: string;
      digest: string;
      instance: string;
      version: string;
      tookMs: number;
    }
  | { type: 'gate.started'; gate: string; step: string; nodes: string[]; profile: string; deadlineMs: number }
  | { type: 'gate.phase'; gate: string; phase: 'preflight' | 'identity' | 'settle' | 'observe' | 'soak' }
  | {
      type: 'gate.verdict';
      gate: string;
      step: string;
      nodes: string[];
      verdict: GateVerdict;
      evidence: string;
      scene?: string;
    }
  /** A part of a long gate is stored; its parts in order are what the gate has counted so far. */
  | { type: 'gate.segment'; gate: string; index: number; evidence: string }
  | {
      type: 'guard.failed';
      step: string;
      node: string;
      check: string;
      reason: string;
      /** What the guard saw, as a gate's evidence. Absent in older runs. */
      evidence?: string;
    }
  | { type: 'rollback.started'; reason: string; nodes: string[] }
  | { type: 'load.started'; perSecond: number }
  | { type: 'load.finished'; summary: LoadSummary; evidence: string }
  /** The run goes on in another process. `code`: hash of the program that goes on; `acceptedCode`: it differs, and was accepted by name. */
  | {
      type: 'run.resumed';
      by: { host: string; pid: number };
      seatrialVersion: string;
      code: string;
      acceptedCode?: boolean;
    }
  /** The lab's lease is ours from here; a higher token than any before. */
  | { type: 'lease.taken'; token: number }
  /** What was found of an action that has an intent and no done, before anything is done about it. */
  | { type: 'observed'; step: string; action: string; node: string; verdict: ObserveVerdict; detail?: string }
  | {
      type: 'effect.intent';
      step: string;
      effect: EffectKind;
      node: string;
      detail: Record<string, string | number | boolean>;
    }
  | {
      type: 'effect.done';
      step: string;
      effect: EffectKind;
      node: string;
      tookMs: number;
      detail: Record<string, string | number | boolean>;
    }
  /** Something that was chosen while the run went on, such as a seed. */
  | { type: 'choice'; step: string; name: string; value: string | number }
  | {
      type: 'approval.requested';
      step: string;
      planHash: string;
      question: string;
      deadlineAtMs: number;
      onTimeout: 'continue' | 'stop';
    }
  | {
      type: 'approval.decided';
      step: string;
      planHash: string;
      decision: 'approved' | 'rejected' | 'timed-out';
      by: string;
    }
  | { type: 'paused'; by: string }
  | { type: 'continued'; by: string }
  | { type: 'abort.requested'; by: string }
  /** What a step found that is no gate. */
  | {
      type: 'finding';
      step: string;
      finding: FindingKind;
      nodes: string[];
      verdict: 'pass' | 'fail' | 'inconclusive';
      reason: string;
      evidence: string;
    }
  /** What comes before this cannot be taken back any more. */
  | { type: 'finalised'; step: string }
  | FaultRecord
  | DrillRecord
  | { type: 'note'; level: 'info' | 'warning'; text: string }
  | {
      type: 'run.finished';
      outcome: RunOutcome;
      exitCode: number;
      reason?: string;
      /** What the run broke, stopped or switched and could not give back, a sentence each; absent where that is nothing. */
      left?: string[];
      after: NodeBefore[];
      cost?: RunCost;
      observations: string;
    };

export interface LoadSummary {
  sent: number;
  acknowledged: number;
  rejected: number;
  unknown: number;
  /** Acknowledged, and not found on every node afterwards. */
  lost: number;
  /** Found in more than one place. */
  duplicated: number;
  /** What else `checkLedger` found; absent in older runs. */
  rolledBack?: number;
  resurrected?: number;
  reordered?: number;
  acceptedByMinority?: number;
  misplaced?: number;
  disagreements?: number;
  /** Acknowledged but not looked for, and why; a figure of lost = 0 means nothing without this being 0. */
  unchecked: number;
  latencyP50Ms?: number;
  latencyP95Ms?: number;
}

/** What the run cost the network's users. */
export interface RunCost {
  /** Consensus rounds without a block, over the whole run. */
  missedRounds?: number;
  /** Longest time in which the highest height did not rise, ms. */
  worstStallMs?: number;
  lost: number;
  duplicated: number;
  durationMs: number;
}

export type RunRecord = RecordEnvelope & RunEvent;

/** One line of observations.jsonl: what was seen of a node in one slot. Not part of the hash chain; its hash stands in run.finished. */
export interface ObservationLine {
  atMs: number;
  node: string;
  state: string;
  version?: string;
  digest?: string;
  height?: number;
  peers?: number;
  /** Node answered its liveness probe. */
  alive: boolean;
  /** Transactions this node acknowledged, and errors, since the line before. */
  acknowledged: number;
  errors: number;
  /** The line stands for all slots after this time; its counts are their sum. Absent: for its own slot alone. */
  sinceMs?: number;
}
