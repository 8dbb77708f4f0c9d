import { describe, expect, test } from 'vitest';
import type { NodeReading, SlotReading } from '../../../src/gates/readings.ts';
import { Silences } from '../../../src/gates/silence.ts';

type Slot = [atMs: number, answer: 'ok' | 'refused' | 'silent', givenMs?: number];

/** What each of these readings of one node is judged as; the slots are of half a second, and a silent node was given 450 ms. */
function marks(silences: Silences, ...slots: Slot[]) {
  return slots.map(([monoMs, answer, givenMs = 450]) => {
    const liveness: NodeReading['liveness'] =
      answer === 'ok' ? { ok: true } : { ok: false, error: answer, ...(answer === 'silent' && { silentMs: givenMs }) };
    const node = { liveness, observation: { ok: false, error: '' }, status: { ok: false, error: '' } } as const;
    silences.mark({ slot: 0, atMs: 0, monoMs, leftOut: [], nodes: { node } } satisfies SlotReading);
    return liveness.ok ? 'up' : liveness.mayBeSlow ? 'slow' : 'down';
  });
}

describe('a silent node', () => {
  test('may be slow in its first slot of half a second, and is down in the next', () => {
    expect(marks(new Silences(4000), [0, 'ok'], [500, 'silent'], [1000, 'silent'], [1500, 'silent'])).toEqual([
      ...['up', 'slow', 'down', 'down'],
    ]);
  });

  test('is down at once where it was given a second, and where it refused', () => {
    expect(marks(new Silences(4000), [0, 'silent', 1000])).toEqual(['down']);
    expect(marks(new Silences(4000), [0, 'refused'])).toEqual(['down']);
    expect(marks(new Silences(4000), [0, 'silent', 900])).toEqual(['down']);
  });

  test('is forgiven once in a window, counted from the beginning of the silence', () => {
    const seen = [0, 1000, 3500, 4000].flatMap((atMs): Slot[] => [
      [atMs, 'silent'],
      [atMs + 250, 'ok'],
    ]);
    expect(marks(new Silences(4000), ...seen)).toEqual(['slow', 'up', 'down', 'up', 'down', 'up', 'slow', 'up']);
  });

  test('was not silent while nobody looked for long', () => {
    expect(marks(new Silences(1000), [0, 'silent'], [5000, 'silent'])).toEqual(['slow', 'slow']);
  });

  test('is counted as silent through a slot that was missed', () => {
    expect(marks(new Silences(4000), [0, 'silent'], [1000, 'silent'])).toEqual(['slow', 'down']);
  });
});
