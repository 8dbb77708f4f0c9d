import { describe, expect, test } from 'vitest';
import { comparedHeights } from '../../../src/gates/block-comparer.ts';
import { sameHashJudge } from '../../../src/gates/node-checks.ts';
import type { NodeReading, SlotReading } from '../../../src/gates/readings.ts';
import { slotFacts } from '../../../src/gates/slot-facts.ts';

function heights(...values: number[]): Map<string, number> {
  return new Map(values.map((height, index) => [`n${index}`, height]));
}

describe('blocks are compared', () => {
  test.each([
    ['at the judged node’s height when others are ahead', heights(10, 12, 12), ['n0'], [10]],
    ['at the highest of the others when the judged node is ahead', heights(14, 12, 11), ['n0'], [12]],
    ['once for judged nodes that are close together', heights(10, 12, 11, 12), ['n0', 'n1', 'n2', 'n3'], [10]],
    ['at their own heights for judged nodes far behind', heights(10, 100, 101), ['n0', 'n1', 'n2'], [10, 100]],
    ['nowhere without a height that two nodes share', heights(10), ['n0'], []],
    ['nowhere before the first block', heights(0, 0), ['n0', 'n1'], []],
    ['nowhere when nobody is judged', heights(5, 5), [], []],
  ])('%s', (_title, known, focus, expected) => {
    expect(comparedHeights(known, new Set(focus))).toEqual(expected);
  });
});

describe('the same-hash check', () => {
  const judge = (hashes: Record<string, string | Error>, node = 'n0', leftOut: string[] = []) => {
    const nodes = Object.fromEntries(
      Object.entries(hashes).map(([name, hash]) => [
        name,
        hash instanceof Error
          ? ({ ok: false, error: hash.message } as const)
          : ({ ok: true, value: { height: 7, hashes: { app: hash, block: 'b' } } } as const),
      ]),
    );
    const unread: NodeReading = {
      observation: { ok: false, error: '' },
      liveness: { ok: true },
      status: { ok: false, error: '' },
    };
    const reading: SlotReading = {
      slot: 0,
      atMs: 0,
      monoMs: 0,
      leftOut,
      nodes: Object.fromEntries(Object.keys(hashes).map((name) => [name, unread])),
      blocks: [{ height: 7, nodes }],
    };
    const network = { testnet: 't', nodes: [], quorum: 'bft' as const, availability: 'keep' as const };
    return sameHashJudge(node)(slotFacts(reading, network));
  };

  test('is OK with the majority and BAD against it', () => {
    const world = { n0: 'x', n1: 'y', n2: 'y', n3: 'y' };
    expect(judge(world, 'n0')).toMatchObject({
      state: 'BAD',
      detail: expect.stringContaining('n0 holds app x and not y, as 3 others do') as string,
    });
    expect(judge(world, 'n1')).toEqual({ state: 'OK', value: 7 });
  });

  test('is BAD for either side of a tie', () => {
    const world = { n0: 'x', n1: 'y' };
    expect(judge(world, 'n0')?.state).toBe('BAD');
    expect(judge(world, 'n1')?.state).toBe('BAD');
  });

  test('is vacuous with nobody to compare with', () => {
    expect(judge({ n0: 'x' })).toMatchObject({ state: 'UNKNOWN', reason: 'vacuous' });
    expect(judge({ n0: 'x', n1: 'y' }, 'n0', ['n1'])).toMatchObject({ state: 'UNKNOWN', reason: 'vacuous' });
  });

  test('is unknown when the node’s own block could not be read', () => {
    expect(judge({ n0: new Error('500'), n1: 'x', n2: 'x' })).toMatchObject({
      state: 'UNKNOWN',
      reason: 'query-error',
    });
  });
});
