import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quorumBudget, quorumThreshold, type NodeHealth } from '../../../src/gates/quorum-budget.ts';

function nodes(
  count: number,
  states: Record<number, NodeHealth> = {},
): { name: string; power: number; state: NodeHealth }[] {
  return Array.from({ length: count }, (_, index) => ({ name: `n${index}`, power: 1, state: states[index] ?? 'ok' }));
}

describe('the quorum budget', () => {
  test.each([
    ['bft', 4, 3],
    ['bft', 3, 3],
    ['bft', 7, 5],
    ['majority', 4, 3],
    ['majority', 5, 3],
    ['all', 4, 4],
    ['none', 4, 0],
  ] as const)('of %s with %i votes needs %i', (rule, total, threshold) => {
    expect(quorumThreshold(rule, total)).toBe(threshold);
  });

  test('lets a BFT of four lose one node, and no second one', () => {
    const one = quorumBudget({ rule: 'bft', nodes: nodes(4), take: ['n0'] });
    expect(one).toEqual({
      totalPower: 4,
      availablePower: 3,
      threshold: 3,
      margin: 0,
      isSafe: true,
      sentence: 'without n0 3 of 4 voting power is left and 3 is needed (bft): no further node may be lost',
    });
    const two = quorumBudget({ rule: 'bft', nodes: nodes(4, { 3: 'down' }), take: ['n0'] });
    expect(two).toMatchObject({ margin: -1, isSafe: false });
    expect(two.sentence).toContain('n3 is down: the system would halt');
  });

  test('says of a BFT of three and of n of n that they cannot lose any node', () => {
    for (const rule of ['bft', 'all'] as const) {
      const budget = quorumBudget({ rule, nodes: nodes(3), take: ['n1'] });
      expect(budget).toMatchObject({ margin: -1, isSafe: false });
      expect(budget.sentence).toContain('this system cannot lose any node');
    }
  });

  test.each(['down', 'lagging', 'faulted', 'changing'] as const)('does not count a node that is %s', (state) => {
    expect(quorumBudget({ rule: 'bft', nodes: nodes(4, { 0: state }), take: [] }).availablePower).toBe(3);
  });

  test('charges nothing for taking a node that does not count anyway', () => {
    const budget = quorumBudget({ rule: 'bft', nodes: nodes(4, { 0: 'down' }), take: ['n0'] });
    expect(budget).toMatchObject({ margin: 0, isSafe: true });
  });

  test('weighs nodes by their voting power', () => {
    const weighted = [
      { name: 'heavy', power: 4, state: 'ok' as const },
      { name: 'light', power: 1, state: 'ok' as const },
      { name: 'watcher', power: 0, state: 'ok' as const },
    ];
    expect(quorumBudget({ rule: 'bft', nodes: weighted, take: ['light', 'watcher'] })).toMatchObject({ margin: 0 });
    expect(quorumBudget({ rule: 'bft', nodes: weighted, take: ['heavy'] })).toMatchObject({ isSafe: false });
  });

  test('is always safe without a quorum rule', () => {
    expect(quorumBudget({ rule: 'none', nodes: nodes(1), take: ['n0'] })).toMatchObject({ isSafe: true, margin: 0 });
  });

  test('needs for BFT the smallest power above two thirds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (total) => {
        const threshold = quorumThreshold('bft', total);
        expect(threshold * 3).toBeGreaterThan(total * 2);
        expect((threshold - 1) * 3).toBeLessThanOrEqual(total * 2);
      }),
    );
  });

  test('never gets better by taking more nodes', () => {
    fc.assert(
      fc.property(
        fc.subarray(['n0', 'n1', 'n2', 'n3', 'n4']),
        fc.constantFrom('bft', 'majority', 'all'),
        (take, rule) => {
          const budget = quorumBudget({ rule, nodes: nodes(5), take });
          const less = quorumBudget({ rule, nodes: nodes(5), take: take.slice(1) });
          expect(budget.margin).toBeLessThanOrEqual(less.margin);
        },
      ),
    );
  });
});
