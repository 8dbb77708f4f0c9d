import { basename, relative } from 'node:path';
import { exitCode } from '../core/exit-code.ts';
import type { RunRecord } from '../journal/records.ts';
import { JournalCorruptError, readJournal, type JournalContent } from '../journal/read-journal.ts';
import { checkFaults } from './check-faults.ts';
import { checkEvidence, checkObservations, checkTornTail } from './check-files.ts';
import { checkGates, type GateCheckOptions } from './check-gates.ts';
import { checkOrder } from './check-order.ts';
import { checkLoad, checkOutcome, checkPlan } from './check-outcome.ts';
import { checkPassed } from './check-passed.ts';
import type { Finding, Report } from './finding.ts';

export interface VerifyOptions {
  /** `.seatrial/<testnet>/runs/<id>`. */
  runDir: string;
  /** The profile of a system by its name; asked for only where the evidence of an older run does not hold the rules. */
  loadProfile: (system: string) => ReturnType<GateCheckOptions['loadProfile']>;
}

export interface Verification {
  schema: 'seatrial.verification/1';
  run: string;
  /** `damaged` before `disagrees`: of files that were changed nothing follows. */
  result: 'agrees' | 'disagrees' | 'damaged';
  isFinished: boolean;
  /** As the journal has it; absent while the run has not finished. */
  outcome?: string;
  /** Hash of the journal's last line: two copies of a run with the same one are the same run. */
  headHash?: string;
  records: number;
  /** Pieces of evidence that are what their names say. */
  evidence: number;
  /** Verdicts that were made again, those of guards included. */
  verdicts: number;
  findings: Finding[];
}

/** Makes everything again that a run's journal says, from the journal and its evidence alone, and tells what differs. */
export async function verifyRun({ runDir, loadProfile }: VerifyOptions): Promise<Verification> {
  const findings: Finding[] = [];
  const report: Report = (finding) => void findings.push(finding);
  const journal = await readSound(runDir, report);
  const { records } = journal;
  const started = records.find((record) => record.type === 'run.started');
  const last = records.findLast(({ type }) => type !== 'note');
  const finished = last?.type === 'run.finished' ? last : undefined;
  const isFinished = finished !== undefined;
  const evidence = await checkEvidence(runDir, records, report);
  let verdicts = 0;
  if (journal.isSound) {
    checkBegun(records, report);
    await checkTornTail(runDir, journal.sizeBytes, report);
    checkPlan(records, report);
    checkOrder(records, report);
    checkFaults(records, report);
    verdicts = await checkGates({ runDir, records, loadProfile: () => loadProfile(started?.system ?? ''), report });
    await checkLoad(runDir, records, isFinished, report);
    await checkObservations(runDir, records, isFinished, report);
    checkOutcome(records, report);
    checkPassed(records, report);
  }
  return {
    schema: 'seatrial.verification/1',
    run: started?.runId ?? basename(runDir),
    result: resultOf(findings),
    isFinished,
    ...(finished && { outcome: finished.outcome }),
    ...(journal.isSound && { headHash: journal.headHash }),
    records: records.length,
    evidence,
    verdicts,
    findings,
  };
}

/** A process that was killed before its first record has touched nothing; of its journal nothing follows. */
function checkBegun(records: readonly RunRecord[], report: Report): void {
  if (records.length > 0) return;
  const message = 'it holds no record: a run begins with run.started, and without it nothing can be concluded';
  report({ kind: 'damaged', rule: 'empty', file: 'journal.jsonl', message });
}

const exitCodes = {
  agrees: exitCode.pass,
  disagrees: exitCode.failed,
  // As for a command that is refused because the journal cannot be trusted.
  damaged: exitCode.refused,
};

export function exitCodeOfVerification({ result }: Verification): number {
  return exitCodes[result];
}

function resultOf(findings: readonly Finding[]): Verification['result'] {
  if (findings.some(({ kind }) => kind === 'damaged')) return 'damaged';
  return findings.some(({ kind }) => kind === 'disagrees') ? 'disagrees' : 'agrees';
}

type Sound = Pick<JournalContent, 'records' | 'headHash' | 'sizeBytes'> & { isSound: boolean };

/** The journal; where it is broken, what stands before the break. A journal that is not there is an error of the caller. */
async function readSound(runDir: string, report: Report): Promise<Sound> {
  try {
    return { ...(await readJournal(runDir)), isSound: true };
  } catch (error) {
    if (!(error instanceof JournalCorruptError)) throw error;
    const { file, line, soundRecords } = error;
    const message = `${String(error.details.problem)}. Nothing after it can be trusted`;
    report({ kind: 'damaged', rule: 'chain', file: relative(runDir, file), line, message });
    return { records: [...soundRecords], headHash: '', sizeBytes: 0, isSound: false };
  }
}
