/**
 * `damaged`: a file is not what was written, or is missing; nothing can be concluded from it. `disagrees`: the files are sound, but what
 * the journal says does not follow from them. `note`: nothing is wrong, but somebody should know.
 */
export type FindingKind = 'damaged' | 'disagrees' | 'note';

export interface Finding {
  kind: FindingKind;
  /** Machine word for the rule that found it. */
  rule: string;
  /** Relative to the run's folder. */
  file: string;
  /** From 1; absent where the file has no lines or all of it is meant. */
  line?: number;
  message: string;
}

export type Report = (finding: Finding) => void;

/** A finding about a record of the journal. */
export function aboutRecord(kind: FindingKind, rule: string, record: { seq: number }, message: string): Finding {
  return { kind, rule, file: 'journal.jsonl', line: record.seq + 1, message };
}
