import type { PlanStep, RunRecord } from '../journal/records.ts';

type Of<Type extends RunRecord['type']> = Extract<RunRecord, { type: Type }>;

/** What of the plan is missing, and about which record that is; without one it is about the end of the run. */
export interface Missing {
  rule: 'plan-undone' | 'step-done';
  message: string;
  record?: RunRecord;
}

/** Kinds of steps that no run comes past without a PASS on their own nodes. */
const gatedByThemselves: readonly PlanStep['kind'][] = [
  'soak',
  'start',
  'take-backup',
  'restore-backup',
  'spoiled-backup',
];
/** Steps that each process of a run begins anew, as the traffic is its own. */
const ofOneProcess: readonly PlanStep['kind'][] = ['load', 'verify'];

/** Steps of the plan that a run which has passed did not do, or calls done without a trace of it. `before`: the records before its end. */
export function missingOfPlan(started: Of<'run.started'>, before: readonly RunRecord[]): Missing[] {
  const { steps } = started.plan;
  const done = doneIn(steps, before);
  const isExcused = excuses(started, before);
  return steps.flatMap((step, index): Missing[] => {
    const record = done.get(step.id);
    if (record) {
      const lack = lackOf(step, started, before);
      return lack === undefined ? [] : [{ rule: 'step-done', message: `${step.id} is done, but ${lack}`, record }];
    }
    if (isExcused(step, index)) return [];
    return [{ rule: 'plan-undone', message: `${step.id} of its plan is not done: ${howFar(step, before)}` }];
  });
}

function doneIn(steps: readonly PlanStep[], before: readonly RunRecord[]): Map<string, Of<'step.done'>> {
  const done = new Map<string, Of<'step.done'>>();
  for (const record of before) {
    if (record.type === 'step.done') done.set(record.step, record);
    if (record.type !== 'run.resumed') continue;
    for (const { id, kind } of steps) if (ofOneProcess.includes(kind)) done.delete(id);
  }
  return done;
}

/** Steps that an honest run may lack. */
function excuses(
  { plan, lab }: Of<'run.started'>,
  before: readonly RunRecord[],
): (step: PlanStep, index: number) => boolean {
  const staged = plan.steps.flatMap(({ stage }, index) => (stage === undefined ? [] : [index]));
  const [first = Infinity] = staged;
  const isTakenBack = plan.drill?.expects === 'rolled-back' && before.some(({ type }) => type === 'rollback.started');
  const passed = passedIn(before);
  return ({ kind, nodes }, index) => {
    // A drill of a bad release ends its changes with the gate that finds it, and goes on behind them.
    if (isTakenBack && index >= first && index <= (staged.at(-1) ?? -1)) return true;
    // Older versions wrote down of a `pulumi up` typed by hand only the nodes that it touched.
    const mayBeHandTyped = plan.runbook === 'up' && lab === 'docker' && (kind === 'start' || kind === 'gate-all');
    return mayBeHandTyped && nodes.every((node) => passed.has(node));
  };
}

/** Nodes on which there is a PASS, where wanted of one step alone. */
function passedIn(before: readonly RunRecord[], step?: string): Set<string> {
  return new Set(
    before.flatMap((record) =>
      record.type === 'gate.verdict' && record.verdict.kind === 'PASS' && (step === undefined || record.step === step)
        ? record.nodes
        : [],
    ),
  );
}

/** What a step that is done would have left in the journal, and has not. */
function lackOf(step: PlanStep, started: Of<'run.started'>, before: readonly RunRecord[]): string | undefined {
  const { id, kind, nodes } = step;
  if (gatedByThemselves.includes(kind)) {
    const passed = passedIn(before, id);
    const ungated = nodes.filter((node) => !passed.has(node));
    return ungated.length === 0 ? undefined : `no gate of it has passed ${ungated.join(', ')}`;
  }
  switch (kind) {
    case 'create':
    case 'replace': {
      const untouched = nodes.find((node) => mustChange(step, started, node) && !wasChanged(node, before));
      return untouched === undefined ? undefined : `${untouched} was never changed`;
    }
    case 'held-gate': {
      const isHeld = before.some(
        (record) =>
          record.type === 'gate.verdict' && record.step === id && !['PASS', 'FAIL'].includes(record.verdict.kind),
      );
      return isHeld ? undefined : 'no gate of it has said that too little is known';
    }
    case 'approval': {
      const decided = before.findLast((record) => record.type === 'approval.decided' && record.step === id);
      const { decision } = (decided ?? {}) as Partial<Of<'approval.decided'>>;
      if (decision === 'approved' || (decision === 'timed-out' && step.onTimeout === 'continue')) return undefined;
      return decision === undefined ? 'nothing was decided on it' : `it was ${decision}`;
    }
    case 'verify': {
      const own = before.slice(before.findLastIndex(({ type }) => type === 'run.resumed') + 1);
      if (!own.some(({ type }) => type === 'load.finished')) return 'no check of the ledger is written down';
      const hasResult = own.some(({ type }) => type === 'drill.result');
      return started.plan.drill && !hasResult ? 'no result of the drill is written down' : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether the node was another one when the run began; one that is as wanted already is left as it is. */
function mustChange({ kind, generation }: PlanStep, { before }: Of<'run.started'>, node: string): boolean {
  if (kind === 'create') return true;
  const had = before.find((found) => found.node === node)?.generation ?? 'none';
  return generation !== undefined && had !== 'none' && had !== generation;
}

function wasChanged(node: string, before: readonly RunRecord[]): boolean {
  return before.some((record) => record.type === 'done' && record.node === node && record.action !== 'remove');
}

function howFar({ id, kind }: PlanStep, before: readonly RunRecord[]): string {
  const last = before.findLast(
    (record) => (record.type === 'step.started' || record.type === 'step.refused') && record.step === id,
  );
  if (last?.type === 'step.refused') return `it was refused in line ${last.seq + 1} (${last.reason})`;
  if (!last) return 'it was never started';
  const resumed = before.findLast(({ type }) => type === 'run.resumed');
  if (ofOneProcess.includes(kind) && resumed && resumed.seq > last.seq) {
    return `it was not started again after the run went on in line ${resumed.seq + 1}`;
  }
  return `it was started in line ${last.seq + 1}, and its end is not written down`;
}
