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
  /**
   * Did the node answer its liveness probe? `silentMs`: it neither answered nor refused, and was given so long in this slot. `mayBeSlow`:
   * it has been silent for too short a time to be called down, counted over all slots.
   */
  liveness: { ok: boolean; error?: string; silentMs?: number; mayBeSlow?: true };
  status: Answer<NodeStatus>;
  /** Absent when no check reads the node's metrics. */
  metrics?: Answer<MetricFamilies>;
  /** What the JSON checks ask for, by `jsonKey`. Null: it is not there; what is no number is NaN. */
  json?: Record<string, Answer<MetricValue | null>>;
  /** Only of nodes that are judged, and only where the profile knows what an error in a log looks like. */
  logs?: Answer<LogCount>;
}

/** What a node's present start has logged so far. Both numbers only rise. */
export interface LogCount {
  lines: number;
  errors: number;
  /** False: the lab cannot say when a line was written, so that nobody knows whose it is. */
  isTimed: boolean;
  /** The newest line that is an error, cut short. */
  lastError?: string;
}

/** What the nodes hold at one height. A node that has not got the height answered with undefined, and is left out. */
export interface BlockComparison {
  height: number;
  nodes: Record<string, Answer<BlockEvidence>>;
}

/** The newest sample of a series, and when it was taken by Prometheus' clock. */
export interface StoredSample extends MetricSample {
  atMs: number;
}

/** What Prometheus knows of one target. All times are by its own clock. */
export interface StoredTarget {
  /** Addresses under which it is scraped at this time; a target that is none any more has none. */
  instances: string[];
  /** Of the newest scrape, 1 or 0; absent when there is no recent one. */
  up?: number;
  /** When it was scraped with success lately, newest last. */
  scrapesMs: number[];
  /** Values of `process_start_time_seconds` lately, each with the time at which it was first seen. */
  starts: { atMs: number; seconds: number }[];
  /** Series that the newest scrape holds; of series with times of their own, those that are left. */
  samples: StoredSample[];
}

/** An alerting rule as Prometheus evaluated it last. */
export interface AlertRule {
  name: string;
  severity?: string;
  health: string;
  lastError?: string;
  evaluatedAtMs: number;
  intervalMs: number;
  /** How long its condition must hold before it fires. */
  forMs: number;
  /** Alerts of this testnet, or of none in particular. */
  alerts: { state: string; node?: string; summary?: string }[];
}

/** Answers of Prometheus, all evaluated at one time. */
export interface PrometheusReading {
  /** By Prometheus' clock. */
  evaluatedAtMs: number;
  /** How far Prometheus' clock is ahead of this program's. */
  clockAheadMs: number;
  /** A sample that is older than this at the evaluation time is stale. */
  maxAgeMs: number;
  /** Set when Prometheus could not be asked at all. */
  error?: string;
  /** Every target with this testnet's label, by its node label. */
  targets: Record<string, StoredTarget>;
  /** When Prometheus itself started, where it scrapes itself. */
  ownStartedAtMs?: number;
  /** It refused its newest configuration and goes on with an old one. Absent where it does not scrape itself. */
  hasOldConfig?: boolean;
  /** The alerting rules that the checks name, and the watchdog. Absent when no check asks for alerts. */
  rules?: Answer<AlertRule[]>;
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
