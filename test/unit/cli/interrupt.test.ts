import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { interruptSignal } from '../../../src/cli/interrupt.ts';

/** A command that hears signals at times that the test sets, and what it says. */
function listening() {
  let nowMs = 0;
  const said: string[] = [];
  const clock = vi.spyOn(systemClock, 'monotonicMs').mockImplementation(() => nowMs);
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const interruption = interruptSignal({ first: 'one', second: 'two', third: 'three' });
  onTestFinished(() => {
    interruption.dispose();
    clock.mockRestore();
    stderr.mockRestore();
  });
  const signalAt = (atMs: number): void => {
    nowMs = atMs;
    process.emit('SIGHUP', 'SIGHUP');
  };
  return { interruption, said, signalAt };
}

test('a second signal within ten seconds is in a hurry', () => {
  const { interruption, said, signalAt } = listening();
  signalAt(0);
  expect([interruption.signal.aborted, interruption.hurry.aborted]).toEqual([true, false]);
  signalAt(10_000);
  expect(interruption.hurry.aborted).toBe(true);
  expect(said).toEqual(['\nSIGHUP: one\n', 'SIGHUP again: two\n']);
});

test('a later one is a first one anew, says so, and never ends the process at once', () => {
  const { interruption, said, signalAt } = listening();
  signalAt(0);
  signalAt(11_000);
  signalAt(22_000);
  expect(interruption.hurry.aborted).toBe(false);
  expect(said).toEqual(Array(3).fill('\nSIGHUP: one\n'));
  signalAt(23_000);
  expect(interruption.hurry.aborted).toBe(true);
});
