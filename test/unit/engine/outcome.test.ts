import { describe, expect, test } from 'vitest';
import {
  AbortedError,
  CleanupError,
  LabError,
  RefusedError,
  SpecError,
  UsageError,
  type ErrorCode,
} from '../../../src/core/errors.ts';
import { exitCodeOfError } from '../../../src/core/exit-code.ts';
import { endingOf, exitCodeOf, GateError } from '../../../src/engine/outcome.ts';

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

  test.each([
    ['passed', 0],
    ['rolled-back', 1],
    ['rollback-failed', 1],
  ] as const)('%s has exit %d', (outcome, exit) => {
    expect(exitCodeOf(outcome)).toBe(exit);
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
