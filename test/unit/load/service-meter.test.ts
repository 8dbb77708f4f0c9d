import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../../src/load/ledger.ts';
import { firstGoodWindow, serviceBaseline, serviceSeconds, usualLatencyMs } from '../../../src/load/service-meter.ts';

const rule = { windowMs: 5_000, successShare: 0.99, rateShare: 0.8 };
const startMs = 1_000_000;

/** `perSecond` writes in each of these seconds, of which so many are acknowledged. */
function traffic(
  ...seconds: { offered: number; acknowledged: number; outcome?: LedgerEntry['outcome'] }[]
): LedgerEntry[] {
  return seconds.flatMap(({ offered, acknowledged, outcome = 'unknown' }, second) =>
    Array.from({ length: offered }, (_, index) => ({
      sequence: second * 1000 + index,
      node: 'a',
      sentAtMs: startMs + second * 1000 + Math.floor((index * 1000) / offered),
      ...(index < acknowledged ? { outcome: 'acknowledged' as const } : outcome && { outcome }),
    })),
  );
}

const good = { offered: 20, acknowledged: 20 };
const silent = { offered: 0, acknowledged: 0 };
const times = (count: number, second: { offered: number; acknowledged: number }) =>
  Array.from({ length: count }, () => second);
const find = (entries: LedgerEntry[], seconds: number, perSecond = 20) =>
  firstGoodWindow(entries, { perSecond }, rule, { fromMs: startMs, untilMs: startMs + seconds * 1000 });

describe('the seconds of a service', () => {
  test('hold each write in the second in which it was sent, and only whole seconds', () => {
    const entries = traffic(good, { offered: 4, acknowledged: 1 }, good);
    expect(serviceSeconds(entries, startMs, startMs + 2_900)).toEqual([
      { atMs: startMs, offered: 20, acknowledged: 20 },
      { atMs: startMs + 1000, offered: 4, acknowledged: 1 },
    ]);
  });

  test('are none where no whole second has passed', () => {
    expect(serviceSeconds(traffic(good), startMs, startMs + 999)).toEqual([]);
    expect(serviceSeconds(traffic(good), startMs, startMs - 5_000)).toEqual([]);
  });
});

describe('the baseline of a service', () => {
  test('is the rate of what was acknowledged, not of what was offered', () => {
    const entries = traffic(...times(4, { offered: 20, acknowledged: 15 }));
    expect(serviceBaseline(entries, startMs, startMs + 4_000)).toMatchObject({
      offered: 80,
      acknowledged: 60,
      perSecond: 15,
    });
  });

  test('is none where nothing was acknowledged, or no time has passed: nobody measures against zero', () => {
    expect(serviceBaseline([], startMs, startMs + 4_000)).toBeUndefined();
    expect(serviceBaseline(traffic({ offered: 9, acknowledged: 0 }), startMs, startMs + 1_000)).toBeUndefined();
    expect(serviceBaseline(traffic(good), startMs, startMs)).toBeUndefined();
  });
});

describe('the first window of good service', () => {
  test('begins at once where the service was never interrupted', () => {
    expect(find(traffic(...times(5, good)), 5)).toEqual({ atMs: startMs, offered: 100, acknowledged: 100 });
  });

  test('begins after the last bad second, when it is whole', () => {
    const entries = traffic(...times(3, silent), ...times(5, good));
    expect(find(entries, 7)).toBeUndefined();
    expect(find(entries, 8)?.atMs).toBe(startMs + 3_000);
  });

  test('may hold one failure in a hundred, and not two', () => {
    const nearly = { offered: 20, acknowledged: 19 };
    expect(find(traffic(nearly, ...times(4, good)), 5)?.acknowledged).toBe(99);
    expect(find(traffic(nearly, nearly, ...times(3, good)), 5)).toBeUndefined();
  });

  test('needs four fifths of the rate before, however well the rest of it goes', () => {
    const slow = { offered: 15, acknowledged: 15 };
    const enough = { offered: 16, acknowledged: 16 };
    expect(find(traffic(...times(9, slow)), 9)).toBeUndefined();
    expect(find(traffic(...times(5, enough)), 5)?.atMs).toBe(startMs);
  });

  test('does not begin with a second of silence, though the window could bear one', () => {
    const entries = traffic(silent, ...times(4, good), silent, ...times(4, good));
    expect(find(entries, 5)).toBeUndefined();
    expect(find(entries, 6)?.atMs).toBe(startMs + 1_000);
  });

  test('is not found in silence, though nothing fails there', () => {
    expect(find([], 60)).toBeUndefined();
    expect(find([], 60, 0)).toBeUndefined();
  });

  test('counts a write without an answer as failed until it has one', () => {
    const entries = traffic(...times(4, good), { offered: 20, acknowledged: 10 });
    expect(find(entries, 5)).toBeUndefined();
    for (const entry of entries) entry.outcome = 'acknowledged';
    expect(find(entries, 5)?.atMs).toBe(startMs);
  });

  test('does not begin with what was answered only when the service came back', () => {
    const entries = traffic(...times(12, good));
    const backAtMs = startMs + 6_400;
    for (const entry of entries) entry.answeredAtMs = Math.max(entry.sentAtMs + 100, backAtMs);
    expect(find(entries, 12)?.atMs).toBe(startMs + 5_000);
    for (const entry of entries) if (entry.answeredAtMs === backAtMs) entry.answeredAtMs += 400;
    expect(find(entries, 12)?.atMs).toBe(startMs + 6_000);
    // Where answers take as long on any day nothing was away.
    const slow = { perSecond: 20, latencyMs: 7_000 };
    expect(firstGoodWindow(entries, slow, rule, { fromMs: startMs, untilMs: startMs + 12_000 })?.atMs).toBe(startMs);
    expect(usualLatencyMs(entries, startMs + 8_000, startMs + 12_000)).toBe(100);
    expect(usualLatencyMs([], startMs, startMs + 1)).toBe(0);
  });

  test('is not made of what was sent before it was looked for', () => {
    const entries = traffic(...times(4, good), ...times(5, silent));
    const late = { fromMs: startMs + 1_000, untilMs: startMs + 9_000 };
    expect(firstGoodWindow(entries, { perSecond: 20 }, rule, late)).toBeUndefined();
  });
});
