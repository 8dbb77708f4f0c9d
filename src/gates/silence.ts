import type { SlotReading } from './readings.ts';

/**
 * A node that has said nothing for less than this may only be slow: a slot of half a second ends before a busy machine has come
 * round to all its programs. Nine tenths of a second, which is what a slot of one second gives a node.
 */
const deadAfterMs = 900;

/** How long nodes have been silent, neither answering nor refusing, over the slots that were judged. */
export class Silences {
  readonly #windowMs: number;
  readonly #held = new Map<string, { sinceMs: number; seenMs: number }>();
  /** When the last silence began that was forgiven. */
  readonly #forgiven = new Map<string, number>();

  /** `windowMs`: a node is forgiven once in such a time. One that is silent again and again is not slow, it is ill. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Marks the nodes of a reading of which nobody can say yet that they are down. To be called with each reading that is judged, in order. */
  mark({ monoMs, nodes }: SlotReading): void {
    for (const [node, { liveness }] of Object.entries(nodes)) {
      if (liveness.ok || liveness.silentMs === undefined) {
        this.#held.delete(node);
        continue;
      }
      const before = this.#held.get(node);
      // Nobody knows what it said while it was not asked.
      const sinceMs = before && monoMs - before.seenMs < 2 * deadAfterMs ? before.sinceMs : monoMs;
      this.#held.set(node, { sinceMs, seenMs: monoMs });
      if (monoMs - sinceMs + liveness.silentMs >= deadAfterMs) continue;
      const forgivenMs = this.#forgiven.get(node) ?? -Infinity;
      if (forgivenMs !== sinceMs && sinceMs - forgivenMs < this.#windowMs) continue;
      this.#forgiven.set(node, sinceMs);
      liveness.mayBeSlow = true;
    }
  }
}
