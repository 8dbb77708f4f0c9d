import type { NodeReading } from './readings.ts';

/**
 * A node that has said nothing for less than this may only be slow: a slot of half a second ends before a busy machine has come
 * round to all its programs. Nine tenths of a second, which is what a slot of one second gives a node.
 */
const deadAfterMs = 900;

/** How long nodes have been silent: neither answered nor refused, slot after slot. */
export class Silences {
  readonly #held = new Map<string, { sinceMs: number; askedMs: number }>();

  /** The node answered, or refused, within its time. */
  ended(node: string): void {
    this.#held.delete(node);
  }

  /** Nothing came of a question within its time; returns for how long nothing has, in ms. */
  goesOn(node: string, askedMs: number, timeoutMs: number): number {
    const before = this.#held.get(node);
    // Nobody knows what it said while it was not asked.
    const isKnown = before !== undefined && askedMs - before.askedMs < 2 * deadAfterMs;
    const sinceMs = isKnown ? before.sinceMs : askedMs;
    this.#held.set(node, { sinceMs, askedMs });
    return Math.round(askedMs - sinceMs + timeoutMs);
  }
}

/** Whether nobody can say yet that the node is down: it has been silent for too short a time. */
export function mayBeSlow({ liveness }: Pick<NodeReading, 'liveness'>): boolean {
  return !liveness.ok && liveness.silentMs !== undefined && liveness.silentMs < deadAfterMs;
}
