import type { PathShape } from './link-rules.ts';

/** Largest piece of data that a real network would carry, and lose, at once. */
const SEGMENT_BYTES = 1460;
/** The shortest wait before TCP sends what was lost again; it doubles with each further loss. */
const RETRANSMIT_MS = 200;
const LONGEST_RETRANSMIT_MS = 60_000;
/** What may pass at once after a silence, as time at the limit. */
const BURST_MS = 20;
/** Below a limit data is cut into pieces of so much time, that it flows instead of coming in blocks. */
const PIECE_MS = 5;

/** What was counted on one directed pair; all but the open connections only rise. */
export interface PathCounters {
  passedBytes: number;
  /** Bytes that came while nothing could pass. */
  heldBytes: number;
  /** Bytes that were let through late: by a delay, a loss or a limit. */
  shapedBytes: number;
  /** Waits for the retransmission of something lost. */
  losses: number;
  /** Connections that the first end made to the second and that are open now. */
  openConnections: number;
  /** New ones that nothing was answered to. */
  heldConnections: number;
  /** New ones that were refused, and open ones that were reset, by a rule. */
  refusedConnections: number;
}

/** One direction between two ends, shared by all connections between them: its counters and its limit. */
export class Path {
  readonly from: string;
  readonly to: string;
  readonly counters: PathCounters = {
    passedBytes: 0,
    heldBytes: 0,
    shapedBytes: 0,
    losses: 0,
    openConnections: 0,
    heldConnections: 0,
    refusedConnections: 0,
  };
  shape: PathShape | undefined;
  readonly #random: () => number;
  /** Until when the limit is used up, on the caller's clock. */
  #busyUntilMs = 0;

  constructor(from: string, to: string, random: () => number) {
    this.from = from;
    this.to = to;
    this.#random = random;
  }

  /** Cuts what is to be sent into the pieces that are timed one by one. */
  pieces(chunk: Buffer): Buffer[] {
    const { shape } = this;
    if (!shape || shape.bitsPerSecond === Infinity) return [chunk];
    const size = Math.max(SEGMENT_BYTES, Math.floor((shape.bitsPerSecond / 8000) * PIECE_MS));
    const pieces: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += size) pieces.push(chunk.subarray(at, at + size));
    return pieces;
  }

  /** When something of this size that is sent now arrives. Uses up the limit. */
  arrivalMs(nowMs: number, sizeBytes: number): number {
    const { shape } = this;
    if (!shape) return nowMs;
    let atMs = nowMs;
    if (shape.bitsPerSecond !== Infinity) {
      this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs - BURST_MS) + (sizeBytes * 8000) / shape.bitsPerSecond;
      atMs = Math.max(nowMs, this.#busyUntilMs);
    }
    const jitterMs = shape.jitterMs * (2 * this.#random() - 1);
    return atMs + Math.max(0, shape.delayMs + jitterMs) + this.#retransmissionMs(shape.lossShare, sizeBytes);
  }

  /** The longest wait of its segments: they are sent again side by side. */
  #retransmissionMs(lossShare: number, sizeBytes: number): number {
    if (lossShare === 0) return 0;
    let longestMs = 0;
    for (let left = sizeBytes; left > 0; left -= SEGMENT_BYTES) {
      let waitMs = 0;
      for (let stepMs = RETRANSMIT_MS; this.#random() < lossShare; stepMs *= 2) {
        this.counters.losses++;
        waitMs += Math.min(stepMs, LONGEST_RETRANSMIT_MS);
        if (stepMs > LONGEST_RETRANSMIT_MS) break;
      }
      longestMs = Math.max(longestMs, waitMs);
    }
    return longestMs;
  }
}
