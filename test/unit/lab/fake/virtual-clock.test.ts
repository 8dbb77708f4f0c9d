import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../../../src/lab/fake/virtual-clock.ts';

describe('a clock that is advanced by hand', () => {
  test('wakes sleepers in the order of their times and lets each one’s work go on before the next', async () => {
    const clock = createVirtualClock({ startMs: 1000, isAutomatic: false });
    const woken: string[] = [];
    const sleeper = async (name: string, durationMs: number): Promise<void> => {
      await clock.sleep(durationMs);
      woken.push(`${name} ${clock.wallMs()}`);
    };
    const all = Promise.all([
      sleeper('late', 300),
      sleeper('early', 100).then(() => sleeper('second', 100)),
      sleeper('last', 500),
    ]);
    await clock.advance(400);
    expect(woken).toEqual(['early 1100', 'second 1200', 'late 1300']);
    expect(clock.sleeping).toBe(1);
    expect(clock.monotonicMs()).toBe(400);
    await clock.advance(100);
    await all;
    expect(woken.at(-1)).toBe('last 1500');
  });

  test('an aborted sleep ends at once and no longer counts', async () => {
    const clock = createVirtualClock({ isAutomatic: false });
    const abort = new AbortController();
    const sleep = clock.sleep(1000, abort.signal);
    abort.abort();
    await expect(sleep).rejects.toMatchObject({ code: 'aborted' });
    await expect(clock.sleep(1000, abort.signal)).rejects.toMatchObject({ code: 'aborted' });
    expect(clock.sleeping).toBe(0);
    expect(clock.monotonicMs()).toBe(0);
  });
});

test('an automatic clock passes an hour of sleeps in no time', async () => {
  const clock = createVirtualClock();
  for (let minute = 0; minute < 60; minute++) await clock.sleep(60_000);
  expect(clock.monotonicMs()).toBe(3_600_000);
});
