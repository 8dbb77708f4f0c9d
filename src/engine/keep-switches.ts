import type { RunContext } from './run-context.ts';

const longestPollMs = 1_000;

/**
 * While the run goes forward, what it has switched for a time is extended before the time is over; when its process is gone nobody does,
 * and the nodes go back by themselves. The time is told by the monotonic clock: one that is set would let a switch end unnoticed. An
 * extension that is under way then is not cut off: what clears the switch waits for it. One that fails is tried again for as long as the
 * node can still hold the switch; after that the run is told that it does not.
 */
export function keepSwitches({ inputs, session, effects }: RunContext, forward: AbortSignal, over: AbortSignal): void {
  const { clock } = inputs;
  const { switches, openEffects } = session.state;
  const seen = new Map<string, { untilMs: number; setMonoMs: number }>();
  /** When what could not be extended since was set. */
  const failed = new Map<string, number>();
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
        const isDue = !openEffects.has(`${held.node}/switch`) && nowMs - known.setMonoMs >= held.ttlMs / 2;
        const setMonoMs = failed.get(key) ?? (isDue ? known.setMonoMs : undefined);
        if (setMonoMs === undefined) continue;
        try {
          await effects.extend(held, over);
          failed.delete(key);
        } catch (error) {
          // What was meant to be extended is written down as if it were.
          failed.set(key, setMonoMs);
          if (clock.monotonicMs() - setMonoMs >= held.ttlMs) effects.lose(held, error);
        }
      }
    }
  };
  keep().catch(() => undefined);
}
