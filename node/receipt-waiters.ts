import type { Receipt } from './ledger.ts';

type Settle = (outcome: Receipt | 'timeout' | 'stopping') => void;

/** Requests that wait for their transaction's block. */
export class ReceiptWaiters {
  readonly #waiting = new Map<string, Set<Settle>>();

  wait(id: string, timeoutMs: number): Promise<Receipt | 'timeout' | 'stopping'> {
    return new Promise((resolve) => {
      const settle: Settle = (outcome) => {
        clearTimeout(timer);
        const others = this.#waiting.get(id);
        others?.delete(settle);
        if (others?.size === 0) this.#waiting.delete(id);
        resolve(outcome);
      };
      const timer = setTimeout(() => settle('timeout'), timeoutMs);
      this.#waiting.set(id, (this.#waiting.get(id) ?? new Set()).add(settle));
    });
  }

  committed(id: string, receipt: Receipt): void {
    for (const settle of [...(this.#waiting.get(id) ?? [])]) settle(receipt);
  }

  stop(): void {
    for (const waiting of [...this.#waiting.values()]) for (const settle of [...waiting]) settle('stopping');
  }
}
