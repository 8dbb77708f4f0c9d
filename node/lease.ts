/** A feature switched for a while, as written beside the node: until a time on the wall clock, and no longer than `ttlMs` from when it is seen. */
interface LeaseFile {
  readonly leaseId: string;
  readonly on: boolean;
  readonly untilMs: number;
  readonly ttlMs: number;
}

/** Wall clock in milliseconds since the epoch, and a clock that never jumps. */
export interface LeaseTime {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export interface HeldLease {
  readonly leaseId: string;
  readonly on: boolean;
  readonly remainingMs: number;
}

/**
 * The lease that a node holds, judged by its own two clocks: a wall clock set back cannot prolong it, nor can a restart. A pure state;
 * who reads the file tells it what is there.
 */
export class Lease {
  #content: string | null = null;
  #lease: LeaseFile | null = null;
  #seenAtMs = 0;

  /** Takes the file's content, null for no file. What has been seen before counts from when it was seen first. */
  observe(content: string | null, { monotonicMs }: LeaseTime): 'unchanged' | 'none' | 'taken' | 'malformed' {
    if (content === this.#content) return 'unchanged';
    this.#content = content;
    this.#lease = content === null ? null : parseLease(content);
    this.#seenAtMs = monotonicMs;
    if (content === null) return 'none';
    return this.#lease === null ? 'malformed' : 'taken';
  }

  held({ wallMs, monotonicMs }: LeaseTime): HeldLease | null {
    if (this.#lease === null) return null;
    const { leaseId, on, untilMs, ttlMs } = this.#lease;
    const remainingMs = Math.min(untilMs - wallMs, this.#seenAtMs + ttlMs - monotonicMs);
    if (remainingMs > 0) return { leaseId, on, remainingMs: Math.round(remainingMs) };
    // Ended is ended, also when the wall clock is set back later.
    this.#lease = null;
    return null;
  }
}

function parseLease(content: string): LeaseFile | null {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return null;
  }
  const { leaseId, on, untilMs, ttlMs } = (value ?? {}) as Partial<Record<keyof LeaseFile, unknown>>;
  const isTime = (time: unknown): time is number => typeof time === 'number' && Number.isSafeInteger(time) && time > 0;
  if (typeof leaseId !== 'string' || leaseId === '' || typeof on !== 'boolean') return null;
  return isTime(untilMs) && isTime(ttlMs) ? { leaseId, on, untilMs, ttlMs } : null;
}
