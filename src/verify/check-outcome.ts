import { hashOf } from '../core/canonical.ts';
import { loadEvidence } from '../journal/evidence.ts';
import { exitCodeOf } from '../journal/outcome-exit-code.ts';
import type { LoadSummary, RunRecord } from '../journal/records.ts';
import { ledgerSize, readLedger, type LedgerCounts } from './check-files.ts';
import { aboutRecord, type Report } from './finding.ts';
import { isWantedVerdict } from './wanted-verdict.ts';

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

/** The exit code is that of the outcome and of what is left, and the outcome follows from the verdicts. */
export function checkOutcome(records: readonly RunRecord[], report: Report): void {
  const load = records.findLast((record) => record.type === 'load.finished');
  const plan = records.find((record) => record.type === 'run.started')?.plan;
  for (const [index, record] of records.entries()) {
    if (record.type !== 'run.finished') continue;
    const before = records.slice(0, index);
    const { left } = record;
    const expected = exitCodeOf(record.outcome, left);
    if (record.exitCode !== expected) {
      const message = `outcome ${record.outcome}${left ? ` with something left behind` : ''} has exit code ${expected}, the record says ${record.exitCode}`;
      report(aboutRecord('disagrees', 'exit-code', record, message));
    }
    const resumedAt = before.findLastIndex(({ type }) => type === 'run.resumed');
    const bad = before
      .slice(resumedAt + 1)
      .find((each): each is Of<'gate.verdict'> => each.type === 'gate.verdict' && !isWantedVerdict(plan, each));
    if (record.outcome === 'passed' && bad) {
      const message = `the run says passed, but ${bad.gate} said ${bad.verdict.kind} in line ${bad.seq + 1}`;
      report(aboutRecord('disagrees', 'outcome', record, message));
    }
    const missed = before
      .findLast((each) => each.type === 'drill.result')
      ?.exercises.find(({ verdict }) => verdict !== 'pass');
    if (record.outcome === 'passed' && missed) {
      const message = `the run says passed, but of its drill ${missed.drill} says ${missed.verdict}`;
      report(aboutRecord('disagrees', 'outcome', record, message));
    }
    if (record.outcome === 'rolled-back' && !before.some(({ type }) => type === 'rollback.started')) {
      report(aboutRecord('disagrees', 'outcome', record, 'the run says rolled-back, but no rollback was started'));
    }
    const { lost = 0, duplicated = 0, disagreements = 0 } = load?.summary ?? {};
    const isHarmed = load && (lostInExcess(before, load) > 0 || duplicated > 0 || disagreements > 0);
    if (record.outcome === 'passed' && isHarmed) {
      const message = `the run says passed, but ${lost} transactions were lost, ${duplicated} doubled, and nodes disagree at ${disagreements} heights`;
      report(aboutRecord('disagrees', 'outcome', record, message));
    }
    const isLast = !records.slice(index + 1).some(({ type }) => type === 'load.finished');
    if (load && isLast && record.cost && record.cost.lost !== load.summary.lost) {
      const message = `the run's cost says ${record.cost.lost} lost, the check of the ledger found ${load.summary.lost}`;
      report(aboutRecord('disagrees', 'cost', record, message));
    }
  }
}

/** Lost writes that no disaster of a drill accounts for; whether those are too many is the drill's verdict. */
function lostInExcess(before: readonly RunRecord[], load: Of<'load.finished'>): number {
  const drill = before.findLast((record) => record.type === 'drill.result');
  const allowed = drill?.exercises.reduce((sum, { rpo }) => sum + (rpo?.lostWrites ?? 0), 0) ?? 0;
  return load.summary.lost - allowed;
}

interface LoadEvidence {
  lost: string[];
  duplicated: string[];
  rolledBack?: string[];
  resurrected?: string[];
  reordered?: string[];
  acceptedByMinority?: string[];
  misplaced?: string[];
  disagreements?: number;
  safety?: { checks: { name: string; culpritCount: number; transactions: string[]; misplaced?: string[] }[] };
  unchecked: number;
  ledger?: { sha256: string; sizeBytes: number };
}

/** Figures of a drill that its load's summary has as well. */
const integrityFigures = [
  'duplicated',
  'resurrected',
  'reordered',
  'acceptedByMinority',
  'misplaced',
  'disagreements',
  'unchecked',
] as const;

/** The figures that follow from what the checks of the chains found; none in older runs. */
function foundBySafety({ safety }: LoadEvidence): Partial<Record<keyof LoadSummary, number>> {
  if (!safety) return {};
  const check = (name: string) => safety.checks.find((one) => one.name === name);
  const count = (name: string): number => check(name)?.transactions.length ?? 0;
  const misplaced = check('durability')?.misplaced?.length ?? 0;
  return {
    lost: count('durability') - misplaced,
    misplaced,
    duplicated: count('duplication'),
    resurrected: count('resurrection'),
    reordered: count('order'),
    disagreements: check('agreement')?.culpritCount ?? 0,
  };
}

/** The drill's figures that were made of this load. */
function drillResultAfter(load: RunRecord, records: readonly RunRecord[]): Of<'drill.result'> | undefined {
  const after = records.slice(records.indexOf(load) + 1);
  const next = after.findIndex(({ type }) => type === 'load.finished');
  return after.slice(0, next < 0 ? undefined : next).find((record) => record.type === 'drill.result');
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
    for (const what of ['rolledBack', 'resurrected', 'reordered', 'acceptedByMinority', 'misplaced'] as const) {
      compare(record, what, record.summary[what], evidence[what]?.length);
    }
    compare(record, 'unchecked', record.summary.unchecked, evidence.unchecked);
    for (const [what, found] of Object.entries(foundBySafety(evidence))) {
      compare(record, what, record.summary[what as keyof LoadSummary], found);
    }
    const drill = drillResultAfter(record, records);
    for (const what of integrityFigures) {
      if (drill?.integrity) compare(drill, what, drill.integrity[what], record.summary[what]);
    }
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
