/** The public API: what systems/ and runbooks/ are written against. */
export type {
  AlertCheck,
  AlertCondition,
  BlockEvidence,
  FeatureToggle,
  FlagValue,
  GateCheck,
  JsonCheck,
  JsonCondition,
  KeyValueOperations,
  KeyValueResult,
  MetricCheck,
  MetricSelector,
  NetworkPlan,
  NodePlan,
  NodeStatus,
  ProbeClient,
  QuantileCondition,
  QuorumRule,
  RatioCondition,
  RoleProfile,
  SubmitResult,
  SwitchedNode,
  SystemProfile,
  ValueCondition,
} from './spec/profile.ts';
export { UsageError } from './core/errors.ts';
export { didYouMean } from './core/nearest.ts';
export { countOf, durationOf } from './core/parameters.ts';
export type { FaultKind, FaultSpec } from './faults/fault-spec.ts';
export type { HoldExpectations } from './journal/fault-records.ts';
export { actionItems, actionParameters } from './engine/drill/action-items.ts';
export { composeDrills } from './engine/drill/compose-drills.ts';
export { chaosStages } from './engine/chaos/chaos-stages.ts';
export { drillDefaults, type DrillDefaults } from './engine/drill/drill-defaults.ts';
export { defineRunbook } from './engine/runbook.ts';
export type {
  FaultGround,
  NodeTarget,
  OnFailure,
  ParameterSpec,
  PastChange,
  Runbook,
  RunbookContext,
  RunbookNode,
  RunbookPlan,
  RunbookStage,
} from './engine/runbook.ts';
