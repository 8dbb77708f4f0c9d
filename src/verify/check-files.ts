import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { sha256File } from '../core/canonical.ts';
import { messageOf } from '../core/errors.ts';
import { isErrno } from '../core/files.ts';
import { evidenceFile, loadEvidence } from '../journal/evidence.ts';
import { decodeLine } from '../journal/record-line.ts';
import type { RunRecord } from '../journal/records.ts';
import { evidenceFolder, journalFile, ledgerFile, observationsFile } from '../journal/run-files.ts';
import { aboutRecord, type Report } from './finding.ts';

/** Names of fields that hold the hash of a piece of evidence. */
const evidenceFields = new Set(['evidence', 'inputs', 'scene']);
const hashPattern = /^[0-9a-f]{64}$/;

/** Hashes of evidence that a record refers to. */
export function evidenceNamedIn(record: RunRecord): string[] {
  return Object.entries(record).flatMap(([field, value]) =>
    evidenceFields.has(field) && typeof value === 'string' && hashPattern.test(value) ? [value] : [],
  );
}

/**
 * A crash leaves the beginning of a line as the torn end of a journal. A whole line with another byte where its end was is no crash:
 * somebody has edited it, and the record would go unnoticed.
 */
export async function checkTornTail(runDir: string, sizeBytes: number, report: Report): Promise<void> {
  const tail = (await readFile(journalFile(runDir))).subarray(sizeBytes);
  if (tail.length === 0) return;
  const about = { file: 'journal.jsonl', rule: 'torn-tail' };
  for (let end = tail.length - 1; end >= Math.max(1, tail.length - 8); end--) {
    if ('problem' in decodeLine(tail.subarray(0, end))) continue;
    const message = 'its last line is whole, but bytes that were not written follow it in place of the line end';
    report({ ...about, kind: 'damaged', message });
    return;
  }
  report({
    ...about,
    kind: 'note',
    message: `a last line of ${tail.length} bytes was cut off while it was being written`,
  });
}

/** Every piece of evidence is there and what its name says. Returns how many are sound. */
export async function checkEvidence(runDir: string, records: readonly RunRecord[], report: Report): Promise<number> {
  const named = new Map<string, RunRecord>();
  for (const record of records) for (const hash of evidenceNamedIn(record)) named.set(hash, record);
  for (const [hash, record] of named) {
    if ((await evidenceFile(runDir, hash)) === undefined) {
      report(aboutRecord('damaged', 'evidence-missing', record, `evidence/${hash}.json is missing`));
    }
  }
  let sound = 0;
  for (const name of await namesIn(evidenceFolder(runDir))) {
    const file = `evidence/${name}`;
    const hash = name.replace(/\.json(\.gz)?$/, '');
    if (!hashPattern.test(hash)) {
      report({ kind: 'note', rule: 'evidence-unknown', file, message: 'is no evidence; a crash may have left it' });
      continue;
    }
    try {
      await loadEvidence(runDir, hash);
      sound++;
    } catch (error) {
      report({ kind: 'damaged', rule: 'evidence-changed', file, message: messageOf(error) });
    }
    if (!named.has(hash)) {
      report({ kind: 'note', rule: 'evidence-unreferenced', file, message: 'no record refers to it' });
    }
  }
  return sound;
}

/** observations.jsonl against the hash in the record of the run's end. */
export async function checkObservations(
  runDir: string,
  records: readonly RunRecord[],
  isFinished: boolean,
  report: Report,
): Promise<void> {
  const file = 'observations.jsonl';
  const finished = records.findLast((record) => record.type === 'run.finished');
  if (!finished || !isFinished) {
    report({
      kind: 'note',
      rule: 'observations',
      file,
      message: 'the run has not finished, so nothing vouches for it yet',
    });
    return;
  }
  const actual = await sha256File(observationsFile(runDir)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (actual === finished.observations) return;
  const message =
    actual === undefined
      ? 'it is missing'
      : `it was changed: its content has hash ${actual}, record ${finished.seq + 1} of the journal says ${finished.observations}`;
  report({ kind: 'damaged', rule: 'observations', file, message });
}

export interface LedgerCounts {
  sent: number;
  acknowledged: number;
  rejected: number;
  unknown: number;
  /** Sorted, ms. */
  latenciesMs: number[];
}

/** The first bytes of ledger.jsonl, when they have this hash; undefined, and a finding, when not. */
export async function readLedger(
  runDir: string,
  seal: { sha256: string; sizeBytes: number },
  report: Report,
): Promise<LedgerCounts | undefined> {
  const file = 'ledger.jsonl';
  const hash = createHash('sha256');
  const counts: LedgerCounts = { sent: 0, acknowledged: 0, rejected: 0, unknown: 0, latenciesMs: [] };
  let rest = '';
  const unanswered = new Set<number>();
  const count = (line: string): void => {
    const { intent, sequence, outcome, latencyMs } = JSON.parse(line) as {
      intent?: number;
      sequence: number;
      outcome: 'acknowledged' | 'rejected' | 'unknown';
      latencyMs: number;
    };
    if (intent !== undefined) {
      unanswered.add(intent);
      return;
    }
    unanswered.delete(sequence);
    counts.sent++;
    counts[outcome]++;
    if (outcome === 'acknowledged') counts.latenciesMs.push(latencyMs);
  };
  const lines: string[] = [];
  try {
    if (seal.sizeBytes > 0) {
      for await (const chunk of createReadStream(ledgerFile(runDir), {
        end: seal.sizeBytes - 1,
      }) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        const parts = (rest + chunk.toString('latin1')).split('\n');
        rest = parts.pop() ?? '';
        lines.push(...parts);
      }
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    report({ kind: 'damaged', rule: 'ledger', file, message: 'it is missing' });
    return undefined;
  }
  const actual = hash.digest('hex');
  if (actual !== seal.sha256) {
    const message = `it was changed: its first ${seal.sizeBytes} bytes have hash ${actual}, the evidence says ${seal.sha256}`;
    report({ kind: 'damaged', rule: 'ledger', file, message });
    return undefined;
  }
  for (const line of lines) count(line);
  // A process that was killed knows no more of these than that it was about to send them.
  counts.sent += unanswered.size;
  counts.unknown += unanswered.size;
  counts.latenciesMs.sort((a, b) => a - b);
  return counts;
}

/** Size of ledger.jsonl, 0 when there is none. */
export async function ledgerSize(runDir: string): Promise<number> {
  try {
    return (await stat(ledgerFile(runDir))).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
