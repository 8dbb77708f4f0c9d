import { describe, expect, test } from 'vitest';
import type { PlanStep, RunEvent, RunRecord } from '../../../src/journal/records.ts';
import { checkOrder } from '../../../src/verify/check-order.ts';
import type { Finding } from '../../../src/verify/finding.ts';

function told(kind: PlanStep['kind'], ...events: RunEvent[]): string[] {
  const plan = { steps: [{ id: 'look', kind, nodes: ['a'] }] };
  const all = [{ type: 'run.started', plan } as unknown as RunEvent, ...events];
  const records = all.map((event, seq): RunRecord => ({ ...event, seq, at: '', monoMs: 0, prev: '' }));
  const findings: Finding[] = [];
  checkOrder(records, (finding) => void findings.push(finding));
  return findings.map(({ rule, line, message }) => `${rule} ${line}: ${message}`);
}

const gate = (kind: 'FAIL' | 'INCONCLUSIVE'): RunEvent[] => [
  { type: 'gate.started', gate: 'gate-1', step: 'look', nodes: ['a'], profile: 'quick', deadlineMs: 1 },
  {
    ...{ type: 'gate.verdict', gate: 'gate-1', step: 'look', nodes: ['a'], verdict: { kind }, evidence: 'e' },
  } as unknown as RunEvent,
];
const intent: RunEvent = {
  ...{ type: 'intent', step: 'put-back', action: 'create', node: 'a' },
  ...{ toVersion: '1.0.0', toDigest: 'd', generation: 'g' },
};
const paused: RunEvent[] = [
  { type: 'paused', by: 'ann' },
  { type: 'continued', by: 'ann' },
];
const resumed: RunEvent = { type: 'run.resumed', by: { host: 'h', pid: 1 }, seatrialVersion: '0', code: 'x' };

describe('after a gate that did not pass', () => {
  const touched = (kind: string, line: number): string =>
    `after-failure ${line}: a is touched although gate-1 said ${kind} in line 3`;

  test('nothing is touched, though the run was paused and let go on', () => {
    expect(told('soak', ...gate('FAIL'), intent)).toEqual([touched('FAIL', 4)]);
    expect(told('soak', ...gate('INCONCLUSIVE'), ...paused, intent)).toEqual([touched('INCONCLUSIVE', 6)]);
  });

  test('another process looks for itself', () => {
    expect(told('soak', ...gate('INCONCLUSIVE'), resumed, intent)).toEqual([]);
  });

  test('the run goes on where its plan wants the gate to hold, and not where that gate found harm', () => {
    expect(told('held-gate', ...gate('INCONCLUSIVE'), intent)).toEqual([]);
    expect(told('held-gate', ...gate('FAIL'), intent)).toEqual([touched('FAIL', 4)]);
  });
});
