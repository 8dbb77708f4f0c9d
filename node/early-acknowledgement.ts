import type { Receipt } from './ledger.ts';
import type { Mempool } from './mempool.ts';
import type { Transaction } from './transaction.ts';
import type { ValidatorSet } from './validators.ts';

interface EarlyOptions {
  readonly id: string;
  readonly validators: ValidatorSet;
  readonly mempool: Mempool;
  readonly height: () => number;
}

/**
 * Says that a transaction is committed when it is only in this process's memory, and puts it into the next block that this validator
 * proposes itself. The receipt comes true, unless the process ends before. A clean release has none of this.
 */
export class EarlyAcknowledgement {
  readonly #options: EarlyOptions;
  #held: Transaction[] = [];

  constructor(options: EarlyOptions) {
    this.#options = options;
  }

  /** Null for a node that never proposes. */
  take(transaction: Transaction): Receipt | null {
    const { id, validators } = this.#options;
    if (validators.powerOf(id) === 0) return null;
    this.#held.push(transaction);
    // The next block may be made already; from the one after it on the transaction is waiting.
    let height = this.#options.height() + 2;
    while (validators.proposer(height, 0) !== id) height++;
    return { height, index: 0 };
  }

  committed(): void {
    for (const transaction of this.#held) this.#options.mempool.add(transaction);
    this.#held = [];
  }
}
