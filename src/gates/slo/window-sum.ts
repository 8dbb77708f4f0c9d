/** What a stretch of slots came to. */
export interface SlotSum {
  bad: number;
  total: number;
  /** Slots of which something is known. */
  known: number;
}

/** Plain data, for the journal. Bins newest last; the last one is still filling. */
export interface WindowSumState {
  bins: [bad: number, total: number, known: number][];
  /** Slots in the last bin, known or not. */
  filled: number;
}

/** More bins would only sharpen the window's far edge. */
const mostBins = 60;

/**
 * Sums over the newest slots, in a ring of coarse bins: a window of days costs as little as one of minutes. The far edge
 * is up to one bin (a 60th of the window) too near.
 */
export class WindowSum {
  readonly slots: number;
  readonly #binSlots: number;
  readonly #binCount: number;
  #bins: SlotSum[] = [{ bad: 0, total: 0, known: 0 }];
  #filled = 0;
  #sum: SlotSum = { bad: 0, total: 0, known: 0 };

  constructor(slots: number, state?: WindowSumState) {
    this.slots = slots;
    this.#binSlots = Math.ceil(slots / mostBins);
    this.#binCount = Math.ceil(slots / this.#binSlots);
    if (state === undefined) return;
    this.#bins = state.bins.map(([bad, total, known]) => ({ bad, total, known }));
    this.#filled = state.filled;
    this.#recount();
  }

  get sum(): Readonly<SlotSum> {
    return this.#sum;
  }

  push(slot: SlotSum): void {
    if (this.#filled === this.#binSlots) this.#openBin();
    this.#filled++;
    this.add(slot);
  }

  /** Counts into the newest slot once more. */
  add({ bad, total, known }: SlotSum): void {
    for (const sum of [this.#sum, this.#bins.at(-1)]) {
      if (sum === undefined) continue;
      sum.bad += bad;
      sum.total += total;
      sum.known += known;
    }
  }

  state(): WindowSumState {
    return { bins: this.#bins.map(({ bad, total, known }) => [bad, total, known]), filled: this.#filled };
  }

  #openBin(): void {
    this.#bins.push({ bad: 0, total: 0, known: 0 });
    if (this.#bins.length > this.#binCount) this.#bins.shift();
    this.#filled = 0;
    this.#recount();
  }

  /** Summed anew at every bin, so that what rounding adds up is forgotten with the bins. */
  #recount(): void {
    this.#sum = { bad: 0, total: 0, known: 0 };
    for (const { bad, total, known } of this.#bins) {
      this.#sum.bad += bad;
      this.#sum.total += total;
      this.#sum.known += known;
    }
  }
}
