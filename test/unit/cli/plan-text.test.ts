import { expect, test } from 'vitest';
import { planText } from '../../../src/cli/plan-text.ts';
import type { Plan, PlanStep } from '../../../src/journal/records.ts';

function textOf(steps: PlanStep[], rest: Partial<Plan> = {}): string {
  const plan: Plan = {
    ...{ testnet: 'local', runbook: 'sample', parameters: {}, lab: 'process', gate: 'smoke' },
    ...{ onFailure: 'rollback', steps, halts: [], ...rest },
  };
  // eslint-disable-next-line no-control-regex -- colour codes start with the escape character
  return planText(plan).replaceAll(/\x1b\[\d+m/g, '');
}

const step = (kind: PlanStep['kind'], more: Partial<PlanStep>): PlanStep => ({ id: kind, kind, nodes: ['a'], ...more });

test.each<[string, PlanStep, string | RegExp]>([
  [
    'an approval by its question and what silence does',
    step('approval', { question: 'go on?', timeoutMs: 90_000, onTimeout: 'stop' }),
    'go on? Without an answer in 1 min 30 s it goes back',
  ],
  ['a soak by its length', step('soak', { forMs: 60_000 }), 'watch a for 1 min 00 s'],
  [
    'a wait for a height by its limit',
    step('await-height', { height: 900, timeoutMs: 86_400_000 }),
    'wait for height 900, at most 1 d 0 h',
  ],
  [
    'a switch by its time limit',
    step('switch', { toggle: 'tss', on: true, ttlMs: 60_000 }),
    'tss on at a, off by itself after 1 min 00 s',
  ],
  ['a switch that is cleared', step('switch', { toggle: 'tss', on: false }), 'tss off at a'],
  [
    'a switchback by its blocks and the nodes beside it',
    step('switchback', { toggle: 'tss', blocks: 44, forMs: 10_000, control: ['b', 'c'] }),
    'switch tss at a 44 times for 10.0 s each, compare with b, c',
  ],
  [
    'an SLO by its objective',
    step('slo', { nodes: [], objective: 0.999, forMs: 3_600_000 }),
    '99.9 % of transactions must be acknowledged for 1 h 00 min',
  ],
  [
    'flags that a node is given, which keeps its release',
    step('replace', { from: '1.0.0', to: '1.0.0', flags: { 'enable-tss': true } }),
    /stays on 1\.0\.0 +enable-tss on/,
  ],
])('a plan shows %s', (_what, shown, text) => {
  expect(textOf([shown])).toMatch(text);
});

test('a plan whose batch takes more power than can be spared says where its run would be refused', () => {
  const batch = [
    step('replace', { id: 'up/a', from: '1', to: '2', quorumMargin: 0, batch: 1 }),
    step('replace', { id: 'up/b', from: '1', to: '2', quorumMargin: -1, batch: 1 }),
  ];
  expect(textOf(batch)).toContain('the run will be refused at: up/b');
  expect(textOf(batch, { halts: ['up/b'] })).not.toContain('will be refused');
  expect(textOf(batch.slice(0, 1))).not.toContain('will be refused');
});

test('a plan that was drawn tells the command that gives it again, its gate included, as a shell takes it', () => {
  const parameters = { seed: '7', kinds: 'kill, pause' };
  expect(textOf([step('soak', { forMs: 1 })], { parameters, gate: 'strict' })).toContain(
    "seed 7; the same again with: seatrial run sample local --gate strict --set seed=7 --set 'kinds=kill, pause'",
  );
  expect(textOf([step('soak', { forMs: 1 })])).not.toContain('the same again');
});
