import type { RunContext } from './run-context.ts';

const pollMs = 1_000;

/**
 * While the run goes on, what it has switched for a time is extended before the time is over; when its process is gone nobody does, and
 * the nodes go back by themselves.
 */
export function keepSwitches({ inputs, session, effects, signal }: RunContext, over: AbortSignal): void {
  const { clock } = inputs;
  const keep = async (): Promise<void> => {
    while (!over.aborted && !signal.aborted) {
      await clock.sleep(pollMs, over);
      for (const held of session.state.switches.values()) {
        const isOpen = session.state.openEffects.has(`${held.node}/switch`);
        if (isOpen || held.untilMs - clock.wallMs() > held.ttlMs / 2) continue;
        // What cannot be extended ends; the step that needs it will find it gone.
        await effects.extend(held, over).catch(() => undefined);
      }
    }
  };
  keep().catch(() => undefined);
}
