import { setMaxListeners } from 'node:events';
import type { Clock } from '../core/clock.ts';
import type { SlotReading } from './readings.ts';

export interface GridSlot {
  slot: number;
  atMs: number;
  monoMs: number;
  /** When the reading must be complete. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface SlotLoopOptions {
  clock: Clock;
  intervalMs: number;
  read: (slot: GridSlot) => Promise<SlotReading>;
  /** Called with every reading, in order. */
  deliver: (reading: SlotReading) => void;
  /** The loop ended because `read` or `deliver` threw. */
  onError: (error: unknown) => void;
}

/** Reads one slot after the other on a fixed grid. A slot that could not be read in its time is missed, never made up for. */
export interface SlotLoop {
  /** Begins a new grid now: the next slot is read at once. Slot numbers go on. */
  realign: () => void;
  /** Ends the loop; a reading that is under way is dropped. */
  stop: () => Promise<void>;
}

/** Leaves time between the last answer and the next slot. */
const readShare = 0.9;

export function startSlotLoop({ clock, intervalMs, read, deliver, onError }: SlotLoopOptions): SlotLoop {
  const ended = new AbortController();
  setMaxListeners(0, ended.signal);
  let wake = new AbortController();
  let anchorMonoMs = clock.monotonicMs();
  let firstSlot = 0;
  let next = 0;
  let isRealigned = false;
  const done = run().catch((error: unknown) => {
    // A reading that is cut off by the end is no failure.
    if (!ended.signal.aborted) onError(error);
  });

  return {
    realign() {
      isRealigned = true;
      wake.abort();
    },
    async stop() {
      ended.abort();
      wake.abort();
      await done;
    },
  };

  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      if (isRealigned) realignNow();
      const monoMs = anchorMonoMs + (next - firstSlot) * intervalMs;
      const waitMs = monoMs - clock.monotonicMs();
      if (waitMs > 0) {
        wake = new AbortController();
        await clock.sleep(waitMs, wake.signal).catch(() => undefined);
        continue;
      }
      // This program was too slow, or slept, and the slot's time is over.
      if (-waitMs >= intervalMs / 2) {
        next += Math.ceil(-waitMs / intervalMs);
        continue;
      }
      const slot = next++;
      const atMs = clock.wallMs() - (clock.monotonicMs() - monoMs);
      const reading = await read({ slot, atMs, monoMs, timeoutMs: intervalMs * readShare, signal: ended.signal });
      // Answers that were waited for longer than the slot say something of this program, nothing of the nodes.
      const tookMs = clock.monotonicMs() - monoMs;
      if (tookMs <= intervalMs && !ended.signal.aborted) deliver(reading);
    }
  }

  function realignNow(): void {
    isRealigned = false;
    anchorMonoMs = clock.monotonicMs();
    firstSlot = next;
  }
}
