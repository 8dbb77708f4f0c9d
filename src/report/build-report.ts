import type { JournalContent } from '../journal/read-journal.ts';
import type { ObservationLine } from '../journal/records.ts';
import { faultReports } from './fault-reports.ts';
import { approvalReports, courseOf, effectReports, findingReports } from './course.ts';
import { drillReport } from './drill-report.ts';
import { gateReports, isWeakProfile } from './gate-reports.ts';
import { buildHeadline } from './headline.ts';
import type { CostReport, EvidenceReference, GuardFailure, ObservationsState, ReportModel, RunFacts } from './model.ts';
import { nodeReports } from './node-reports.ts';
import { RunLog } from './run-log.ts';
import { SeriesAccumulator } from './series.ts';
import { stepReports } from './step-reports.ts';
import { buildTimeline } from './timeline.ts';

export interface ReportInput {
  journal: Pick<JournalContent, 'records' | 'tornTail' | 'headHash'>;
  /** Oldest first, with wall time. Read once, so that days of them need no memory. */
  observations: Iterable<ObservationLine> | AsyncIterable<ObservationLine>;
  /** Hash of the observations' file as it is now; undefined when there is none. */
  observationsHash?: string | undefined;
  /** Looks at one piece of evidence; called once for each hash that the journal names. */
  checkEvidence: (hash: string) => Promise<EvidenceReference>;
}

/** The report of a run, finished or not. Throws a UsageError when its journal does not even hold a start. */
export async function buildReport(input: ReportInput): Promise<ReportModel> {
  const log = new RunLog(input.journal.records);
  const series = new SeriesAccumulator();
  for await (const line of input.observations) series.add(line, line.atMs - log.startedAtMs);
  // What was seen after the last record of a finished run belongs to no run.
  const endMs = Math.max(1, log.finished ? log.lastMs : Math.max(log.lastMs, series.endMs));
  series.coverUntil(endMs);
  const evidence = await evidenceOf(log, input.checkEvidence);
  const gates = gateReports(log, endMs, evidence);
  const nodes = nodeReports(log);
  const guards = guardFailures(log);
  const findings = findingReports(log, evidence);
  const approvals = approvalReports(log);
  const effects = effectReports(log);
  const faults = faultReports(log);
  const drill = drillReport(log);
  return {
    schema: 'seatrial.report/1',
    headline: buildHeadline(log, gates, nodes),
    run: runFacts(log, input, endMs, {
      lines: series.lines,
      state: observationsState(log, series.lines, input.observationsHash),
    }),
    ...(drill && { drill }),
    cost: costOf(log, evidence),
    timeline: buildTimeline({ log, series, gates, guards, effects, faults, endMs }),
    steps: stepReports(log, { gates, findings, approvals }),
    gates,
    guards,
    findings,
    approvals,
    faults,
    effects,
    course: courseOf(log),
    nodes,
    notes: log.ofType('note').map(({ offsetMs, level, text }) => ({ atMs: offsetMs, level, text })),
  };
}

function runFacts(log: RunLog, { journal }: ReportInput, endMs: number, observations: ObservationsState): RunFacts {
  const { started, finished } = log;
  const { plan } = started;
  return {
    id: started.runId,
    testnet: started.testnet,
    system: started.system,
    lab: started.lab,
    runbook: started.runbook,
    parameters: plan.parameters,
    planHash: started.planHash,
    gate: plan.gate,
    weak: isWeakProfile(plan.gate) || log.ofType('gate.verdict').some(({ verdict }) => verdict.weak),
    onFailure: plan.onFailure,
    seatrialVersion: started.seatrialVersion,
    startedAt: started.at,
    ...(finished ? { finishedAt: finished.at } : {}),
    durationMs: endMs,
    outcome: finished?.outcome ?? 'unfinished',
    ...(finished ? { exitCode: finished.exitCode } : {}),
    ...(finished?.reason === undefined ? {} : { reason: finished.reason }),
    ...(finished?.left === undefined ? {} : { left: finished.left }),
    isResumable: log.isResumable,
    isPaused: log.isPaused,
    ...(plan.worstQuorumMargin === undefined ? {} : { worstQuorumMargin: plan.worstQuorumMargin }),
    halts: plan.halts,
    journal: { records: journal.records.length, headHash: journal.headHash, tornTail: journal.tornTail },
    observations,
  };
}

function observationsState(log: RunLog, lines: number, hash: string | undefined): ObservationsState['state'] {
  if (hash === undefined) return 'missing';
  if (!log.finished) return lines === 0 ? 'missing' : 'unvouched';
  return log.finished.observations === hash ? 'verified' : 'changed';
}

function costOf(log: RunLog, evidence: ReadonlyMap<string, EvidenceReference>): CostReport {
  const load = log.ofType('load.finished').at(-1);
  const loadStarted = log.ofType('load.started').at(-1);
  const reference = load && evidence.get(load.evidence);
  return {
    ...log.finished?.cost,
    ...(load ? { load: load.summary } : {}),
    ...(loadStarted ? { loadPerSecond: loadStarted.perSecond } : {}),
    ...(reference ? { loadEvidence: reference } : {}),
  };
}

function guardFailures(log: RunLog): GuardFailure[] {
  return log
    .ofType('guard.failed')
    .map(({ offsetMs, step, node, check, reason }) => ({ atMs: offsetMs, step, node, check, reason }));
}

async function evidenceOf(
  log: RunLog,
  check: (hash: string) => Promise<EvidenceReference>,
): Promise<Map<string, EvidenceReference>> {
  const hashes = [...log.ofType('gate.verdict'), ...log.ofType('load.finished'), ...log.ofType('finding')].flatMap(
    ({ evidence }) => (evidence ? [evidence] : []),
  );
  const references = new Map<string, EvidenceReference>();
  for (const hash of new Set(hashes)) references.set(hash, await check(hash));
  return references;
}
