import { describe, expect, test } from 'vitest';
import type { Plan, PlanStep, RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { missingOfPlan } from '../../../src/verify/check-plan-done.ts';

type Started = Extract<RunRecord, { type: 'run.started' }>;

function missing(
  steps: PlanStep[],
  events: RunEvent[],
  { lab = 'process', ...plan }: Partial<Plan> & { lab?: string } = {},
): string[] {
  const envelope = { at: '', monoMs: 0, prev: '' };
  const before = [{ node: 'a', version: '1.0.0', digest: 'd', generation: 'old', state: 'running' }];
  const started = {
    ...{ ...envelope, seq: 0, type: 'run.started', lab, before },
    plan: { runbook: 'mine', ...plan, steps },
  } as unknown as Started;
  const records = events.map((event, index): RunRecord => ({ ...envelope, ...event, seq: index + 1 }));
  return missingOfPlan(started, [started, ...records]).map(({ message }) => message);
}

const done = (step: string): RunEvent => ({ type: 'step.done', step });
const verdict = (step: string, kind: 'PASS' | 'FAIL' | 'INCONCLUSIVE', nodes = ['a']): RunEvent =>
  ({ type: 'gate.verdict', gate: 'gate-1', step, nodes, verdict: { kind }, evidence: 'e' }) as unknown as RunEvent;
const decided = (decision: 'approved' | 'rejected' | 'timed-out'): RunEvent => ({
  ...{ type: 'approval.decided', step: 'ask', planHash: 'h', by: 'ann' },
  decision,
});
const rollback: RunEvent = { type: 'rollback.started', reason: 'harm', nodes: ['a'] };

const replace: PlanStep = { id: 'u/a', kind: 'replace', stage: 'u', nodes: ['a'], generation: 'new', gate: 'quick' };

describe('a step that is called done', () => {
  test.each<[PlanStep['kind']]>([['soak'], ['start'], ['take-backup'], ['restore-backup'], ['spoiled-backup']])(
    'and is a %s has a PASS of its own on each node',
    (kind) => {
      const step: PlanStep = { id: 'it', kind, nodes: ['a', 'b'] };
      const told = ['it is done, but no gate of it has passed b'];
      expect(missing([step], [verdict('it', 'PASS'), verdict('other', 'PASS', ['b']), done('it')])).toEqual(told);
      expect(missing([step], [verdict('it', 'PASS'), verdict('it', 'FAIL', ['b']), done('it')])).toEqual(told);
      expect(missing([step], [verdict('it', 'PASS'), verdict('it', 'PASS', ['b']), done('it')])).toEqual([]);
    },
  );

  test('and is a gate that is to hold has held', () => {
    const step: PlanStep = { id: 'held', kind: 'held-gate', nodes: ['a'] };
    const told = ['held is done, but no gate of it has said that too little is known'];
    expect(missing([step], [verdict('held', 'PASS'), done('held')])).toEqual(told);
    expect(missing([step], [verdict('held', 'INCONCLUSIVE'), done('held')])).toEqual([]);
  });

  test('and is an approval was given, or may count silence as one', () => {
    const step: PlanStep = { id: 'ask', kind: 'approval', nodes: [], onTimeout: 'stop' };
    expect(missing([step], [done('ask')])).toEqual(['ask is done, but nothing was decided on it']);
    expect(missing([step], [decided('rejected'), done('ask')])).toEqual(['ask is done, but it was rejected']);
    expect(missing([step], [decided('timed-out'), done('ask')])).toEqual(['ask is done, but it was timed-out']);
    expect(missing([step], [decided('approved'), done('ask')])).toEqual([]);
    expect(missing([{ ...step, onTimeout: 'continue' }], [decided('timed-out'), done('ask')])).toEqual([]);
  });

  test('and is a change has changed the node, unless it was as wanted already', () => {
    expect(missing([replace], [done('u/a')])).toEqual(['u/a is done, but a was never changed']);
    expect(missing([{ ...replace, generation: 'old' }], [done('u/a')])).toEqual([]);
    const made: PlanStep = { id: 'create', kind: 'create', stage: 'up', nodes: ['a'] };
    expect(missing([made], [done('create')])).toEqual(['create is done, but a was never changed']);
  });

  test('and is the check of the ledger of a drill has its result', () => {
    const step: PlanStep = { id: 'ledger', kind: 'verify', nodes: ['a'] };
    const checked = { type: 'load.finished', summary: {}, evidence: 'e' } as unknown as RunEvent;
    const drill = {} as NonNullable<Plan['drill']>;
    expect(missing([step], [checked, done('ledger')], { drill })).toEqual([
      'ledger is done, but no result of the drill is written down',
    ]);
    const result: RunEvent = { type: 'drill.result', exercises: [], evidence: 'e' };
    expect(missing([step], [checked, result, done('ledger')], { drill })).toEqual([]);
  });
});

describe('a step that is not done', () => {
  const drill = { expects: 'rolled-back' } as NonNullable<Plan['drill']>;
  const preflight: PlanStep = { id: 'preflight', kind: 'preflight', nodes: ['a'] };
  const heal: PlanStep = { id: 'heal', kind: 'heal', nodes: [] };

  test('is excused by a drill that took the release back, among its changes and nowhere else', () => {
    const steps = [preflight, replace, { ...replace, id: 'u/b', nodes: ['b'] }, heal];
    expect(missing(steps, [rollback], { drill })).toEqual([
      'preflight of its plan is not done: it was never started',
      'heal of its plan is not done: it was never started',
    ]);
    expect(missing(steps, [done('preflight'), rollback, done('heal')], { drill })).toEqual([]);
    expect(missing(steps, [done('preflight'), done('heal')], { drill })).toHaveLength(2);
    expect(missing(steps, [done('preflight'), rollback, done('heal')])).toHaveLength(2);
  });

  test('is excused where `pulumi up` did it in its own way and every node has a PASS', () => {
    const up = { runbook: 'up', lab: 'docker' };
    for (const kind of ['start', 'gate-all'] as const) {
      const steps: PlanStep[] = [{ id: 'it', kind, nodes: ['a', 'b'] }];
      const told = ['it of its plan is not done: it was never started'];
      expect(missing(steps, [verdict('preflight', 'PASS', ['a', 'b'])], up), kind).toEqual([]);
      expect(missing(steps, [verdict('up/a', 'PASS')], up), kind).toEqual(told);
      expect(missing(steps, [verdict('preflight', 'PASS', ['a', 'b'])], { ...up, lab: 'process' }), kind).toEqual(told);
      expect(missing(steps, [verdict('x', 'PASS', ['a', 'b'])], { ...up, runbook: 'mine' }), kind).toEqual(told);
    }
    expect(missing([replace], [verdict('preflight', 'PASS')], up)).toHaveLength(1);
  });
});
