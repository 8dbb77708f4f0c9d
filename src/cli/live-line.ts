import { systemClock } from '../core/clock.ts';

/** Without a terminal a line is written at most so often, in ms. */
const plainEveryMs = 10_000;

/** One line that says how things stand, written over again on a terminal; elsewhere a new line now and then. */
export interface LiveLine {
  show(text: string): void;
  close(): void;
}

export async function openLiveLine(): Promise<LiveLine> {
  const { stderr } = process;
  const canDraw = stderr.isTTY && stderr.columns > 0 && process.env.TERM !== 'dumb';
  if (canDraw) {
    const { createLogUpdate } = await import('log-update');
    const draw = createLogUpdate(stderr);
    return {
      show: (text) => draw(text.slice(0, stderr.columns - 1)),
      close: () => draw.done(),
    };
  }
  let lastMs = systemClock.monotonicMs();
  return {
    show(text) {
      const nowMs = systemClock.monotonicMs();
      if (nowMs - lastMs < plainEveryMs) return;
      lastMs = nowMs;
      stderr.write(`${text}\n`);
    },
    close: () => undefined,
  };
}
