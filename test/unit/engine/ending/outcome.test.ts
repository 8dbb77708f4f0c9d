import { describe, expect, test } from 'vitest';
import {
  AbortedError,
  CleanupError,
  LabError,
  RefusedError,
  SpecError,
  UsageError,
  type ErrorCode,
} from '../../../../src/core/errors.ts';
import { exitCodeOfError } from '../../../../src/core/exit-code.ts';
import { afterLedger, endingOf, exitCodeOf, GateError, VoidError } from '../../../../src/engine/ending/outcome.ts';

describe('how a run ends', () => {
  test.each([
    ['FAIL', 'failed', 1],
    ['HOLD', 'held', 3],
    ['INCONCLUSIVE', 'inconclusive', 3],
  ] as const)('a gate that says %s is %s with exit %d', (kind, outcome, exit) => {
    const ending = endingOf(new GateError(['a', 'b'], { kind, reason: 'because', cause: 'x' }));
    expect(ending).toMatchObject({ outcome, reason: `the gate of a, b says ${kind}: because` });
    expect(ending.error).toBeUndefined();
    expect(exitCodeOf(ending.outcome)).toBe(exit);
  });

  test.each([
    ['a refusal', new RefusedError('unsafe', 'no'), 'refused', 2],
    ['drift', new RefusedError('drift', 'no'), 'refused', 2],
    ['wrong use', new UsageError('no'), 'refused', 2],
    ['a bad file', new SpecError([{ message: 'no' }]), 'refused', 2],
    ['a lab that fails', new LabError('no'), 'error', 4],
    ['an incomplete clean-up', new CleanupError('no'), 'error', 4],
    ['an interruption', new AbortedError('no'), 'interrupted', 130],
    ['anything else', new TypeError('no'), 'error', 4],
  ] as const)('%s', (_what, error, outcome, exit) => {
    const ending = endingOf(error);
    expect(ending).toMatchObject({ outcome, reason: 'no', error });
    expect(exitCodeOf(ending.outcome)).toBe(exit);
  });

  test('a fault whose effect cannot be shown makes it void: neither passed nor failed, exit 3', () => {
    expect(endingOf(new VoidError('nothing was cut'))).toEqual({ outcome: 'void', reason: 'nothing was cut' });
    expect(exitCodeOf('void')).toBe(3);
  });

  test.each([
    ['passed', 0],
    ['rolled-back', 1],
    ['rollback-failed', 1],
  ] as const)('%s has exit %d', (outcome, exit) => {
    expect(exitCodeOf(outcome)).toBe(exit);
  });

  test.each([
    ['passed', 5],
    ['aborted', 5],
    ['held', 5],
    ['void', 5],
    ['error', 5],
    ['failed', 1],
    ['rolled-back', 1],
    ['interrupted', 130],
    ['refused', 2],
  ] as const)('%s with something left behind has exit %d', (outcome, exit) => {
    expect(exitCodeOf(outcome, [])).not.toBe(5);
    expect(exitCodeOf(outcome, ['node-0 is stopped'])).toBe(exit);
  });
});

describe('the ledger of a run', () => {
  const harm = { outcome: 'failed', reason: '1 acknowledged transactions were lost' } as const;

  test.each(['held', 'inconclusive', 'void', 'error', 'failed'] as const)(
    'that lost a write fails one that is %s',
    (outcome) => {
      expect(afterLedger({ outcome, reason: 'because' }, harm)).toEqual({
        outcome: 'failed',
        reason: '1 acknowledged transactions were lost; because',
      });
    },
  );

  test.each(['rolled-back', 'interrupted', 'aborted'] as const)(
    'that lost a write is told of one that is %s',
    (outcome) => {
      const ending = afterLedger({ outcome, reason: 'because' }, harm);
      expect(ending).toEqual({ outcome, reason: '1 acknowledged transactions were lost; because' });
    },
  );

  test('is what a run that passed ends by, and its doubts end no other', () => {
    const doubt = { outcome: 'inconclusive', reason: 'nothing was acknowledged' } as const;
    expect(afterLedger({ outcome: 'passed' }, doubt)).toEqual(doubt);
    expect(afterLedger({ outcome: 'held', reason: 'because' }, doubt)).toEqual({ outcome: 'held', reason: 'because' });
  });
});

test('every error of a command has its exit code', () => {
  const codes: Record<ErrorCode, number> = {
    spec: 2,
    usage: 2,
    unsupported: 2,
    unsafe: 2,
    drift: 2,
    locked: 2,
    lab: 4,
    aborted: 130,
    cleanup: 5,
  };
  const found = Object.keys(codes).map((code) => [code, exitCodeOfError(code as ErrorCode)]);
  expect(Object.fromEntries(found)).toEqual(codes);
});
