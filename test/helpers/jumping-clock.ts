import type { Clock } from '../../src/core/clock.ts';
import type { FakeLab } from '../../src/lab/fake/fake-lab.ts';

/** A machine whose clock is set while a program runs on it. */
export interface JumpingClock extends Clock {
  jump(byMs: number): void;
  /** A lab on this machine: the starts of its nodes are told by the clock as it was then. */
  lab(plain: FakeLab): FakeLab;
}

export function jumpingClock(plain: Clock): JumpingClock {
  let offsetMs = 0;
  const offsetAtStart = new Map<string, number>();
  return {
    wallMs: () => plain.wallMs() + offsetMs,
    monotonicMs: () => plain.monotonicMs(),
    sleep: (durationMs, signal) => plain.sleep(durationMs, signal),
    jump: (byMs) => void (offsetMs += byMs),
    lab: (lab) => {
      const noting =
        (begin: FakeLab['launch']): FakeLab['launch'] =>
        async (node, call) => {
          offsetAtStart.set(node.name, offsetMs);
          await begin(node, call);
        };
      return {
        ...lab,
        launch: noting(lab.launch),
        start: noting(lab.start),
        observe: async (node, call) => {
          const seen = await lab.observe(node, call);
          if (!seen.identity) return seen;
          const startedAtMs = seen.identity.startedAtMs + (offsetAtStart.get(node.name) ?? 0);
          return { ...seen, identity: { ...seen.identity, startedAtMs } };
        },
      };
    },
  };
}
