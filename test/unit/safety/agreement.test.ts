import { describe, expect, test } from 'vitest';
import { checkAgreement } from '../../../src/safety/agreement.ts';
import { blockAt, chainOf, readingsOf, silent, withGap } from './chains.ts';

const forked = { ...blockAt(4), hashes: { block: 'other', app: 'app-4' } };

describe('agreement', () => {
  test('passes when all nodes hold the same at every height', () => {
    expect(checkAgreement(readingsOf())).toMatchObject({ verdict: 'pass', examined: 10, culpritCount: 0 });
  });

  test('fails on one differing height far below equal tips, and names the height, the nodes and the hashes', () => {
    const check = checkAgreement(readingsOf({ c: chainOf('c', 10, { 4: forked }) }));
    expect(check).toMatchObject({ verdict: 'fail', examined: 10, culpritCount: 1 });
    expect(check.culprits[0]).toMatchObject({
      height: 4,
      nodes: ['a', 'b', 'c', 'd'],
      hashes: { a: { block: 'hash-4' }, c: { block: 'other' } },
    });
    expect(check.summary).toBe(
      'agreement: fail, 10 heights: height 4 is not the same on all nodes (a, b, d: block hash-4 | c: block other)',
    );
  });

  test('fails when a node lacks one of the values that the others show', () => {
    const check = checkAgreement(readingsOf({ b: chainOf('b', 10, { 9: { hashes: { block: 'hash-9' } } }) }));
    expect(check).toMatchObject({ verdict: 'fail', culprits: [{ height: 9 }] });
    expect(check.culprits[0]?.detail).toContain('b: app nothing');
  });

  test('names who signed for two blocks in one round, and nobody who did so in different rounds', () => {
    const commit = (round: number, ...signers: string[]) => ({ commit: { round, signers } });
    const fork = (round: number) =>
      checkAgreement(
        readingsOf({
          a: chainOf('a', 10, { 4: { ...blockAt(4), ...commit(0, 'a', 'b', 'c') } }),
          d: chainOf('d', 10, { 4: { ...forked, ...commit(round, 'b', 'c', 'd') } }),
        }),
      ).culprits[0];
    expect(fork(0)?.signedBoth).toEqual(['b', 'c']);
    expect(fork(0)?.detail).toMatch(/; b, c signed for more than one of them$/);
    expect(fork(1)).not.toHaveProperty('signedBoth');
  });

  test('finds a height that all nodes have rewritten since an earlier look', () => {
    const rewritten = Object.fromEntries(['a', 'b', 'c', 'd'].map((node) => [node, chainOf(node, 10, { 4: forked })]));
    expect(checkAgreement(readingsOf(rewritten)).verdict).toBe('pass');
    const check = checkAgreement(readingsOf(rewritten), [chainOf('a', 6)]);
    expect(check).toMatchObject({ verdict: 'fail', culpritCount: 1 });
    expect(check.culprits[0]?.detail).toContain('a before: block hash-4');
  });

  test.each([
    ['a node is down', readingsOf({ d: silent('d') }), 'heights 1 to 10 of d not read: ECONNREFUSED'],
    [
      'a height was pruned',
      readingsOf({ d: withGap(chainOf('d', 10), 3, 3, 'pruned') }),
      'height 3 of d not read: pruned',
    ],
    ['there is one node', { from: 1, to: 10, chains: [chainOf('a', 10)] }, 'only one node'],
    ['there is no node', { from: 1, to: 0, chains: [] }, 'there were no heights to look at'],
    [
      'the system does not tell',
      readingsOf({ a: chainOf('a', 10, { 5: { transactions: [] } }) }),
      'does not tell what it holds',
    ],
  ])('is inconclusive when %s', (_world, readings, reason) => {
    const check = checkAgreement(readings);
    expect(check.verdict).toBe('inconclusive');
    expect(check.summary).toContain(reason);
  });

  test('fails in spite of what is not known when what is known differs', () => {
    const readings = readingsOf({ c: chainOf('c', 10, { 4: forked }), d: silent('d') });
    expect(checkAgreement(readings)).toMatchObject({ verdict: 'fail', culpritCount: 1, unknownCount: 1 });
  });

  test('lists twenty culprits and counts them all', () => {
    const blocks = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [index + 1, forked]));
    const readings = { from: 1, to: 60, chains: [chainOf('a', 60), chainOf('b', 60, blocks)] };
    const check = checkAgreement(readings);
    expect([check.culprits.length, check.culpritCount]).toEqual([20, 60]);
  });
});
