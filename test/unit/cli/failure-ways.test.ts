import { expect, test } from 'vitest';
import { failureWays } from '../../../src/cli/failure-ways.ts';
import type { RunRecord } from '../../../src/journal/records.ts';

const records = (...given: object[]): RunRecord[] => given as RunRecord[];

test('what a run failed by is what failed in it, each once and the gravest first; what passed or was not known is none', () => {
  const found = failureWays(
    records(
      { type: 'finding', finding: 'hold', verdict: 'pass' },
      { type: 'finding', finding: 'comparison', verdict: 'fail' },
      { type: 'finding', finding: 'telemetry', verdict: 'inconclusive' },
      { type: 'gate.verdict', verdict: { kind: 'PASS' } },
      { type: 'gate.verdict', verdict: { kind: 'FAIL' } },
      { type: 'gate.verdict', verdict: { kind: 'FAIL' } },
      { type: 'load.finished', summary: { lost: 4, duplicated: 0, reordered: 7 } },
    ),
  );
  expect(found).toEqual(['lost writes', 'writes out of order', 'comparison', 'gate']);
});

test('a run that failed in nothing has no ways', () => {
  const summary = { lost: 0, duplicated: 0 };
  expect(failureWays(records({ type: 'load.finished', summary }, { type: 'step.done', step: 'load' }))).toEqual([]);
});
