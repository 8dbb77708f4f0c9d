import { readFile } from 'node:fs/promises';
import { sha256 } from '../core/canonical.ts';
import { LabError, messageOf, RefusedError } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';
import { decodeLine, genesisHash } from './record-line.ts';
import type { RunRecord } from './records.ts';
import { journalFile } from './run-files.ts';

const lineEnd = 0x0a;

/** A journal whose chain is broken anywhere but in a torn last line. Nothing may be concluded from it, and no run may go on from it. */
export class JournalCorruptError extends RefusedError {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Records that stand before the break and are sound. */
  readonly soundRecords: readonly RunRecord[];

  constructor(file: string, line: number, problem: string, soundRecords: readonly RunRecord[]) {
    super('unsafe', `${file}:${line}: the journal is broken: ${problem}`, { details: { file, line, problem } });
    this.file = file;
    this.line = line;
    this.soundRecords = soundRecords;
  }
}

export interface JournalContent {
  records: RunRecord[];
  /** The file ended in an unfinished line, which was never acknowledged and is left out. */
  tornTail: boolean;
  /** SHA-256 of the last complete line; 64 zeros when there is none. */
  headHash: string;
  /** Bytes up to the end of the last complete line. */
  sizeBytes: number;
}

/**
 * Reads and verifies a run's journal. A last line without line end is what a crash leaves and is ignored; everything else that is not
 * as it was written throws a JournalCorruptError with file, line and what differs. A journal that cannot be read is a LabError.
 */
export async function readJournal(runDir: string): Promise<JournalContent> {
  const file = journalFile(runDir);
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) throw new LabError(`${file}: there is no journal`, { cause, details: { file } });
    throw new LabError(`${file}: the journal cannot be read: ${messageOf(cause)}`, { cause, details: { file } });
  }
  return parseJournal(content, file);
}

/** The same for content in memory; `file` is named in errors. */
export function parseJournal(content: Buffer, file: string): JournalContent {
  const records: RunRecord[] = [];
  let headHash = genesisHash;
  let start = 0;
  for (let end = content.indexOf(lineEnd); end !== -1; end = content.indexOf(lineEnd, start)) {
    const line = content.subarray(start, end);
    const decoded = decodeLine(line);
    const problem = 'problem' in decoded ? decoded.problem : linkProblem(decoded.record, records.length, headHash);
    if (problem !== undefined) throw new JournalCorruptError(file, records.length + 1, problem, records);
    if ('record' in decoded) records.push(decoded.record);
    headHash = sha256(line);
    start = end + 1;
  }
  return { records, tornTail: start < content.length, headHash, sizeBytes: start };
}

function linkProblem(record: RunRecord, expectedSeq: number, expectedPrev: string): string | undefined {
  if (record.seq !== expectedSeq) {
    const relation = record.seq > expectedSeq ? 'records before it are missing' : 'a record was repeated or moved';
    return `its sequence number is ${record.seq} where ${expectedSeq} is due: ${relation}`;
  }
  if (record.prev !== expectedPrev) {
    return `it continues a line with hash ${record.prev}, but the line before it has ${expectedPrev}`;
  }
  return undefined;
}
