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
