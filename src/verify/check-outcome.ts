import { hashOf } from '../core/canonical.ts';
import { loadEvidence } from '../journal/evidence.ts';
import { exitCodeOf } from '../journal/outcome-exit-code.ts';
import type { LoadSummary, RunRecord } from '../journal/records.ts';
import { ledgerSize, readLedger, type LedgerCounts } from './check-files.ts';
import { aboutRecord, type Report } from './finding.ts';

type Of<Type extends RunRecord['type']> = Extract<RunRecord, { type: Type }>;

/** The plan's hash is the plan's. */
export function checkPlan(records: readonly RunRecord[], report: Report): void {
  for (const record of records) {
    if (record.type !== 'run.started') continue;
    const actual = hashOf(record.plan);
    if (actual !== record.planHash) {
      const message = `the plan has hash ${actual}, the record says ${record.planHash}`;
      report(aboutRecord('disagrees', 'plan', record, message));
    }
  }
}

/** The exit code is the outcome's, and the outcome follows from the verdicts. */
export function checkOutcome(records: readonly RunRecord[], report: Report): void {
  const load = records.findLast((record) => record.type === 'load.finished');
  for (const [index, record] of records.entries()) {
    if (record.type !== 'run.finished') continue;
    const before = records.slice(0, index);
    const expected = exitCodeOf(record.outcome);
    if (record.exitCode !== expected) {
      const message = `outcome ${record.outcome} has exit code ${expected}, the record says ${record.exitCode}`;
      report(aboutRecord('disagrees', 'exit-code', record, message));
    }
    const resumedAt = before.findLastIndex(({ type }) => type === 'run.resumed' || type === 'continued');
    const bad = before
      .slice(resumedAt + 1)
      .find((each): each is Of<'gate.verdict'> => each.type === 'gate.verdict' && each.verdict.kind !== 'PASS');
    if (record.outcome === 'passed' && bad) {
      const message = `the run says passed, but ${bad.gate} said ${bad.verdict.kind} in line ${bad.seq + 1}`;
      report(aboutRecord('disagrees', 'outcome', record, message));
    }
    if (record.outcome === 'rolled-back' && !before.some(({ type }) => type === 'rollback.started')) {
      report(aboutRecord('disagrees', 'outcome', record, 'the run says rolled-back, but no rollback was started'));
    }
    if (record.outcome === 'passed' && load && (load.summary.lost > 0 || load.summary.duplicated > 0)) {
      const { lost, duplicated } = load.summary;
      const message = `the run says passed, but ${lost} transactions were lost and ${duplicated} doubled`;
      report(aboutRecord('disagrees', 'outcome', record, message));
    }
    const isLast = !records.slice(index + 1).some(({ type }) => type === 'load.finished');
    if (load && isLast && record.cost && record.cost.lost !== load.summary.lost) {
      const message = `the run's cost says ${record.cost.lost} lost, the check of the ledger found ${load.summary.lost}`;
      report(aboutRecord('disagrees', 'cost', record, message));
    }
  }
}

interface LoadEvidence {
  lost: string[];
  duplicated: string[];
  unchecked: number;
  ledger?: { sha256: string; sizeBytes: number };
}

/** Every summary of the load against the check of the ledger, and against the ledger itself. */
export async function checkLoad(
  runDir: string,
  records: readonly RunRecord[],
  isFinished: boolean,
  report: Report,
): Promise<void> {
  let sealedBytes = 0;
  let isVouched = true;
  let wasResumed = false;
  let wasCutOff = false;
  for (const record of records) {
    if (record.type === 'run.resumed') wasResumed = true;
    if (record.type === 'load.started') wasCutOff = true;
    if (record.type !== 'load.finished') continue;
    wasCutOff = false;
    const evidence = await loadEvidence(runDir, record.evidence).then(
      (value) => value as LoadEvidence,
      // It was told of by its file.
      () => undefined,
    );
    if (!evidence) continue;
    compare(record, 'lost', record.summary.lost, evidence.lost.length);
    compare(record, 'duplicated', record.summary.duplicated, evidence.duplicated.length);
    compare(record, 'unchecked', record.summary.unchecked, evidence.unchecked);
    if (!evidence.ledger) {
      isVouched = false;
      report(aboutRecord('note', 'ledger', record, 'nothing vouches for the ledger of this older run'));
      continue;
    }
    sealedBytes = evidence.ledger.sizeBytes;
    const counts = await readLedger(runDir, evidence.ledger, report);
    if (counts) compareCounts(record, record.summary, counts, wasResumed);
  }
  if (!isFinished || !isVouched) return;
  const sizeBytes = await ledgerSize(runDir);
  if (sizeBytes > sealedBytes) {
    const bytes = `${sizeBytes - sealedBytes} bytes at its end`;
    // Of a process that was killed, in a run that was then aborted: nobody has looked for these transactions.
    report({
      kind: wasCutOff ? 'note' : 'damaged',
      rule: 'ledger',
      file: 'ledger.jsonl',
      message: wasCutOff
        ? `${bytes} are of a load that was cut off; nothing vouches for them`
        : `${bytes} belong to no load of the journal`,
    });
  }

  function compare(record: RunRecord, what: string, journalled: number | undefined, actual: number | undefined): void {
    if (journalled === actual) return;
    const message = `the summary says ${what} ${journalled ?? 'nothing'}, the evidence gives ${actual ?? 'nothing'}`;
    report(aboutRecord('disagrees', 'load', record, message));
  }

  function compareCounts(record: RunRecord, summary: LoadSummary, counts: LedgerCounts, spansProcesses: boolean): void {
    for (const what of ['sent', 'acknowledged', 'rejected', 'unknown'] as const) {
      // A process that goes on with a run counts its own transactions.
      const isPart = spansProcesses && summary[what] <= counts[what];
      if (!isPart) compare(record, what, summary[what], counts[what]);
    }
    if (spansProcesses) return;
    const quantile = (q: number): number | undefined =>
      counts.latenciesMs[Math.min(counts.latenciesMs.length - 1, Math.floor(q * counts.latenciesMs.length))];
    compare(record, 'latencyP50Ms', summary.latencyP50Ms, quantile(0.5));
    compare(record, 'latencyP95Ms', summary.latencyP95Ms, quantile(0.95));
  }
}
