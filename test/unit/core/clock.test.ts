import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { abortedError, systemClock } from '../../../src/core/clock.ts';
import { AbortedError } from '../../../src/core/errors.ts';

describe('the system clock', () => {
  test('does not sleep when the signal is aborted already', async () => {
    const signal = AbortSignal.abort(new AbortedError('too late'));
    await expect(systemClock.sleep(60_000, signal)).rejects.toThrow('too late');
  });

  test('wakes a sleeper as soon as its signal is aborted', async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort();
    await expect(sleeping).rejects.toBeInstanceOf(AbortedError);
  });

  test('sleeps for longer than a timer of the system can', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    let isAwake = false;
    const sleeping = systemClock.sleep(30 * 86_400_000).then(() => (isAwake = true));
    await vi.advanceTimersByTimeAsync(29 * 86_400_000);
    expect(isAwake).toBe(false);
    await vi.advanceTimersByTimeAsync(86_400_000);
    await expect(sleeping).resolves.toBe(true);
  });

  test('takes a negative time for none', async () => {
    await expect(systemClock.sleep(-5)).resolves.toBeUndefined();
  });
});

test('an aborted wait keeps the reason: itself where it is one of ours, else as the cause', () => {
  const own = new AbortedError('interrupted');
  expect(abortedError(AbortSignal.abort(own))).toBe(own);
  expect(abortedError(AbortSignal.abort('why')).cause).toBe('why');
});
