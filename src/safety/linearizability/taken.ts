/**
 * Which operations have their place, by their number in the order of their calls. Nearly all before some point have theirs and nearly none behind
 * it, so that a short text tells any set of them.
 */
export class Taken {
  readonly #isTaken: boolean[];
  /** The first one that is not taken. */
  #base = 0;
  /** How many behind it are. */
  #beyond = 0;

  constructor(count: number) {
    this.#isTaken = Array.from({ length: count }, () => false);
  }

  add(index: number): void {
    this.#isTaken[index] = true;
    this.#beyond++;
    for (; this.#isTaken[this.#base]; this.#base++) this.#beyond--;
  }

  remove(index: number): void {
    this.#isTaken[index] = false;
    if (index > this.#base) {
      this.#beyond--;
      return;
    }
    // All between were taken, and are behind the base now.
    this.#beyond += this.#base - index - 1;
    this.#base = index;
  }

  /** Equal exactly for equal sets. */
  key(): string {
    let bits = '';
    let left = this.#beyond;
    for (let at = this.#base + 1; left > 0; at++) {
      const isTaken = this.#isTaken[at] === true;
      if (isTaken) left--;
      bits += isTaken ? '1' : '0';
    }
    return `${this.#base}/${bits}`;
  }
}
