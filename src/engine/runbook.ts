import type { FaultTestnet } from '../faults/compile-fault.ts';
import type { FaultSpec } from '../faults/fault-spec.ts';
import type { FaultActionKind } from '../lab/faults.ts';
import type { HoldExpectations } from '../journal/fault-records.ts';
import type { DrillRules, DrillStage, DrillTargets } from './drill/drill-stages.ts';
import type { NodeObservation } from '../lab/lab.ts';
import type { FeatureToggle, FlagValue } from '../spec/profile.ts';
import type { Topology } from '../topology/topology.ts';

/** A node as a runbook sees it when it is planned. */
export interface RunbookNode {
  name: string;
  role: string;
  startOrder: number;
  votingPower: number;
  /** Version that the node is to run now. */
  version: string;
  /** Feature flags that the node is to have now. */
  flags: Readonly<Record<string, FlagValue>>;
  state: NodeObservation['state'];
}

/** What happened to versions before, newest first. */
export interface PastChange {
  runId: string;
  runbook: string;
  outcome: string;
  /** Version by node before that run, of the nodes that it touched. */
  before: Record<string, string>;
  /** Version that it last meant each of them to run. */
  after: Record<string, string>;
  /** Values, before that run, of the feature flags that it set, by node; a flag that was not set is absent. */
  flagsBefore: Record<string, Record<string, FlagValue>>;
  /** Feature flags that it set. */
  flagsSet: Record<string, Record<string, FlagValue>>;
  /** It passed a point of no return. */
  isFinal: boolean;
}

/** What faults of a testnet are worked out from. */
export interface FaultGround {
  topology: FaultTestnet['topology'] & Pick<Topology, 'lab'>;
  /** Of each action `true`, or a sentence that says what the lab lacks for it. */
  capabilities: Readonly<Record<FaultActionKind, true | string>>;
}

export interface RunbookContext {
  testnet: string;
  nodes: readonly RunbookNode[];
  /** Versions that the testnet file names. */
  releases: readonly string[];
  /** Features of the system that can be switched, by name, with the flag that sets each for good. */
  toggles: Readonly<Record<string, FeatureToggle['flag']>>;
  /** Name of the gate's profile. */
  gate: string;
  parameters: Readonly<Record<string, string>>;
  history: readonly PastChange[];
  /** What the testnet file says of drills. */
  drills?: DrillTargets;
  /** The testnet has a Prometheus of its own. Default false. */
  hasMonitoring?: boolean;
  /** `true`, or a sentence that says why runs of this testnet offer no traffic. */
  traffic: true | string;
  /** Absent where the lab can break nothing. */
  faults?: FaultGround;
}

/** What to do when a gate fails: undo every node of this run, undo the failed one only, or leave all as it is. */
export type OnFailure = 'rollback' | 'node' | 'hold';

/** What a node is to become. Flags that are not named stay as they are. */
export interface NodeTarget {
  node: string;
  version: string;
  flags?: Record<string, FlagValue>;
}

