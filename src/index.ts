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
export { countOf, durationOf } from './engine/parameters.ts';
export { defineRunbook } from './engine/runbook.ts';
export type {
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
