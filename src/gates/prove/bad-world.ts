import type { NodeObservation, LogLine } from '../../lab/lab.ts';
import type { BlockEvidence, NodeStatus } from '../../spec/profile.ts';
import type { HttpRequest } from '../probe-client.ts';
import type { MetricSample } from '../readings.ts';

/** One call on its way, and whom it asks. */
export interface Call {
  request: HttpRequest;
  url: URL;
  asks: { kind: 'node'; node: string; port: string } | { kind: 'prometheus' } | { kind: 'other' };
}

export interface HttpAnswer {
  status: number;
  text: string;
}

/** Where and when an alteration is made. */
export interface Moment {
  node: string;
  /** Slots shown before this one, from 0. */
  slot: number;
}

/**
 * What a bad world does to answers on their way from the testnet to the gate. Every part is given what really came back; the
 * testnet itself is asked as always and never touched.
 */
export interface Tampering {
  /** The call gets no answer. */
  isRefused?(call: Call): boolean;
  /** Changes the whole answer. */
  answer?(call: Call, answer: HttpAnswer, slot: number): HttpAnswer;
  /** Changes the samples of one node, on its own page and in what Prometheus answers. Throws NotMakeable. */
  samples?(samples: readonly MetricSample[], at: Moment): MetricSample[];
  /** `samples` are changed on the node's page alone: Prometheus is not asked for what only that page is read for. */
  isPageOnly?: boolean;
  /** Names of metrics that disappear, their declaration included. */
  lostMetrics?: ReadonlySet<string>;
  /** Prometheus' `up` of a node; `absent` removes the series. */
  up?: 0 | 'absent';
  /** So much older are the samples that Prometheus holds of a node. */
  agedMs?: number;
  /** Changes what the profile made of the node's answer: only the profile knows where in it a height stands. */
  status?(status: NodeStatus, at: Moment): NodeStatus;
  block?(block: BlockEvidence): BlockEvidence;
  /** Changes what the lab sees; may throw, as a lab does that cannot be asked. */
  observe?(observation: NodeObservation, at: Moment): NodeObservation;
  logs?(lines: readonly LogLine[], at: Moment & { nowMs: number }): LogLine[];
}

/** A world in which these checks must not stay OK. */
export interface BadWorld {
  name: string;
  /** What is wrong in it, as a sentence for people. */
  title: string;
  /** `harm`: the checks must turn BAD. `blind`: they can know nothing, so BAD or UNKNOWN will do. */
  kind: 'harm' | 'blind';
  checks: readonly string[];
  /** Nodes whose answers are altered, and whose checks must turn. */
  nodes: readonly string[];
  /** Time that the check itself gives a node before it calls it bad, on top of three slots. */
  allowanceMs: number;
  /** Made anew for every showing, because it may remember. */
  tampering(): Tampering;
}

/** The real answers hold nothing from which this world could be made; the message says what is missing. */
export class NotMakeable extends Error {}