/** A part of a runbook; the next one begins when it is done. `id` is unique in the plan. */
export type RunbookStage =
  /**
   * Nodes are replaced one after the other in this order, `atOnce` of them (default 1) before each gate. `mayHalt`: the quorum may be
   * lost meanwhile; whoever runs it has agreed. `snapshot` (default false): each node's data is copied between its stop and its change.
   */
  | { kind: 'change'; id: string; changes: NodeTarget[]; atOnce?: number; mayHalt?: boolean; snapshot?: boolean }
  /** The nodes are gated as they are, and then watched for `forMs` more. */
  | { kind: 'soak'; id: string; nodes: string[]; forMs?: number }
  /** Somebody must say yes. `onTimeout` (default `stop`) is what happens when nobody answers in time. */
  | { kind: 'approval'; id: string; question: string; timeoutMs: number; onTimeout?: 'continue' | 'stop' }
  /** Waits until the network has this height. */
  | { kind: 'await-height'; id: string; height: number; timeoutMs: number }
  /** What was done before cannot be taken back from here on. */
  | { kind: 'finalise'; id: string }
  /** Switches a feature of the profile's `toggles` while the node runs, for `ttlMs` at most; `seatrial` extends it while the run goes on. */
  | { kind: 'switch'; id: string; toggle: string; node: string; ttlMs: number }
  /** Ends what `switch` began. */
  | { kind: 'clear'; id: string; toggle: string; node: string }
  /** Proof by output that the nodes have the feature: it shows in each of the next `blocks` blocks. Not proven: inconclusive. */
  | { kind: 'activation'; id: string; toggle: string; nodes: string[]; blocks: number; timeoutMs: number }
  /** Switches the feature on and off on one node, in random order, and compares the harm that it does with that of the others. */
  | {
      kind: 'switchback';
      id: string;
      toggle: string;
      node: string;
      control: string[];
      blocks: number;
      blockMs: number;
      ttlMs: number;
    }
  /** Counts the errors of all of them for `forMs` before anything is changed, for a later `compare`. */
  | { kind: 'calibrate'; id: string; nodes: string[]; control: string[]; forMs: number }
  /** Compares the errors of changed nodes with those of the others for `forMs`; `after` is the id of the `calibrate` stage. */
  | { kind: 'compare'; id: string; nodes: string[]; control: string[]; forMs: number; after: string }
  /** Watches the share of transactions that are acknowledged, for so long; it needs load. */
  | { kind: 'slo'; id: string; objective: number; forMs: number }
  /** New samples of every node must arrive where gates take them from, within `timeoutMs` (default 30 s). `nodes`: default all. */
  | { kind: 'telemetry'; id: string; nodes?: string[]; timeoutMs?: number }
  /**
   * Breaks something, and shows that it did; otherwise the run is void. It stays so across the stages that follow, until it is healed or the
   * run ends. Targets are nodes, roles, or `leader`.
   */
  | { kind: 'fault'; id: string; fault: FaultSpec }
  /**
   * Time passes while faults act; what is expected must be seen. `computed`: what follows from who reaches whom, as far as anything does: nodes
   * that see a quorum go on, others stand still, no two hold different blocks.
   */
  | { kind: 'hold'; id: string; forMs: number; expects?: HoldExpectations | 'computed' }
  /** Ends the fault of the stage with the id `fault`, shows that it is over, and gates the nodes that it kept from their work. */
  | { kind: 'heal'; id: string; fault: string }
  /**
   * Nodes are stopped, copied, started and gated, one after the other within the quorum budget; then their copies are stored. `nodes`:
   * default all, and then together with what the testnet is built from. `to`: default the targets of the testnet file.
   */
  | { kind: 'take-backup'; id: string; nodes?: string[]; to?: string[] }
  /**
   * Nodes get the data of a backup back: all of it is checked before the first byte goes back, and what they then hold at its height is
   * proven. `backup`: its id, `newest`, or `this-run` for the one that an earlier stage took, the last of several. `nodes`: default all, which are then stopped
   * together and started in an order in which they cannot part from the newest of them. `rebuild` (default false): nothing of the testnet
   * is there any more; keys, ports and programs come from the backup as well. `maxAgeMs`: default that of the testnet file.
   * `acceptDoubleSignRisk` (default false): do it though the chain went on and a validator forgets what it has signed since.
   */
  | {
      kind: 'restore-backup';
      id: string;
      backup: string;
      nodes?: string[];
      from?: string[];
      maxAgeMs?: number;
      rebuild?: boolean;
      acceptDoubleSignRisk?: boolean;
    }
  /** `mayHalt`: as for `change`. What is stopped is started again when the run ends, unless it was changed or started since. */
  | { kind: 'stop'; id: string; node: string; mayHalt?: boolean }
  | { kind: 'start'; id: string; node: string }
  /** Starts all of them, each start order after the one before, and gates them together: one by one they might have no quorum. */
  | { kind: 'start-together'; id: string; nodes: string[] }
  /** Parts of a drill. */
  | DrillStage;

/** What a runbook expands to: stages, or the changes of its only stage, which then has the runbook's name. */
export type RunbookPlan = RunbookRules & ({ stages: RunbookStage[] } | { changes: NodeTarget[] });

export interface RunbookRules {
  /** What happens when a gate fails. */
  onFailure: OnFailure;
  /** Offer traffic throughout. Default true. */
  hasLoad?: boolean;
  /** Look for every acknowledged transaction at the end. Default true; traffic of days is only counted. */
  checksLedger?: boolean;
  /** It brings nodes back, and may begin without a quorum where it touches broken ones alone. Default false. */
  isRepair?: boolean;
  /** It brings something new, which must keep the metrics and log fields that others rely on. Default true. */
  isForward?: boolean;
  /**
   * A node that goes back gets the data of its snapshot back as well. What it did since is forgotten, signatures among it: a validator may
   * sign something else at a height that it has signed already. Default false.
   */
  restore?: boolean;
  /** It measures a recovery; see docs/drills.md. */
  drill?: DrillRules;
  /** The whole run's, from its start. Default: none. */
  deadlineMs?: number;
  /** What can be asked for instead, said when the plan is refused as unsafe. Default: nothing. */
  instead?: string;
}

export interface ParameterSpec {
  description: string;
  /** Used when the caller gives none; without it the parameter must be given. */
  default?: string;
  /** The only valid values. */
  values?: readonly string[];
  /** `random` is replaced by a whole number from 0, below 2^32, before the plan is made: the plan then names it. Default false. */
  isSeed?: boolean;
}

/** One file in runbooks/, as its default export. Planning is pure: same context, same plan. */
export interface Runbook {
  /** File name without `.ts`. */
  name: string;
  description: string;
  parameters: Readonly<Record<string, ParameterSpec>>;
  /** Throws UsageError when the parameters cannot be met. */
  plan(context: RunbookContext): RunbookPlan;
}

/** Declares a runbook; only gives it its type. */
export function defineRunbook(runbook: Runbook): Runbook {
  return runbook;
}
