import { describe, expect, test } from 'vitest';
import type { SlotReading } from '../../../src/gates/readings.ts';
import { startSlotLoop, type GridSlot, type SlotLoop } from '../../../src/gates/slot-loop.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lab/fake/virtual-clock.ts';

interface Watched {
  clock: VirtualClock;
  loop: SlotLoop;
  /** Slot and monotonic time of every reading that was delivered. */
  delivered: [slot: number, monoMs: number][];
  errors: unknown[];
}

function watch(read: (slot: GridSlot, clock: VirtualClock) => Promise<void> = async () => undefined): Watched {
  const clock = createVirtualClock({ isAutomatic: false });
  const delivered: Watched['delivered'] = [];
  const errors: unknown[] = [];
  const loop = startSlotLoop({
    clock,
    intervalMs: 1000,
    read: async (slot) => {
      await read(slot, clock);
      return { slot: slot.slot, atMs: slot.atMs, monoMs: slot.monoMs, leftOut: [], nodes: {} } satisfies SlotReading;
    },
    deliver: ({ slot, monoMs }) => delivered.push([slot, monoMs]),
    onError: (error) => errors.push(error),
  });
  return { clock, loop, delivered, errors };
}

describe('the slot loop', () => {
  test('keeps to its grid however long a reading takes within its slot', async () => {
    const { clock, loop, delivered, errors } = watch(({ slot, signal }, time) =>
      time.sleep(slot % 2 === 0 ? 800 : 10, signal),
    );
    await clock.advance(4500);
    expect(delivered).toEqual([
      [0, 0],
      [1, 1000],
      [2, 2000],
      [3, 3000],
    ]);
    await loop.stop();
    expect(errors).toEqual([]);
    expect(delivered).toHaveLength(4);
  });

  test('misses a slot that took too long, and those that went by meanwhile', async () => {
    const { clock, loop, delivered } = watch(({ slot }, time) => time.sleep(slot === 1 ? 2700 : 10));
    await clock.advance(5500);
    expect(delivered).toEqual([
      [0, 0],
      [4, 4000],
      [5, 5000],
    ]);
    await loop.stop();
  });

  test('begins a new grid at once when asked, and goes on numbering', async () => {
    const { clock, loop, delivered } = watch();
    await clock.advance(1300);
    loop.realign();
    await clock.advance(1100);
    expect(delivered).toEqual([
      [0, 0],
      [1, 1000],
      [2, 1300],
      [3, 2300],
    ]);
    await loop.stop();
  });

  test('leaves no timer behind when it is stopped', async () => {
    const { clock, loop, delivered } = watch();
    await clock.advance(500);
    await loop.stop();
    expect(clock.sleeping).toBe(0);
    await clock.advance(5000);
    expect(delivered).toEqual([[0, 0]]);
  });

  test('tells of an error and ends', async () => {
    const { clock, errors } = watch(async () => {
      throw new Error('the disk is full');
    });
    await clock.advance(3000);
    expect(errors).toEqual([new Error('the disk is full')]);
    expect(clock.sleeping).toBe(0);
  });
});
