import type { Clock } from '../../src/core/clock.ts';

/** A clock that stands still until it is told to go on; `wallMs` starts at the given time, the monotonic one at 1000. */
export class SettableClock implements Clock {
  readonly #startMs: number;
  #elapsedMs = 0;

  constructor(start: string) {
    this.#startMs = Date.parse(start);
  }

  wallMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return 1000 + this.#elapsedMs;
  }

  sleep(durationMs: number): Promise<void> {
    this.advance(durationMs);
    return Promise.resolve();
  }

  advance(durationMs: number): void {
    this.#elapsedMs += durationMs;
  }

  /** Sets the time since the start; it may not go back. */
  setElapsed(elapsedMs: number): void {
    if (elapsedMs < this.#elapsedMs) throw new Error(`the clock would go back to ${elapsedMs} ms`);
    this.#elapsedMs = elapsedMs;
  }
}
