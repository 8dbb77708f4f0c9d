import type { SlotSum } from './window-sum.ts';

/** Plain data, for the journal. */
export interface SloLedgerState {
  bad: number;
  total: number;
  /** By scaled day: slots so far, and how many of them are known. */
  days: [slots: number, known: number][];
}

/** A run has so many scaled days, whatever its length; each must be known well enough by itself. */
const dayCount = 7;

/** What a whole run came to. */
export class SloLedger {
  readonly plannedSlots: number;
  bad = 0;
  total = 0;
  slots = 0;
  known = 0;
  readonly #days: { slots: number; known: number }[];

  constructor(plannedSlots: number, state?: SloLedgerState) {
    this.plannedSlots = plannedSlots;
    this.#days = Array.from({ length: dayCount }, (_, index) => {
      const [slots, known] = state?.days[index] ?? [0, 0];
      this.slots += slots;
      this.known += known;
      return { slots, known };
    });
    this.bad = state?.bad ?? 0;
    this.total = state?.total ?? 0;
  }

  push(slot: SlotSum): void {
    const day = this.#days[Math.floor((this.slots * dayCount) / this.plannedSlots)];
    if (day !== undefined) {
      day.slots++;
      day.known += slot.known;
    }
    this.slots++;
    this.known += slot.known;
    this.add(slot);
  }

  /** Counts into the newest slot once more. */
  add({ bad, total }: SlotSum): void {
    this.bad += bad;
    this.total += total;
  }

  /** The scaled day, from 1, of which the smallest share is known. */
  worstDay(): { day: number; knownShare: number } {
    return this.#days
      .map(({ slots, known }, index) => ({ day: index + 1, knownShare: slots === 0 ? 1 : known / slots }))
      .reduce((worst, day) => (day.knownShare < worst.knownShare ? day : worst));
  }

  state(): SloLedgerState {
    return { bad: this.bad, total: this.total, days: this.#days.map(({ slots, known }) => [slots, known]) };
  }
}
