import { canonicalBody, transactionId } from './transaction.ts';
import type { Transaction } from './transaction.ts';

export interface MempoolLimits {
  readonly maxTransactions: number;
  readonly maxBytes: number;
}

const defaultMempoolLimits: MempoolLimits = { maxTransactions: 20_000, maxBytes: 64 * 1024 * 1024 };

interface Pending {
  readonly transaction: Transaction;
  readonly sizeBytes: number;
}

/** Transactions waiting for a block, first come first served. */
export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #pending = new Map<string, Pending>();
  #sizeBytes = 0;

  constructor(limits: MempoolLimits = defaultMempoolLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#pending.size;
  }

  has(id: string): boolean {
    return this.#pending.has(id);
  }

  add(transaction: Transaction): 'added' | 'known' | 'full' {
    const id = transactionId(transaction);
    if (this.#pending.has(id)) return 'known';
    const sizeBytes = Buffer.byteLength(canonicalBody(transaction));
    const { maxTransactions, maxBytes } = this.#limits;
    if (this.#pending.size >= maxTransactions || this.#sizeBytes + sizeBytes > maxBytes) return 'full';
    this.#pending.set(id, { transaction, sizeBytes });
    this.#sizeBytes += sizeBytes;
    return 'added';
  }

  remove(id: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#sizeBytes -= pending.sizeBytes;
  }

  /** The oldest transactions that fit, in order of arrival. */
  oldest(maxCount: number, maxBytes: number): Transaction[] {
    const chosen: Transaction[] = [];
    let sizeBytes = 0;
    for (const pending of this.#pending.values()) {
      sizeBytes += pending.sizeBytes;
      if (chosen.length >= maxCount || sizeBytes > maxBytes) break;
      chosen.push(pending.transaction);
    }
    return chosen;
  }
}
