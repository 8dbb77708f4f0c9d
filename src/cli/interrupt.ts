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

/** What a command says at each signal. */
export interface InterruptWords {
  first: string;
  second: string;
  third: string;
}

const wordsOfRun: InterruptWords = {
  first: 'ending the open step and healing faults; again within 10 s only heals, a third time leaves at once',
  second: 'taking back what is only lent, and leaving',
  third: 'left at once; `seatrial status` shows what runs, `seatrial runs` the run that was cut off',
};

/** Listens for signals; the third ends the process at once. */
export function interruptSignal(words: InterruptWords = wordsOfRun): Interruption {
  const first = new AbortController();
  const second = new AbortController();
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  let firstAtMs: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    const nowMs = systemClock.monotonicMs();
    if (second.signal.aborted) {
      for (const line of interruption.remains()) say(line);
      say(words.third);
      // eslint-disable-next-line no-restricted-properties -- the user asked for exactly this
      process.exit(130);
    } else if (firstAtMs === undefined || nowMs - firstAtMs > hurryWithinMs) {
      // Late, it is a first one anew: nobody who has waited so long meant the one before.
      firstAtMs = nowMs;
      say(`\n${name}: ${words.first}`);
      first.abort(new AbortedError(`interrupted by ${name}`));
    } else {
      say(`${name} again: ${words.second}`);
      second.abort(new AbortedError(`interrupted twice by ${name}`));
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
