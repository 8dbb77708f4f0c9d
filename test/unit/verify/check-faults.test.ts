import { describe, expect, test } from 'vitest';
import type { RunEvent, RunOutcome } from '../../../src/journal/records.ts';
import { checkFaults } from '../../../src/verify/check-faults.ts';
import type { Finding } from '../../../src/verify/finding.ts';

const about = { step: 'cut', fault: 'cut' };
const life = {
  intent: { type: 'fault.intent', ...about, impaired: [], leases: [] },
  armed: { type: 'fault.armed', ...about, leases: [] },
  injected: { type: 'fault.injected', ...about, injectMs: 5 },
  verified: { type: 'fault.verified', ...about, verifiedMs: 9, evidence: 'x' },
  void: { type: 'fault.void', ...about, reason: 'nothing was cut' },
  healing: { type: 'fault.healing', ...about, because: 'plan' },
  swept: { type: 'fault.healing', ...about, because: 'resume' },
  healed: { type: 'fault.healed', ...about, healMs: 3 },
  shown: { type: 'fault.heal-verified', ...about, healVerifiedMs: 8, evidence: 'x' },
} satisfies Record<string, RunEvent>;

function rulesBroken(outcome: RunOutcome, ...names: (keyof typeof life)[]): string[] {
  const finished: RunEvent = { type: 'run.finished', outcome, exitCode: 0, after: [], observations: 'none' };
  const events: RunEvent[] = [...names.map((name) => life[name]), finished];
  const records = events.map((event, seq) => ({ ...event, seq, at: '', monoMs: 0, prev: '' }));
  const findings: Finding[] = [];
  checkFaults(records, (finding) => void findings.push(finding));
  return findings.filter(({ kind }) => kind !== 'note').map(({ rule }) => rule);
}

describe('the journal of a run with a fault', () => {
  test('agrees with a whole life, with one that was void, and with one that went on after a crash', () => {
    expect(rulesBroken('passed', 'intent', 'armed', 'injected', 'verified', 'healing', 'healed', 'shown')).toEqual([]);
    expect(rulesBroken('void', 'intent', 'armed', 'injected', 'void', 'healed')).toEqual([]);
    const again = ['intent', 'armed', 'injected', 'verified', 'healing', 'healed', 'shown'] as const;
    expect(rulesBroken('passed', 'intent', 'armed', 'swept', 'healed', ...again)).toEqual([]);
  });

  test.each([
    ['acts before its dead-man counts', ['intent', 'injected', 'healing', 'healed'], 'fault-order'],
    ['is shown and was never injected', ['intent', 'armed', 'verified', 'healing', 'healed'], 'fault-order'],
    ['is begun twice', ['intent', 'armed', 'intent', 'healing', 'healed'], 'fault-again'],
    ['comes from nowhere', ['armed'], 'fault-order'],
  ] as const)('is wrong where a fault %s', (_title, names, rule) => {
    expect(rulesBroken('failed', ...names)).toContain(rule);
  });

  test.each([
    ['left alive', ['intent', 'armed', 'injected', 'verified'], 'fault-left'],
    ['never shown', ['intent', 'armed', 'injected', 'healing', 'healed', 'shown'], 'fault-void'],
    ['void', ['intent', 'armed', 'injected', 'verified', 'void', 'healing', 'healed', 'shown'], 'fault-void'],
    ['healed without a proof', ['intent', 'armed', 'injected', 'verified', 'healing', 'healed'], 'fault-heal'],
  ] as const)('is wrong where a run passed with a fault that was %s', (_title, names, rule) => {
    expect(rulesBroken('passed', ...names)).toEqual([rule]);
    expect(rulesBroken('void', ...names)).toEqual([]);
  });
});
