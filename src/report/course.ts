import type { ApprovalReport, CourseEntry, EffectReport, EvidenceReference, FindingReport } from './model.ts';
import { eventText } from './event-text.ts';
import type { RunLog } from './run-log.ts';

/** What has a place of its own in the report; an effect is told when it is done, and otherwise as begun. */
const elsewhere: readonly string[] = ['finding', 'effect.intent'];

/** What happened beside the plan's steps and gates: interventions, recovery after a crash, effects, choices. In order of time. */
export function courseOf(log: RunLog): CourseEntry[] {
  const entries: CourseEntry[] = [];
  for (const record of log.records) {
    if (elsewhere.includes(record.type)) continue;
    if (record.type === 'run.finished') {
      if (record.seq === log.finished?.seq) continue;
      const text = `ended as ${record.outcome}${record.reason === undefined ? '' : `: ${record.reason}`}`;
      entries.push({ atMs: record.offsetMs, type: record.type, tone: 'unknown', text });
      continue;
    }
    const said = eventText(record);
    if (said) entries.push({ atMs: record.offsetMs, type: record.type, ...said });
  }
  for (const { isDone, fromMs, node, effect } of effectReports(log)) {
    if (isDone) continue;
    const text = `${node}: ${effect} was begun, its end was not written down`;
    entries.push({ atMs: fromMs, type: 'effect.intent', tone: 'unknown', text });
  }
  return entries.sort((a, b) => a.atMs - b.atMs);
}

/** What was done to nodes beside changing their release, from the intent to the confirmation. */
export function effectReports(log: RunLog): EffectReport[] {
  const effects: EffectReport[] = [];
  for (const record of log.records) {
    if (record.type === 'effect.intent') {
      const { step, effect, node, detail, offsetMs } = record;
      // After a crash the same is begun anew; what became of the first attempt is known until then.
      const cut = effects.findLast((each) => !each.isDone && each.node === node && each.effect === effect);
      if (cut) cut.toMs = offsetMs;
      effects.push({ step, effect, node, detail, isDone: false, fromMs: offsetMs, toMs: log.lastMs });
    } else if (record.type === 'effect.done') {
      const { step, effect, node, detail, offsetMs } = record;
      const open = effects.findLast((each) => !each.isDone && each.node === node && each.effect === effect);
      if (open) Object.assign(open, { isDone: true, toMs: offsetMs, detail: { ...open.detail, ...detail } });
      else effects.push({ step, effect, node, detail, isDone: true, fromMs: offsetMs, toMs: offsetMs });
    }
  }
  return effects;
}

export function approvalReports(log: RunLog): ApprovalReport[] {
  const approvals: ApprovalReport[] = [];
  for (const record of log.records) {
    if (record.type === 'approval.requested') {
      const { step, question, planHash, onTimeout, deadlineAtMs, offsetMs } = record;
      approvals.push({ step, question, planHash, onTimeout, deadlineAtMs, requestedMs: offsetMs });
    } else if (record.type === 'approval.decided') {
      const open = approvals.findLast(({ step, decision }) => step === record.step && decision === undefined);
      if (open) Object.assign(open, { decision: record.decision, by: record.by, decidedMs: record.offsetMs });
    }
  }
  return approvals;
}

/** What the canary steps found, in order of time. */
export function findingReports(log: RunLog, evidence: ReadonlyMap<string, EvidenceReference>): FindingReport[] {
  return log.ofType('finding').map(({ offsetMs, step, finding, nodes, verdict, reason, evidence: hash }) => {
    const reference = evidence.get(hash);
    return { atMs: offsetMs, step, finding, nodes, verdict, reason, ...(reference && { evidence: reference }) };
  });
}
