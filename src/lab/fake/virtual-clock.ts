import { abortedError, type Clock } from '../../core/clock.ts';

/** A clock whose time passes only when told, or, when automatic, as soon as nothing else is left to do. */
export interface VirtualClock extends Clock {
  /** Lets time pass, waking sleepers in their order; work that they start is given its turn before later ones wake. */
  advance(durationMs: number): Promise<void>;
  /** Sleeps that have not ended. */
  readonly sleeping: number;
}

interface VirtualClockOptions {
  /** Wall time at the beginning, in ms since the epoch. Default 2026-01-01T00:00:00Z. */
  startMs?: number;
  /** Go to the next sleeper's time whenever the event loop comes round with a sleeper waiting. Default true. */
  isAutomatic?: boolean;
}

interface Sleeper {
  dueMs: number;
  wake(): void;
}

const DEFAULT_START_MS = Date.UTC(2026, 0, 1);

export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { startMs = DEFAULT_START_MS, isAutomatic = true } = options;
  const sleepers: Sleeper[] = [];
  let elapsedMs = 0;
  let isScheduled = false;

  const wakeNext = (untilMs: number): boolean => {
    const next = sleepers[0];
    if (!next || next.dueMs > untilMs) return false;
    sleepers.shift();
    elapsedMs = Math.max(elapsedMs, next.dueMs);
    next.wake();
    return true;
  };

  const schedule = (): void => {
    if (!isAutomatic || isScheduled || sleepers.length === 0) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      wakeNext(Infinity);
      schedule();
    });
  };

  return {
    wallMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    get sleeping() {
      return sleepers.length;
    },
    sleep: (durationMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(abortedError(signal));
          return;
        }
        const onAbort = (): void => {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          reject(abortedError(signal));
        };
        const sleeper: Sleeper = {
          dueMs: elapsedMs + Math.max(0, durationMs),
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        sleepers.push(sleeper);
        // A stable sort: sleepers of the same moment wake in the order in which they came.
        sleepers.sort((a, b) => a.dueMs - b.dueMs);
        schedule();
      }),
    advance: async (durationMs) => {
      const untilMs = elapsedMs + durationMs;
      do await turn();
      while (wakeNext(untilMs));
      elapsedMs = Math.max(elapsedMs, untilMs);
    },
  };
}

/** One round of the event loop: everything that only waits for promises has gone as far as it can. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
