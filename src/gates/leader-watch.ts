import type { NodeReading } from './readings.ts';
import type { SlotFacts } from './slot-facts.ts';

/** Counts how often the leader that a node sees changed without our doing. Must see every slot, in order. */
export class LeaderWatch {
  readonly #windowMs: number;
  #leader: string | undefined;
  #changesMs: number[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Changes within the window. A leader that is being changed itself gives its place up by our doing. */
  see(seen: NodeReading | undefined, { leftOut }: SlotFacts, elapsedMs: number): number {
    const leader = seen?.status.ok ? seen.status.value.leader : undefined;
    const before = this.#leader;
    if (leader !== undefined) this.#leader = leader;
    const isChange = leader !== undefined && before !== undefined && before !== leader;
    if (isChange && !leftOut.has(before)) this.#changesMs.push(elapsedMs);
    while (elapsedMs - (this.#changesMs[0] ?? elapsedMs) >= this.#windowMs) this.#changesMs.shift();
    return this.#changesMs.length;
  }
}
