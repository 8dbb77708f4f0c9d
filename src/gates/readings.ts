import type { NodeObservation } from '../lab/lab.ts';
import type { BlockEvidence, NodeStatus } from '../spec/profile.ts';

/** What a question was answered with, or why there is no answer. */
export type Answer<T> = { ok: true; value: T } | { ok: false; error: string };

/** A metric value as JSON can hold it. */
export type MetricValue = number | 'NaN' | '+Inf' | '-Inf';

export interface MetricSample {
  name: string;
  labels: Record<string, string>;
  value: MetricValue;
}

/** The part of a scrape that the checks look at. */
export interface MetricFamilies {
  /** Names that the node exposes, with or without a sample: a family that is not here is absent, not zero. */
  exposed: string[];
  samples: MetricSample[];
}

/** What was seen of one node in one slot. */
export interface NodeReading {
  observation: Answer<NodeObservation>;
  /** Did the node answer its liveness probe? */
  liveness: { ok: boolean; error?: string };
  status: Answer<NodeStatus>;
  /** Absent when no check reads the node's metrics. */
  metrics?: Answer<MetricFamilies>;
}

/** What the nodes hold at one height. A node that has not got the height answered with undefined, and is left out. */
export interface BlockComparison {
  height: number;
  nodes: Record<string, Answer<BlockEvidence>>;
}

/** Answers of Prometheus, all evaluated at one time. */
export interface PrometheusReading {
  evaluatedAtMs: number;
  /** Set when Prometheus could not be asked at all. */
  error?: string;
  /** `up` by node; a node without the series is absent. */
  up: Record<string, number>;
  /** Series by node, by query. A query that failed is an error. */
  results: Record<string, Answer<Record<string, MetricSample[]>>>;
}

/**
 * All that was seen in one slot. This is the evidence: every check is a pure function of readings, and they survive JSON, so
 * that anyone can recompute the verdict later.
 */
export interface SlotReading {
  /** Position on the grid, rising; a gap is a slot that was missed. */
  slot: number;
  /** Grid time as wall time in ms. */
  atMs: number;
  /** Grid time on the monotonic clock in ms; durations are taken from it. */
  monoMs: number;
  /** Nodes in the middle of their own change or about to be repaired: no part of peer and all-node checks. */
  leftOut: string[];
  nodes: Record<string, NodeReading>;
  blocks?: BlockComparison[];
  prometheus?: PrometheusReading;
}

export function metricValue(value: number): MetricValue {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return value;
}

export function metricNumber(value: MetricValue): number {
  if (typeof value === 'number') return value;
  return value === 'NaN' ? NaN : value === '+Inf' ? Infinity : -Infinity;
}
