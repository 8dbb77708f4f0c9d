import type { NodeObservation } from '../lab/lab.ts';

/** A node as a runbook sees it when it is planned. */
export interface RunbookNode {
  name: string;
  role: string;
  startOrder: number;
  votingPower: number;
  /** Version that the node is to run now. */
  version: string;
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
}

export interface RunbookContext {
  testnet: string;
  nodes: readonly RunbookNode[];
  /** Versions that the testnet file names. */
  releases: readonly string[];
  parameters: Readonly<Record<string, string>>;
  history: readonly PastChange[];
}

/** What to do when a gate fails: undo every node of this run, undo the failed one only, or leave all as it is. */
export type OnFailure = 'rollback' | 'node' | 'hold';

/** What a runbook expands to: one node after the other, a gate after each. */
export interface RunbookPlan {
  /** Nodes in the order they are changed, with the version that each is to run. */
  changes: { node: string; version: string }[];
  onFailure: OnFailure;
  /** Offer traffic throughout. Default true. */
  hasLoad?: boolean;
  /** It brings nodes back, and may begin without a quorum where it touches broken ones alone. Default false. */
  isRepair?: boolean;
}

export interface ParameterSpec {
  description: string;
  /** Used when the caller gives none; without it the parameter must be given. */
  default?: string;
  /** The only valid values. */
  values?: readonly string[];
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
