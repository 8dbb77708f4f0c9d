import type { Clock } from '../../../core/clock.ts';
import type { Path } from './path.ts';

/** Where bytes come from, as far as a flow needs it. */
export interface FlowSource {
  pause(): void;
  resume(): void;
}

/** Where they go to. */
export interface FlowSink {
  /** False when it wants to be asked to go on (`drained`) before it gets more. */
  write(chunk: Buffer): boolean;
  end(): void;
  reset(): void;
}

/** So much is taken from the sender before it has to wait, as the buffers of a real connection would take. */
export const HELD_LIMIT_BYTES = 256 * 1024;
/** Waits shorter than this are none: timers are not finer. */
const SHORTEST_WAIT_MS = 0.5;

type Item = { dueMs: number } & ({ what: 'data'; chunk: Buffer } | { what: 'end' | 'reset' });

/**
 * Bytes of one connection that go one way. While nothing is wrong with the path they are passed on as they come; what is held is delivered,
 * in order, when the path lets it through again, as TCP would by sending it again. The end of the stream waits its turn behind the data.
 */
export class ByteFlow {
  readonly #path: Path;
  readonly #clock: Clock;
  readonly #source: FlowSource;
  readonly #sink: FlowSink;
  #isOver = false;
  /** Ends the wait for the next item's time. */
  #waking: AbortController | undefined;
  #queue: Item[] = [];
  #queuedBytes = 0;
  #isHeld = false;
  #isSourcePaused = false;
  #isSinkFull = false;
  #isPumping = false;
  #lastDueMs = 0;
  /** Nothing comes after an end but a reset, and nothing after that. */
  #finished: 'no' | 'end' | 'reset' = 'no';

  constructor(parts: { path: Path; clock: Clock; source: FlowSource; sink: FlowSink }) {
    this.#path = parts.path;
    this.#clock = parts.clock;
    this.#source = parts.source;
    this.#sink = parts.sink;
  }

  push(chunk: Buffer): void {
    const { counters, shape } = this.#path;
    if (!this.#isHeld && !shape && this.#queue.length === 0) {
      counters.passedBytes += chunk.length;
      if (!this.#sink.write(chunk)) this.#stopSource();
      return;
    }
    if (this.#isHeld) counters.heldBytes += chunk.length;
    else if (shape) counters.shapedBytes += chunk.length;
    for (const piece of this.#isHeld ? [chunk] : this.#path.pieces(chunk)) {
      this.#enqueue({ what: 'data', chunk: piece, dueMs: this.#dueMs(piece.length) });
    }
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= HELD_LIMIT_BYTES) this.#stopSource();
  }

  /** The sender has ended its stream, or its connection broke. */
  finish(how: 'end' | 'reset'): void {
    if (this.#finished === 'reset' || this.#finished === how) return;
    this.#finished = how;
    if (!this.#isHeld && this.#queue.length === 0) this.#sink[how]();
    else this.#enqueue({ what: how, dueMs: this.#lastDueMs });
  }

  /** The receiver takes data again. */
  drained(): void {
    this.#isSinkFull = false;
    if (this.#queuedBytes < HELD_LIMIT_BYTES) this.#startSource();
    void this.#pump();
  }

  /** Whether the path lets nothing through from now on. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) void this.#pump();
  }

  /** The path delays no more, or otherwise than before: what waits is delivered at once. */
  rush(): void {
    for (const item of this.#queue) item.dueMs = 0;
    this.#lastDueMs = 0;
    this.#waking?.abort();
  }

  close(): void {
    this.#isOver = true;
    this.#queue = [];
    this.#waking?.abort();
  }

  #enqueue(item: Item): void {
    this.#queue.push(item);
    void this.#pump();
  }

  #dueMs(sizeBytes: number): number {
    // What comes while nothing passes is due as soon as something does.
    if (!this.#isHeld) {
      this.#lastDueMs = Math.max(this.#lastDueMs, this.#path.arrivalMs(this.#clock.monotonicMs(), sizeBytes));
    }
    return this.#lastDueMs;
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      for (;;) {
        const [item] = this.#queue;
        if (!item || this.#isHeld || this.#isSinkFull || this.#isOver) return;
        const leftMs = item.dueMs - this.#clock.monotonicMs();
        if (leftMs >= SHORTEST_WAIT_MS) {
          await this.#wait(leftMs);
          continue;
        }
        this.#queue.shift();
        this.#deliver(item);
      }
    } finally {
      this.#isPumping = false;
    }
  }

  async #wait(durationMs: number): Promise<void> {
    const waking = new AbortController();
    this.#waking = waking;
    try {
      await this.#clock.sleep(durationMs, waking.signal);
    } catch (error) {
      if (!waking.signal.aborted) throw error;
    } finally {
      this.#waking = undefined;
    }
  }

  #deliver(item: Item): void {
    if (item.what !== 'data') {
      this.#sink[item.what]();
      return;
    }
    this.#queuedBytes -= item.chunk.length;
    this.#path.counters.passedBytes += item.chunk.length;
    if (!this.#sink.write(item.chunk)) this.#isSinkFull = true;
    else if (this.#queuedBytes < HELD_LIMIT_BYTES / 2) this.#startSource();
  }

  #stopSource(): void {
    if (this.#isSourcePaused) return;
    this.#isSourcePaused = true;
    this.#source.pause();
  }

  #startSource(): void {
    if (!this.#isSourcePaused) return;
    this.#isSourcePaused = false;
    this.#source.resume();
  }
}
