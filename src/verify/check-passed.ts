import type { FindingKind, RunRecord } from '../journal/records.ts';
import { missingOfPlan } from './check-plan-done.ts';
import { aboutRecord, type Report } from './finding.ts';

type Of<Type extends RunRecord['type']> = Extract<RunRecord, { type: Type }>;

/** Findings that stop a run where too little is known. The others can only veto. */
const neededFindings: readonly FindingKind[] = ['activation', 'slo', 'restore', 'telemetry', 'hold'];

/** A run that says passed has done its plan, took back only what it was to take back, and left nothing that it found without an answer. */
export function checkPassed(records: readonly RunRecord[], report: Report): void {
  const started = records.find((record) => record.type === 'run.started');
  if (!started) return;
  for (const [index, record] of records.entries()) {
    if (record.type !== 'run.finished' || record.outcome !== 'passed') continue;
    const before = records.slice(0, index);
    const tell = (what: string): void =>
      report(aboutRecord('disagrees', 'outcome', record, `the run says passed, but ${what}`));
    for (const { rule, message, record: about } of missingOfPlan(started, before)) {
      report(aboutRecord('disagrees', rule, about ?? record, about ? message : `the run says passed, but ${message}`));
    }
    checkTakenBack(started, before, tell);
    checkFindings(before, tell);
    checkGuards(started, before, tell, report);
  }
}

type Tell = (what: string) => void;

function checkTakenBack({ plan }: Of<'run.started'>, before: readonly RunRecord[], tell: Tell): void {
  const back = before.find((record) => record.type === 'rollback.started');
  const wantsBack = plan.drill?.expects === 'rolled-back';
  if (back && !wantsBack) tell(`what it did was taken back from line ${back.seq + 1} on (${back.reason})`);
  if (!back && wantsBack) tell('its drill wants a release to be taken back, and no rollback was started');
  // An abort that could not be followed ends the process; who goes on with the run then wants it to go on.
  const asked = before.findLast((record) => record.type === 'run.finished' || record.type === 'abort.requested');
  if (asked?.type === 'abort.requested') tell(`${asked.by} asked for its abort in line ${asked.seq + 1}`);
}

/** What nobody has answered by taking the release back, or by looking again in another process. */
function unanswered(before: readonly RunRecord[]): readonly RunRecord[] {
  return before.slice(before.findLastIndex(({ type }) => type === 'rollback.started' || type === 'run.resumed') + 1);
}

function checkFindings(before: readonly RunRecord[], tell: Tell): void {
  for (const record of unanswered(before)) {
    if (record.type !== 'finding') continue;
    const { verdict, finding, seq, reason } = record;
    const isAgainst = verdict === 'fail' || (verdict === 'inconclusive' && neededFindings.includes(finding));
    if (isAgainst) tell(`${record.step} found ${verdict} (${finding}) in line ${seq + 1}: ${reason}`);
  }
}

/** No step ends well after a guard has failed. Beside the check of the ledger, when all else is done, a guard ends nothing any more. */
function checkGuards({ plan }: Of<'run.started'>, before: readonly RunRecord[], tell: Tell, report: Report): void {
  const kinds = new Map(plan.steps.map(({ id, kind }) => [id, kind]));
  const isOfTraffic = (step: string): boolean => ['load', 'verify'].includes(kinds.get(step) ?? '');
  const open = unanswered(before);
  for (const [index, record] of open.entries()) {
    if (record.type !== 'guard.failed') continue;
    const what = `the guard of ${record.node} failed in line ${record.seq + 1} (${record.check}: ${record.reason})`;
    const next = open.slice(index + 1).find((later) => later.type === 'step.done' && !isOfTraffic(later.step));
    if (next?.type === 'step.done') tell(`${what}, and ${next.step} was done after it in line ${next.seq + 1}`);
    else
      report(aboutRecord('note', 'guard', record, `${what} when the last step was done; the run passed all the same`));
  }
}
