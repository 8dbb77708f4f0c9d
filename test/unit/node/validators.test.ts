import { expect, test } from 'vitest';
import { voteBytes } from '../../../node/chain.ts';
import { testChain } from './identities.ts';

test('Validators propose as often as their power says, and no one long in a row', () => {
  const { validators } = testChain([3, 1, 2, 1]);
  const turns = Array.from({ length: 70 }, (_, height) => validators.proposer(height + 1, 0));
  const count = (id: string): number => turns.filter((turn) => turn === id).length;
  expect(['validator-0', 'validator-1', 'validator-2', 'validator-3'].map(count)).toEqual([30, 10, 20, 10]);
  expect(turns.some((turn, index) => turn === turns[index + 1] && turn === turns[index + 2])).toBe(false);
});

test('The next round of a height has the next proposer', () => {
  const { validators } = testChain();
  expect(validators.proposer(5, 1)).toBe(validators.proposer(6, 0));
  expect(validators.proposer(5, 1)).not.toBe(validators.proposer(5, 0));
});

test('A quorum is more than two thirds of the power, not of the heads', () => {
  const { validators } = testChain([4, 1, 1, 3]);
  expect([6, 7].map((power) => validators.isQuorum(power))).toEqual([false, true]);
  expect([3, 4].map((power) => validators.hasHonest(power))).toEqual([false, true]);
});

test('Powers that would need an endless proposer cycle are refused', () => {
  expect(() => testChain([1_000_003, 1])).toThrow('voting powers are too uneven');
});

test('A commit counts only valid signatures of different validators', () => {
  const { validators, ids, sign } = testChain();
  const at = { kind: 'precommit', height: 7, round: 1, block: 'hash' } as const;
  const signature = (id: string, chainId = 'test') => ({ validator: id, signature: sign(id)(voteBytes(chainId, at)) });
  const committed = (signatures: { validator: string; signature: string }[], block = 'hash'): boolean =>
    validators.isCommitted('test', { height: 7, round: 1, block, signatures });
  const [a, b, c] = ids as [string, string, string];
  expect(committed([signature(a), signature(b), signature(c)])).toBe(true);
  expect(committed([signature(a), signature(b)])).toBe(false);
  expect(committed([signature(a), signature(b), signature(b)])).toBe(false);
  expect(committed([signature(a), signature(b), { ...signature(a), validator: c }])).toBe(false);
  expect(committed([signature(a), signature(b), signature(c, 'other')])).toBe(false);
  expect(committed([signature(a), signature(b), signature(c)], 'other')).toBe(false);
});
