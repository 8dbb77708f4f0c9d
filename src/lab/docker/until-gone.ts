import type Docker from 'dockerode';
import { systemClock } from '../../core/clock.ts';
import { waitFor } from '../../core/wait.ts';
import type { CallOptions } from '../call-options.ts';
import { engineCall, isMissing } from './engine-call.ts';

const GONE_TIMEOUT_MS = 30_000;

/** Waits until a container that is being removed is gone. */
export async function untilGone(
  container: Docker.Container,
  name: string,
  { signal }: Pick<CallOptions, 'signal'> = {},
): Promise<void> {
  const attempt = async (): Promise<true | undefined> => {
    try {
      await engineCall(`inspect ${name}`, { signal }, (abortSignal) => container.inspect({ abortSignal }));
      return undefined;
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
  };
  const what = `container ${name} to be gone`;
  await waitFor(attempt, { clock: systemClock, what, timeoutMs: GONE_TIMEOUT_MS, signal });
}
