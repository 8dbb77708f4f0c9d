import { blockHash } from './chain.ts';
import type { Block } from './chain.ts';
import { sha256 } from './keys.ts';
import { transactionId } from './transaction.ts';

export interface Receipt {
  readonly height: number;
  /** Position inside the block. */
  readonly index: number;
}

export interface Entry {
  readonly value: string;
  readonly height: number;
}

/** The replicated key-value state, its receipts, and the app hash after every height. Rebuilt from the blocks at start. */
export class Ledger {
  /** Alters the app hash computed from here on; a clean node never sets it. */
  distort: ((height: number, appHash: string) => string) | null = null;
  readonly #entries = new Map<string, Entry>();
  readonly #receipts = new Map<string, Receipt>();
  readonly #appHashes: string[];
  #tipHash: string;
  #tipTime = 0;

  constructor(genesisHash: string) {
    this.#appHashes = [genesisHash];
    this.#tipHash = genesisHash;
  }

  get height(): number {
    return this.#appHashes.length - 1;
  }

  get tipHash(): string {
    return this.#tipHash;
  }

  get tipTime(): number {
    return this.#tipTime;
  }

  /** What this node itself computed after executing the block at this height; height 0 is the genesis. */
  appHashAt(height: number): string | undefined {
    return this.#appHashes[height];
  }

  receipt(id: string): Receipt | undefined {
    return this.#receipts.get(id);
  }

  entry(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  apply(block: Block): void {
    const { height } = block;
    const writes = block.transactions.map((transaction, index) => {
      const id = transactionId(transaction);
      this.#entries.set(transaction.key, { value: transaction.value, height });
      this.#receipts.set(id, { height, index });
      return id;
    });
    const computed = sha256(JSON.stringify([this.#appHashes[height - 1], height, writes]));
    this.#appHashes.push(this.distort?.(height, computed) ?? computed);
    this.#tipHash = blockHash(block);
    this.#tipTime = block.time;
  }
}
