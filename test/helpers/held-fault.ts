import { beginFault } from '../../src/faults/begin-fault.ts';
import type { FaultResult, FaultSetting, LiveFault } from '../../src/faults/live-fault.ts';

const pollMs = 5_000;

/** Lets a fault act for so long, or until it is void and healed. Rejects with AbortedError when the signal of its setting is aborted. */
export async function holdFault(
  live: LiveFault,
  { clock, signal }: Pick<FaultSetting, 'clock' | 'signal'>,
  durationMs: number,
): Promise<void> {
  const untilMs = clock.monotonicMs() + durationMs;
  for (;;) {
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0 || live.voidReason !== undefined) return;
    await clock.sleep(Math.min(pollMs, leftMs), signal);
  }
}

/** A fault from its begin to its heal, held for its duration; healed as well where its signal cuts that short. */
export async function runFault(setting: FaultSetting): Promise<FaultResult> {
  const live = await beginFault(setting);
  try {
    await holdFault(live, setting, setting.fault.spec.durationMs);
  } catch (error) {
    await live.heal();
    throw error;
  }
  return live.heal();
}
