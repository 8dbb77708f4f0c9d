import { describe, expect, test } from 'vitest';
import { judgeHold, type HoldSample } from '../../../../src/engine/faults/judge-hold.ts';

/** A look a second: `a` goes on, `b` stands still from the start, `c` until its blocks under way are through. */
const looks = (count: number, change: (atMs: number) => Partial<HoldSample> = () => ({})): HoldSample[] =>
  Array.from({ length: count }, (_, index) => ({
    atMs: index * 1000,
    heights: { a: 100 + index, b: 90, c: Math.min(92, 90 + index) },
    compared: 1,
    forks: [],
    ...change(index * 1000),
  }));

const judge = (expects: Parameters<typeof judgeHold>[0], samples: HoldSample[]) =>
  judgeHold(expects, samples, 3000, true);

describe('what must hold while something is broken', () => {
  test('holds when each node does what it should, once what was under way has settled', () => {
    expect(judge({ goOn: ['a'], standStill: ['b', 'c'] }, looks(10))).toEqual({
      verdict: 'pass',
      reason: 'a went on by 6; b stood still; c stood still; no two nodes disagreed at 10 heights',
      blamed: [],
    });
  });

  test.each([
    ['a node that should go on stands still', { goOn: ['b'] }, 'b stood still at height 90', 'b'],
    ['a node that should stand still goes on', { standStill: ['a'] }, 'a went on from height 103 to 109', 'a'],
  ])('fails when %s', (_title, expects, reason, node) => {
    expect(judge(expects, looks(10))).toEqual({ verdict: 'fail', reason, blamed: [node] });
  });

  test('fails on two blocks at one height, also before it has settled', () => {
    const forked = looks(10, (atMs) => (atMs === 0 ? { forks: ['height 90 is not one block: a against b'] } : {}));
    expect(judge({}, forked)).toMatchObject({ verdict: 'fail', reason: 'height 90 is not one block: a against b' });
    expect(judge({ agree: false }, forked).verdict).toBe('pass');
  });

  test('is not known of a node that did not answer twice, nor where nothing could be compared', () => {
    const silent = looks(10, (atMs) => ({ heights: atMs === 5000 ? { a: 1 } : {} }));
    expect(judge({ standStill: ['a'] }, silent)).toMatchObject({
      verdict: 'inconclusive',
      reason: 'a was not seen at two times',
    });
    const alone = looks(10, () => ({ compared: 0 }));
    expect(judge({}, alone)).toMatchObject({ verdict: 'inconclusive', reason: 'no blocks could be compared' });
  });
});
