import type { RunContext } from './run-context.ts';

const longestPollMs = 1_000;

/**
 * While the run goes forward, what it has switched for a time is extended before the time is over; when its process is gone nobody does,
 * and the nodes go back by themselves. The time is told by the monotonic clock: one that is set would let a switch end unnoticed. An
 * extension that is under way then is not cut off: what clears the switch waits for it.
 */
export function keepSwitches({ inputs, session, effects }: RunContext, forward: AbortSignal, over: AbortSignal): void {
  const { clock } = inputs;
  const { switches, openEffects } = session.state;
  const seen = new Map<string, { untilMs: number; setMonoMs: number }>();
  const keep = async (): Promise<void> => {
    while (!forward.aborted) {
      const shortestMs = Math.min(...[...switches.values()].map(({ ttlMs }) => ttlMs));
      await clock.sleep(Math.min(longestPollMs, shortestMs / 8), forward);
      for (const [key, held] of switches) {
        if (forward.aborted) return;
        const nowMs = clock.monotonicMs();
        let known = seen.get(key);
        if (known?.untilMs !== held.untilMs) {
          const ageMs = Math.min(held.ttlMs, Math.max(0, held.ttlMs - (held.untilMs - clock.wallMs())));
          known = { untilMs: held.untilMs, setMonoMs: nowMs - ageMs };
          seen.set(key, known);
        }
        if (openEffects.has(`${held.node}/switch`) || nowMs - known.setMonoMs < held.ttlMs / 2) continue;
        // What cannot be extended ends; the step that needs it will find it gone.
        await effects.extend(held, over).catch(() => undefined);
      }
    }
  };
  keep().catch(() => undefined);
}
