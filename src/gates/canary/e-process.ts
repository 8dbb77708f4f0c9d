/**
 * Evidence against a hypothesis about a mean, as the wealth of a gambler who bets against it. While the hypothesis is
 * true the wealth is not expected to grow, so that it ever reaches `w` with a probability of at most 1/w, however often
 * one looks (Ville's inequality). The bets on means of bounded values are those of Waudby-Smith and Ramdas, "Estimating
 * means of bounded random variables by betting" (2024); a fixed set of stakes is played at once and averaged.
 */
export interface EProcess {
  /** Wealth now; 1 before the first value. */
  readonly value: number;
  /** The highest wealth so far: the evidence at the best time to look, which Ville's inequality covers as well. */
  readonly peak: number;
  /**
   * Bets on one more value.
   * @param value in [0, 1]
   * @param mean what the hypothesis allows at most as the value's mean given all that came before, in (0, 1)
   */
  bet(value: number, mean: number): void;
}

/** Stakes as shares of the largest possible one. On values of 0 and 1 each is a likelihood ratio, their means evenly spread above the hypothesis. */
const stakes = Array.from({ length: 20 }, (_, index) => (index + 0.5) / 20);

/** Keeps numbers finite. Wealth that is thrown away makes the test no less valid. */
const cap = 1e300;

/** A process against "the mean is at most so much". For "at least", bet on the complements. */
export function createEProcess(): EProcess {
  const wealth = new Float64Array(stakes.length).fill(1);
  let value = 1;
  let peak = 1;
  return {
    get value() {
      return value;
    },
    get peak() {
      return peak;
    },
    bet(seen, mean) {
      const gain = (seen - mean) / mean;
      let sum = 0;
      for (let index = 0; index < wealth.length; index++) {
        const next = Math.min(cap, (wealth[index] ?? 0) * (1 + (stakes[index] ?? 0) * gain));
        wealth[index] = next;
        sum += next;
      }
      value = sum / wealth.length;
      if (value > peak) peak = value;
    },
  };
}

/** The wealth after so many values of 1 and of 0, in whatever order they came. */
export function wealthAfter(hits: number, misses: number, mean: number): number {
  const sum = stakes.reduce((wealth, stake) => {
    const logarithm = hits * Math.log1p(stake * (1 / mean - 1)) + misses * Math.log1p(-stake);
    return wealth + Math.min(cap, Math.exp(logarithm));
  }, 0);
  return sum / stakes.length;
}
