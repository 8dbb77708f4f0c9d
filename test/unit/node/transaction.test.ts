import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { maxTransactionBytes, parseTransaction, transactionId } from '../../../node/transaction.ts';

test('The id is the SHA-256 of the canonical body, whatever the order of the fields', () => {
  const parsed = parseTransaction({ nonce: '1', value: 'ü', key: 'k' });
  const expected = createHash('sha256').update('{"key":"k","value":"ü","nonce":"1"}').digest('hex');
  expect(typeof parsed === 'string' ? parsed : transactionId(parsed)).toBe(expected);
});

test.each([
  [null, 'expected a JSON object'],
  [[], 'expected a JSON object'],
  [{ key: 'k', value: 'v' }, 'nonce must be a text of at most 256 characters'],
  [{ key: '', value: 'v', nonce: '' }, 'key must be a text of 1 to 256 characters'],
  [{ key: 'k', value: 1, nonce: '' }, 'value must be a text'],
  [{ key: 'k', value: 'v', nonce: '', extra: 1 }, 'unknown field "extra"; expected key, value, nonce'],
  [{ key: 'k', value: 'x'.repeat(maxTransactionBytes), nonce: '' }, `larger than ${maxTransactionBytes} bytes`],
])('A malformed transaction is refused with the reason (%#)', (value, reason) => {
  expect(parseTransaction(value)).toBe(reason);
});
