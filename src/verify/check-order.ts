import type { PlanStep, RunRecord } from '../journal/records.ts';
import { isResumableOutcome } from '../journal/run-ending.ts';
import { aboutRecord, type Report } from './finding.ts';
import { isHeldAsPlanned } from './wanted-verdict.ts';

type Of<Type extends RunRecord['type']> = Extract<RunRecord, { type: Type }>;

/** What holds between the records of a run, whatever it did: each rule looks at them in their order. */
export function checkOrder(records: readonly RunRecord[], report: Report): void {
  checkFrame(records, report);
  checkEffects(records, report);
  checkGatesBetweenNodes(records, report);
  checkApprovals(records, report);
  checkContracts(records, report);
}

/** One start, first; nothing after the end but notes, unless the run goes on. */
function checkFrame(records: readonly RunRecord[], report: Report): void {
  let isOver = false;
  let ended: Of<'run.finished'> | undefined;
  let token = -Infinity;
  for (const [index, record] of records.entries()) {
    if ((record.type === 'run.started') !== (index === 0)) {
      report(aboutRecord('disagrees', 'first-record', record, 'a run begins with run.started, once'));
    }
    if (record.type === 'run.resumed') {
      isOver = false;
      if (ended && !isResumableOutcome(ended.outcome)) {
        const message = `the run goes on although it ended as ${ended.outcome} in line ${ended.seq + 1}, which is final`;
        report(aboutRecord('disagrees', 'after-end', record, message));
      }
    } else if (isOver && record.type !== 'note') {
      report(aboutRecord('disagrees', 'after-end', record, `${record.type} stands after the end of the run`));
    }
    if (record.type === 'run.finished') {
      isOver = true;
      ended = record;
    }
    if (record.type !== 'lease.taken') continue;
    if (record.token <= token) {
      report(
        aboutRecord(
          'disagrees',
          'lease',
          record,
          `token ${record.token} is not above ${token}, which was taken before`,
        ),
      );
    }
    token = Math.max(token, record.token);
  }
}

interface OpenIntent {
  record: RunRecord;
  /** The process that wrote it is gone, and nobody has looked what became of it. */
  isUnobserved: boolean;
}

/** No effect without an intent; what was open when a process ended is looked at before it is done again. */
function checkEffects(records: readonly RunRecord[], report: Report): void {
  const open = new Map<string, OpenIntent>();
  for (const record of records) {
    switch (record.type) {
      case 'intent':
      case 'effect.intent': {
        const key = keyOf(record);
        const before = open.get(key);
        if (before?.isUnobserved) {
          const message = `${key} is begun again although nobody has looked what became of the intent in line ${before.record.seq + 1}`;
          report(aboutRecord('disagrees', 'blind-repeat', record, message));
        }
        open.set(key, { record, isUnobserved: false });
        break;
      }
      case 'done':
      case 'effect.done': {
        const key = keyOf(record);
        if (!open.delete(key)) {
          report(aboutRecord('disagrees', 'intent', record, `${key} is done without an intent before it`));
        }
        break;
      }
      case 'observed': {
        const found = open.get(`${record.step} ${record.action} ${record.node}`);
        if (found) found.isUnobserved = false;
        break;
      }
      case 'run.resumed':
        for (const intent of open.values()) intent.isUnobserved = true;
        break;
      default:
    }
  }
}

function keyOf(record: Of<'intent' | 'done' | 'effect.intent' | 'effect.done'>): string {
  return `${record.step} ${'effect' in record ? record.effect : record.action} ${record.node}`;
}

