import { describe, expect, test } from 'vitest';
import { checkDurability } from '../../../src/safety/durability.ts';
import type { WriteRecord } from '../../../src/safety/write-record.ts';
import { chainOf, readingsOf, silent, withGap, writesOf } from './chains.ts';

const emptied = { hashes: { block: 'hash-7' }, transactions: ['7b'] };
const nameless: WriteRecord = { node: 'a', outcome: 'acknowledged' };
const unanswered: WriteRecord = { id: '1a', node: 'a', outcome: 'unknown' };
const everywhere = (height: number, other = {}) => ({
  from: 1,
  to: 10,
  chains: ['a', 'b', 'c', 'd'].map((node) => chainOf(node, height, other)),
});
const withoutHeight = (write: WriteRecord): WriteRecord => {
  const { height, ...rest } = write;
  expect(height).toBeDefined();
  return rest;
};

describe('durability', () => {
  test('passes when every acknowledged write stands where it was said to, on every node', () => {
    expect(checkDurability(readingsOf(), writesOf())).toMatchObject({ verdict: 'pass', examined: 10 });
    expect(checkDurability(readingsOf(), writesOf().map(withoutHeight))).toMatchObject({ verdict: 'pass' });
  });

  test('fails when a write is missing on a single node, and names the write and the node', () => {
    const check = checkDurability(readingsOf({ c: chainOf('c', 10, { 7: emptied }) }), writesOf());
    expect(check).toMatchObject({
      verdict: 'fail',
      culpritCount: 1,
      culprits: [{ transaction: '7a', height: 7, nodes: ['c'] }],
    });
    expect(check.culprits[0]?.detail).toBe('transaction 7a, acknowledged by a at height 7, is missing on c');
  });

  test('says so when a write is missing everywhere', () => {
    const check = checkDurability(everywhere(10, { 7: emptied }), writesOf());
    expect(check.culprits[0]?.detail).toMatch(/is missing on a, b, c, d, and on no other$/);
  });

  test('fails for a write without a known height that no block holds', () => {
    const writes: WriteRecord[] = [{ id: 'nowhere', node: 'b', outcome: 'acknowledged' }];
    expect(checkDurability(readingsOf(), writes)).toMatchObject({
      verdict: 'fail',
      culprits: [{ transaction: 'nowhere' }],
    });
  });

  test('fails when a write stands at another height than its client was told', () => {
    const [write] = writesOf([7]);
    const check = checkDurability(readingsOf(), [{ ...(write as WriteRecord), height: 6 }]);
    expect(check.verdict).toBe('fail');
    expect(check.culprits[0]?.detail).toContain('stands at height 7 on a instead');
  });

  test('fails when all nodes are below a height that one of them had acknowledged', () => {
    const check = checkDurability(everywhere(6), writesOf([7]));
    expect(check).toMatchObject({ verdict: 'fail', culpritCount: 1, unknownCount: 0 });
    expect(check.culprits[0]?.detail).toContain('no node holds this height any more');
  });

  test('is inconclusive about a node that is behind, as long as another holds the height', () => {
    const check = checkDurability(readingsOf({ d: chainOf('d', 6) }), writesOf([7]));
    expect(check).toMatchObject({ verdict: 'inconclusive', unknowns: [{ nodes: ['d'], transaction: '7a' }] });
  });

  test('is inconclusive when the only node that could hold a height beyond all others is down', () => {
    const readings = { ...everywhere(6), chains: [...everywhere(6).chains.slice(1), silent('a')] };
    expect(checkDurability(readings, writesOf([7])).verdict).toBe('inconclusive');
  });

  test.each([
    ['a node is down', readingsOf({ b: silent('b') }), writesOf([7]), 'could not be looked for on b: ECONNREFUSED'],
    [
      'its block was not read',
      readingsOf({ b: withGap(chainOf('b', 10), 7, 8) }),
      writesOf([7]),
      'heights 7 to 8 were not read',
    ],
    [
      'it may stand in what was not read',
      readingsOf({ b: withGap(chainOf('b', 10), 7, 8) }),
      writesOf([7]).map(withoutHeight),
      'heights 7 to 8 were not read',
    ],
    [
      'its height was not to be read',
      { ...readingsOf(), from: 8 },
      [{ ...writesOf([7])[0], id: 'x' } as WriteRecord],
      'outside',
    ],
    ['it has no id', readingsOf(), [nameless], 'without an id'],
    [
      'the system does not tell',
      everywhere(10, { 7: { hashes: {} } }),
      writesOf([7]),
      'does not tell which transactions',
    ],
    ['nothing was acknowledged', readingsOf(), [unanswered], 'no acknowledged'],
  ])('is inconclusive about a write when %s', (_world, readings, writes, reason) => {
    const check = checkDurability(readings, writes);
    expect(check.verdict).toBe('inconclusive');
    expect(check.summary).toContain(reason);
  });

  test('is certain of a loss at a block that was read, whatever else of the node was not', () => {
    const node = withGap(chainOf('b', 10, { 7: emptied }), 2, 3);
    expect(checkDurability(readingsOf({ b: node }), writesOf([7])).verdict).toBe('fail');
  });
});
