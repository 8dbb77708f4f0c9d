import type { ApprovalReport, FindingReport, GateReport, StepReport } from './model.ts';
import type { RunLog } from './run-log.ts';

/** What was judged or decided in steps. */
interface Judgements {
  gates: readonly GateReport[];
  findings: readonly FindingReport[];
  approvals: readonly ApprovalReport[];
}

/** The steps that ran in the order in which they did, those of a rollback among them, then the plan's steps that were not reached. */
export function stepReports(log: RunLog, judgements: Judgements): StepReport[] {
  const steps = new Map<string, StepReport>();
  for (const { id, kind, nodes, from, to, gate, compensation, quorumMargin } of log.started.plan.steps) {
    steps.set(id, {
      id,
      kind,
      nodes,
      ...defined({ from, to, gate, compensation, quorumMargin }),
      status: 'not-reached',
    });
  }
  const stepOf = (id: string): StepReport => {
    let step = steps.get(id);
    if (!step) steps.set(id, (step = { id, kind: 'unplanned', nodes: [], status: 'not-reached' }));
    return step;
  };
  const voided = new Set<string>();
  for (const record of log.records) {
    switch (record.type) {
      case 'step.started':
        begin(stepOf(record.step), record.offsetMs);
        break;
      case 'step.done':
        end(stepOf(record.step), 'done', record.offsetMs);
        break;
      case 'step.refused':
        Object.assign(stepOf(record.step), { reason: record.reason });
        end(stepOf(record.step), 'refused', record.offsetMs);
        break;
      case 'fault.void': {
        const step = stepOf(record.step);
        step.reason ??= record.reason;
        voided.add(step.id);
        break;
      }
      case 'guard.failed': {
        // As a rule it fails beside the steps, and stands among the guards alone.
        const step = steps.get(record.step);
        if (step) step.reason ??= `${record.check} of ${record.node}: ${record.reason}`;
        break;
      }
      case 'intent': {
        const step = stepOf(record.step);
        if (step.kind !== 'unplanned') break;
        if (!step.nodes.includes(record.node)) step.nodes = [...step.nodes, record.node];
        Object.assign(step, defined({ from: record.fromVersion, to: record.toVersion }));
        break;
      }
      default:
    }
  }
  const isUndecided = (step: StepReport): boolean => voided.has(step.id) || wasUndecided(step);
  for (const step of steps.values()) finishStep(step, log, judgements, isUndecided);
  const startOf = ({ startedMs }: StepReport): number => startedMs ?? Number.MAX_VALUE;
  return [...steps.values()].sort((a, b) => startOf(a) - startOf(b));
}

/** A step that a resumed run takes up again began when it first began. */
function begin(step: StepReport, atMs: number): void {
  delete step.reason;
  delete step.durationMs;
  step.startedMs ??= atMs;
  step.status = 'open';
}

function finishStep(
  step: StepReport,
  log: RunLog,
  { gates, findings, approvals }: Judgements,
  isUndecided: (step: StepReport) => boolean,
): void {
  const gate = gates.findLast((each) => each.step === step.id && each.kind !== 'none');
  if (gate && gate.kind !== 'none') {
    step.verdict = gate.kind;
    if (gate.kind !== 'PASS') step.reason ??= gate.reason;
  }
  const finding = findings.findLast((each) => each.step === step.id);
  if (finding) {
    step.finding = finding.verdict;
    if (finding.verdict !== 'pass') step.reason ??= finding.reason;
  }
  const approval = approvals.findLast((each) => each.step === step.id);
  if (approval) step.approval = approval.decision ?? 'waiting';
  if (step.status !== 'open' || !log.finished) return;
  const { seq } = log.finished;
  const nextMs = log.records.find(
    (record) => (record.type === 'rollback.started' || record.seq === seq) && record.offsetMs >= (step.startedMs ?? 0),
  )?.offsetMs;
  end(step, isUndecided(step) ? 'open' : 'failed', nextMs ?? log.lastMs);
}

/** A step that ended for want of knowledge is no failure of what it looked at. */
function wasUndecided({ verdict, finding }: StepReport): boolean {
  return finding === 'inconclusive' || (finding === undefined && (verdict === 'HOLD' || verdict === 'INCONCLUSIVE'));
}

function end(step: StepReport, status: StepReport['status'], atMs: number): void {
  step.status = status;
  if (step.startedMs !== undefined) step.durationMs = atMs - step.startedMs;
}

/** Without the properties that are undefined. */
function defined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
