import { AbortedError } from '../core/errors.ts';
import { systemClock } from '../core/clock.ts';

/** A second signal counts as one only so soon after the first. */
const hurryWithinMs = 10_000;

/** What the signals that a command receives ask of it. */
export interface Interruption {
  /** The first SIGINT or SIGTERM: end the open step, write down where the run stopped. */
  readonly signal: AbortSignal;
  /** The second within ten seconds: take back what would harm if it stayed, and leave the rest. */
  readonly hurry: AbortSignal;
  /** Says, at the third, what is left behind and when it ends by itself. */
  remains: () => string[];
  dispose(): void;
}

/** Listens for signals; the third ends the process at once. */
export function interruptSignal(): Interruption {
  const first = new AbortController();
  const second = new AbortController();
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  let received = 0;
  let firstAtMs = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    received++;
    if (received === 1) {
      firstAtMs = systemClock.monotonicMs();
      say(`\n${name}: ending the open step; again within 10 s leaves it as it is, a third time leaves at once`);
      first.abort(new AbortedError(`interrupted by ${name}`));
    } else if (received === 2 && systemClock.monotonicMs() - firstAtMs <= hurryWithinMs) {
      say(`${name} again: taking back what is only lent, and leaving`);
      second.abort(new AbortedError(`interrupted twice by ${name}`));
    } else if (received >= 3) {
      for (const line of interruption.remains()) say(line);
      say('left at once; `seatrial status` shows what runs, `seatrial runs` the run that was cut off');
      // eslint-disable-next-line no-restricted-properties -- the user asked for exactly this
      process.exit(130);
    }
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  const interruption: Interruption = {
    signal: first.signal,
    hurry: second.signal,
    remains: () => [],
    dispose: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
  return interruption;
}
