import { abortedError, type Clock } from './clock.ts';
import { LabError, messageOf } from './errors.ts';

export interface WaitOptions {
  clock: Clock;
  /** What is waited for, as it will stand in the error: "validator-0 to stop". */
  what: string;
  timeoutMs: number;
  /** Default 50. */
  intervalMs?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Polls until `attempt` returns something other than undefined. At the deadline it throws a LabError that names the target,
 * the time, the number of tries and the last failure seen.
 */
export async function waitFor<T>(attempt: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const { clock, what, timeoutMs, intervalMs = 50, signal } = options;
  const startMs = clock.monotonicMs();
  let tries = 0;
  let last: string;
  for (;;) {
    if (signal?.aborted) throw abortedError(signal);
    tries++;
    try {
      const value = await attempt();
      if (value !== undefined) return value;
      last = 'not yet';
    } catch (error) {
      last = messageOf(error);
    }
    const elapsedMs = clock.monotonicMs() - startMs;
    if (elapsedMs >= timeoutMs) {
      throw new LabError(`waited ${Math.round(elapsedMs)} ms (${tries} tries) for ${what}; last seen: ${last}`, {
        details: { elapsedMs, tries, last },
      });
    }
    await clock.sleep(Math.min(intervalMs, timeoutMs - elapsedMs), signal);
  }
}

/** Waits for all of them. The first failure is thrown after all have ended, so that none of them does anything afterwards. */
export async function allEnded(promises: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}

/** Runs `work` over all items, at most `limit` at once; results keep the order. The first failure is thrown after all have ended. */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
