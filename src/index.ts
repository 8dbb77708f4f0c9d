/** The public API: what systems/ and runbooks/ are written against. */
export type {
  BlockEvidence,
  MetricCheck,
  MetricSelector,
  NetworkPlan,
  NodePlan,
  NodeStatus,
  ProbeClient,
  QuorumRule,
  RatioCondition,
  RoleProfile,
  SubmitResult,
  SystemProfile,
  ValueCondition,
} from './spec/profile.ts';
export { UsageError } from './core/errors.ts';
export { didYouMean } from './core/nearest.ts';
export { defineRunbook } from './engine/runbook.ts';
export type {
  OnFailure,
  ParameterSpec,
  PastChange,
  Runbook,
  RunbookContext,
  RunbookNode,
  RunbookPlan,
} from './engine/runbook.ts';
