import { performance } from 'node:perf_hooks';
import { AbortedError } from './errors.ts';

/** The only source of time in the product; tests pass a virtual one. */
export interface Clock {
  /** Wall time in milliseconds since the epoch. May jump. */
  wallMs(): number;
  /** Monotonic time in milliseconds; deadlines are kept in it. */
  monotonicMs(): number;
  /** Resolves after `durationMs`; rejects with AbortedError as soon as the signal is aborted. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (durationMs, signal) => {
    let leftMs = Math.max(0, durationMs);
    for (; leftMs > longestTimerMs; leftMs -= longestTimerMs) await timer(longestTimerMs, signal);
    await timer(leftMs, signal);
  },
};

/** A timer that is set for longer, 25 days, ends at once. */
const longestTimerMs = 2 ** 31 - 1;

function timer(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal));
      return;
    }
    const onAbort = (): void => {
      clearTimeout(running);
      reject(abortedError(signal));
    };
    const running = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, durationMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The error with which a wait ends when its signal is aborted; keeps the signal's reason as cause. */
export function abortedError(signal?: AbortSignal): AbortedError {
  const reason: unknown = signal?.reason;
  return reason instanceof AbortedError ? reason : new AbortedError('the wait was cancelled', { cause: reason });
}

/** Throws that error when the signal is aborted already. */
export function requireGoing(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}
