import { sha256 } from './keys.ts';

/** Sets `key` to `value`; the nonce makes two otherwise equal transactions different. */
export interface Transaction {
  readonly key: string;
  readonly value: string;
  readonly nonce: string;
}

/** Upper bound of a transaction's JSON text, in bytes. */
export const maxTransactionBytes = 64 * 1024;

const ids = new WeakMap<Transaction, string>();
const fields = ['key', 'value', 'nonce'] as const;

/** SHA-256 of the canonical body: the three fields in the order key, value, nonce, as JSON without spaces. */
export function transactionId(transaction: Transaction): string {
  let id = ids.get(transaction);
  if (id === undefined) {
    id = sha256(canonicalBody(transaction));
    ids.set(transaction, id);
  }
  return id;
}

export function canonicalBody({ key, value, nonce }: Transaction): string {
  return JSON.stringify({ key, value, nonce });
}

/** Checks an untrusted value. Returns the transaction, or a sentence about what is wrong with it. */
export function parseTransaction(value: unknown): Transaction | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected a JSON object';
  const given = value as Record<string, unknown>;
  const unknown = Object.keys(given).find((name) => !(fields as readonly string[]).includes(name));
  if (unknown !== undefined) return `unknown field ${JSON.stringify(unknown)}; expected key, value, nonce`;
  const { key, value: text, nonce } = given;
  if (typeof key !== 'string' || key.length === 0 || key.length > 256)
    return 'key must be a text of 1 to 256 characters';
  if (typeof text !== 'string') return 'value must be a text';
  if (typeof nonce !== 'string' || nonce.length > 256) return 'nonce must be a text of at most 256 characters';
  const transaction = { key, value: text, nonce };
  if (Buffer.byteLength(canonicalBody(transaction)) > maxTransactionBytes)
    return `larger than ${maxTransactionBytes} bytes`;
  return transaction;
}
