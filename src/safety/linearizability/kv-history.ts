interface OperationBasics {
  /** Who did it, and after an operation without an answer under another name: one process does one thing at a time. */
  process: string;
  /** The node that was asked. */
  node: string;
  key: string;
  /** On one monotonic clock for all processes, in ms: right before the call and right after its answer. */
  callMs: number;
  returnMs: number;
  /** `fail`: it never takes effect. `unknown`: it may, at any time after its call, or never. */
  outcome: 'ok' | 'fail' | 'unknown';
}

/** One operation of a key-value history. What it returned counts only where the outcome is `ok`. */
export type KvOperation = OperationBasics &
  (
    | { kind: 'read'; value: string | null }
    | { kind: 'write'; value: string }
    | { kind: 'cas'; expected: string | null; value: string; isApplied: boolean }
  );