/** The next node is touched only when the last one has passed its gate, and none after a gate that did not. */
function checkGatesBetweenNodes(records: readonly RunRecord[], report: Report): void {
  const started = records.find((record) => record.type === 'run.started');
  const planned = new Map((started?.plan.steps ?? []).map((step) => [step.id, step]));
  const isGated = (step: string): boolean => {
    const { kind, gate } = planned.get(step) ?? {};
    return kind === 'replace' && gate !== undefined;
  };
  /** Nodes that were replaced and have not passed since. */
  const ungated = new Map<string, Of<'done'>>();
  /** The same of whatever step: made anew, put back, or taken back as well. */
  const changed = new Map<string, Of<'done'>>();
  /** Their gate waits for others, without which there is no quorum. */
  const waiting = new Set<string>();
  const open = new Map<string, Of<'gate.started'>>();
  let stopped: Of<'gate.verdict'> | undefined;

  for (const record of records) {
    switch (record.type) {
      case 'intent':
        if (stopped) {
          const message = `${record.node} is touched although ${stopped.gate} said ${stopped.verdict.kind} in line ${stopped.seq + 1}`;
          report(aboutRecord('disagrees', 'after-failure', record, message));
        }
        if (!isGated(record.step)) break;
        for (const [node, before] of ungated) {
          if (node === record.node || waiting.has(node)) continue;
          if (isSameBatch(planned.get(before.step), planned.get(record.step))) continue;
          const message = `${record.node} is touched before ${node}, done in line ${before.seq + 1}, has passed its gate`;
          report(aboutRecord('disagrees', 'gate-between', record, message));
        }
        break;
      case 'done':
        if (record.action === 'remove') break;
        changed.set(record.node, record);
        if (isGated(record.step)) ungated.set(record.node, record);
        break;
      case 'note': {
        const [, node] = /^the gate of (\S+) waits:/.exec(record.text) ?? [];
        if (node !== undefined) waiting.add(node);
        break;
      }
      case 'gate.started':
        open.set(record.gate, record);
        break;
      case 'gate.verdict':
        checkVerdictPlace(record, open.get(record.gate), report);
        open.delete(record.gate);
        if (record.verdict.kind === 'PASS') {
          for (const node of record.nodes) for (const each of [ungated, changed, waiting]) each.delete(node);
        } else if (!isHeldAsPlanned(started?.plan, record)) stopped = record;
        break;
      case 'step.done': {
        const node = planned.get(record.step)?.nodes.find((name) => ungated.get(name)?.step === record.step);
        if (node !== undefined) {
          report(
            aboutRecord(
              'disagrees',
              'step-done',
              record,
              `${record.step} is done, but ${node} has not passed its gate`,
            ),
          );
        }
        break;
      }
      case 'rollback.started':
      case 'abort.requested':
        ungated.clear();
        stopped = undefined;
        break;
      case 'run.resumed':
        stopped = undefined;
        break;
      case 'run.finished':
        if (record.outcome !== 'passed') break;
        for (const [node, { seq }] of changed) {
          const message = `the run says passed, but ${node}, changed in line ${seq + 1}, has not passed a gate since`;
          report(aboutRecord('disagrees', 'ungated', record, message));
        }
        break;
      default:
    }
  }
}

function checkVerdictPlace(record: Of<'gate.verdict'>, started: Of<'gate.started'> | undefined, report: Report): void {
  if (!started) {
    report(aboutRecord('disagrees', 'gate', record, `${record.gate} has a verdict, but was not started`));
  } else if ([...started.nodes].sort().join() !== [...record.nodes].sort().join()) {
    const message = `${record.gate} was started for ${started.nodes.join(', ')} and has a verdict on ${record.nodes.join(', ')}`;
    report(aboutRecord('disagrees', 'gate', record, message));
  }
}

function isSameBatch(a: PlanStep | undefined, b: PlanStep | undefined): boolean {
  return a?.batch !== undefined && a.batch === b?.batch && a.stage === b.stage;
}

/** An approval is asked for before it is given, and is about this very plan. */
function checkApprovals(records: readonly RunRecord[], report: Report): void {
  const asked = new Set<string>();
  const started = records.find((record) => record.type === 'run.started');
  for (const record of records) {
    if (record.type !== 'approval.requested' && record.type !== 'approval.decided') continue;
    if (record.planHash !== started?.planHash) {
      const message = `${record.step} is about plan ${record.planHash}, which is not the plan of this run`;
      report(aboutRecord('disagrees', 'approval', record, message));
    }
    if (record.type === 'approval.requested') asked.add(record.step);
    else if (!asked.has(record.step)) {
      report(aboutRecord('disagrees', 'approval', record, `${record.step} was decided without having been asked`));
    }
  }
}

/** What a node promised is looked at before the run touches it; where that is compared afterwards, of every node that the plan replaces. */
function checkContracts(records: readonly RunRecord[], report: Report): void {
  const plan = records.find((record) => record.type === 'run.started')?.plan;
  const isCompared = plan?.contract !== undefined && plan.steps.some(({ kind }) => kind === 'preflight');
  const replacing = new Set(isCompared ? plan.steps.flatMap(({ id, kind }) => (kind === 'replace' ? [id] : [])) : []);
  const changes = new Map<string, number>();
  const seen = new Set<string>();
  for (const record of records) {
    switch (record.type) {
      case 'intent':
        changes.set(record.node, (changes.get(record.node) ?? 0) + 1);
        if (!replacing.has(record.step) || seen.has(record.node)) break;
        seen.add(record.node);
        report(
          aboutRecord('note', 'contract', record, `this older run has not kept what ${record.node} promised before`),
        );
        break;
      case 'observed':
        // Meant, and never begun.
        if (record.verdict === 'absent' && changeActions.includes(record.action)) {
          changes.set(record.node, (changes.get(record.node) ?? 1) - 1);
        }
        break;
      case 'contract.seen':
        for (const node of record.nodes) {
          seen.add(node);
          if ((changes.get(node) ?? 0) === 0) continue;
          const message = `what ${node} promised before its change was looked at after it`;
          report(aboutRecord('disagrees', 'contract', record, message));
        }
        break;
      default:
    }
  }
}

const changeActions = ['create', 'replace', 'remove'];
