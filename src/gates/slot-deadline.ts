import { setMaxListeners } from 'node:events';
import { abortedError, type Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Answer } from './readings.ts';

/** One deadline for everything that is asked in a slot, so that a node that does not answer never delays the others. */
export interface SlotDeadline {
  /** Aborted at the deadline, and when the caller's signal is. */
  readonly signal: AbortSignal;
  /** The work's value, or why there is none; never rejects, never takes longer than the slot. */
  answer<T>(work: () => Promise<T>): Promise<Answer<T>>;
  /** Must be called when the slot is over. */
  end(): void;
}

export function slotDeadline(clock: Clock, timeoutMs: number, signal?: AbortSignal): SlotDeadline {
  const controller = new AbortController();
  const timer = new AbortController();
  // Dozens of calls listen to a slot's signal at once; that is no leak.
  setMaxListeners(0, controller.signal, timer.signal);
  const onAbort = (): void => controller.abort(abortedError(signal));
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  clock.sleep(timeoutMs, timer.signal).then(
    () => controller.abort(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })),
    () => undefined,
  );
  const late = new Promise<{ ok: false; error: string }>((resolve) => {
    const give = (): void => resolve({ ok: false, error: messageOf(controller.signal.reason) });
    if (controller.signal.aborted) give();
    else controller.signal.addEventListener('abort', give, { once: true });
  });
  return {
    signal: controller.signal,
    answer: (work) => Promise.race([settled(work), late]),
    end() {
      timer.abort();
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

async function settled<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}
