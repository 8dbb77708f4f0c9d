import type { VirtualClock } from '../../src/lab/fake/virtual-clock.ts';

/** No time passes in a world in memory while the real disk is waited for. */
export function isDiskBusy(): boolean {
  return process.getActiveResourcesInfo().some((resource) => /^(FSReq|CloseReq)/.test(resource));
}

/** Lets virtual time pass in small steps, between which what was given to the disk comes back. */
export async function passTime(clock: VirtualClock, durationMs: number, stepMs = 25): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
    await clock.advance(Math.min(stepMs, durationMs - passedMs));
    do await new Promise((resolve) => setImmediate(resolve));
    while (isDiskBusy());
  }
}
