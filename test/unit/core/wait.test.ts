import { describe, expect, test } from 'vitest';
import { AbortedError, LabError } from '../../../src/core/errors.ts';
import { mapConcurrent, waitFor } from '../../../src/core/wait.ts';
import { createVirtualClock } from '../../../src/lab/fake/virtual-clock.ts';

describe('waitFor', () => {
  test('gives what the attempt gave at last', async () => {
    const clock = createVirtualClock();
    let tries = 0;
    const attempt = async () => (++tries === 4 ? 'there' : undefined);
    expect(await waitFor(attempt, { clock, what: 'it', timeoutMs: 1000 })).toBe('there');
    expect(clock.monotonicMs()).toBe(150);
  });

  test('at the deadline says what was waited for, how long, how often, and what was seen last', async () => {
    const clock = createVirtualClock();
    const attempt = () => Promise.reject(new Error('connection refused'));
    const waiting = waitFor(attempt, { clock, what: 'node-0 to answer', timeoutMs: 1000, intervalMs: 250 });
    await expect(waiting).rejects.toThrow(
      'waited 1000 ms (5 tries) for node-0 to answer; last seen: connection refused',
    );
    await expect(waiting).rejects.toBeInstanceOf(LabError);
  });

  test('ends at once when its signal is aborted, with the reason', async () => {
    const clock = createVirtualClock({ isAutomatic: false });
    const controller = new AbortController();
    const waiting = waitFor(async () => undefined, { clock, what: 'it', timeoutMs: 1000, signal: controller.signal });
    controller.abort(new AbortedError('interrupted by SIGINT'));
    await expect(waiting).rejects.toThrow('interrupted by SIGINT');
    expect(clock.sleeping).toBe(0);
  });
});

describe('mapConcurrent', () => {
  test('keeps the order of the results and the limit', async () => {
    const clock = createVirtualClock();
    let running = 0;
    let most = 0;
    const results = await mapConcurrent([30, 10, 20, 5], 2, async (durationMs) => {
      most = Math.max(most, ++running);
      await clock.sleep(durationMs);
      running--;
      return durationMs * 2;
    });
    expect(results).toEqual([60, 20, 40, 10]);
    expect(most).toBe(2);
  });

  test('throws the first failure, but only after every item has ended', async () => {
    const clock = createVirtualClock();
    const ended: number[] = [];
    const work = async (item: number) => {
      await clock.sleep(item);
      ended.push(item);
      if (item < 3) throw new Error(`item ${item}`);
    };
    await expect(mapConcurrent([5, 2, 1, 4], 4, work)).rejects.toThrow('item 1');
    expect(ended).toEqual([1, 2, 4, 5]);
  });

  test('of nothing is nothing', async () => {
    expect(await mapConcurrent([], 4, () => Promise.reject(new Error('never called')))).toEqual([]);
  });
});
