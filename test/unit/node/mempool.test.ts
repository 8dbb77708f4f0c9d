import { expect, test } from 'vitest';
import { Mempool } from '../../../node/mempool.ts';
import { transactionId } from '../../../node/transaction.ts';
import type { Transaction } from '../../../node/transaction.ts';

const transaction = (key: string, value = 'v'): Transaction => ({ key, value, nonce: '' });

test('Transactions leave in the order in which they came', () => {
  const mempool = new Mempool();
  const sent = ['c', 'a', 'b'].map((key) => transaction(key));
  expect(sent.map((entry) => mempool.add(entry))).toEqual(['added', 'added', 'added']);
  expect(mempool.oldest(10, 10_000)).toEqual(sent);
  expect(mempool.oldest(2, 10_000)).toEqual(sent.slice(0, 2));
});

test('A transaction that is already waiting is not taken twice', () => {
  const mempool = new Mempool();
  mempool.add(transaction('a'));
  expect(mempool.add({ ...transaction('a') })).toBe('known');
  expect(mempool.count).toBe(1);
});

test('A full mempool refuses by count and by bytes, and takes again after a removal', () => {
  const byCount = new Mempool({ maxTransactions: 1, maxBytes: 10_000 });
  byCount.add(transaction('a'));
  expect(byCount.add(transaction('b'))).toBe('full');
  byCount.remove(transactionId(transaction('a')));
  expect(byCount.add(transaction('b'))).toBe('added');

  const byBytes = new Mempool({ maxTransactions: 10, maxBytes: 150 });
  expect(byBytes.add(transaction('a', 'x'.repeat(80)))).toBe('added');
  expect(byBytes.add(transaction('b', 'x'.repeat(80)))).toBe('full');
  byBytes.remove(transactionId(transaction('a', 'x'.repeat(80))));
  expect(byBytes.add(transaction('b', 'x'.repeat(80)))).toBe('added');
});

test('What is offered for a block never exceeds its bytes', () => {
  const mempool = new Mempool();
  for (const key of ['a', 'b', 'c']) mempool.add(transaction(key, 'x'.repeat(100)));
  expect(mempool.oldest(10, 300).map(({ key }) => key)).toEqual(['a', 'b']);
});
