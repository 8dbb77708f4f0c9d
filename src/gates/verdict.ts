/** Why a slot of a check has no known value. UNKNOWN is never OK and never BAD. */
export type UnknownReason =
  | 'query-error'
  | 'empty'
  | 'stale'
  | 'nan'
  | 'too-few-samples'
  | 'series-set-mismatch'
  | 'identity-mismatch'
  | 'rule-stale'
  | 'slot-missed'
  | 'vacuous'
  | 'scrape-path'
  | 'no-answer-yet';

/** What one check said in one slot. */
export type Sample =
  | { state: 'OK'; value?: number }
  | { state: 'BAD'; detail: string; value?: number }
  | { state: 'UNKNOWN'; reason: UnknownReason; detail?: string };

export function unknown(reason: UnknownReason, detail?: string): Sample {
  return detail === undefined ? { state: 'UNKNOWN', reason } : { state: 'UNKNOWN', reason, detail };
}

export function bad(detail: string, value?: number): Sample {
  return value === undefined ? { state: 'BAD', detail } : { state: 'BAD', detail, value };
}

export type VerdictKind = 'PASS' | 'FAIL' | 'HOLD' | 'INCONCLUSIVE';

/** Summary of one check over a gate. */
export interface CheckSummary {
  check: string;
  node: string;
  critical: boolean;
  advisory: boolean;
  ok: number;
  bad: number;
  unknown: number;
  /** One character a slot, oldest first: `+` OK, `-` BAD, `?` UNKNOWN. */
  slots: string;
  /** A long gate joins so many slots to one character, the worst of them. Absent: 1. */
  slotsPerMark?: number;
  /** The last detail that was not OK. */
  lastDetail?: string;
}

export interface GateVerdict {
  kind: VerdictKind;
  /** A sentence: which check, on which node, after how long, the last value seen. */
  reason: string;
  /** Machine word for the reason: `window-full`, `critical-bad`, `bad-ratio`, `flap`, `identity`, `quorum`, `unknown-run`, `deadline`, … */
  cause: string;
  /** Profiles smoke and quick are labelled weak. */
  weak: boolean;
  slots: number;
  elapsedMs: number;
  checks: CheckSummary[];
}
