import { linkSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { Lease } from './lease.ts';
import type { HeldLease, LeaseTime } from './lease.ts';
import type { Log } from './log.ts';

const pollMs = 200;
const maxFileBytes = 4096;

interface LeaseEvents {
  readonly log: Log;
  readonly malformed: () => void;
}

const now = (): LeaseTime => ({ wallMs: Date.now(), monotonicMs: performance.now() });

/** Watches a lease's file; removes it once it is malformed or over. */
export class LeaseWatcher {
  readonly #path: string;
  readonly #events: LeaseEvents;
  readonly #lease = new Lease();
  #last: HeldLease | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, events: LeaseEvents) {
    this.#path = path;
    this.#events = events;
  }

  start(): void {
    this.#poll();
    this.#timer = setInterval(() => this.#poll(), pollMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Exact to the millisecond at the end; a new or cleared lease is seen with the next look at the file. */
  held(): HeldLease | null {
    return this.#lease.held(now());
  }

  #poll(): void {
    const { log, malformed } = this.#events;
    const content = this.#read();
    const seen = this.#lease.observe(content, now());
    const held = this.held();
    if (seen === 'malformed') {
      malformed();
      log('warn', 'malformed lease removed', { file: this.#path });
    } else if (held && (seen === 'taken' || this.#last === null)) {
      log('info', 'lease taken', { ...held });
    } else if (!held && this.#last) {
      log('info', 'lease ended', { leaseId: this.#last.leaseId });
    }
    this.#last = held;
    if (content !== null && !held) this.#remove(content);
  }

  #read(): string | null {
    try {
      // What is too large for a lease is not read; its size stands for it.
      const { size } = statSync(this.#path);
      return size > maxFileBytes ? `${size} bytes` : readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return null;
      return '';
    }
  }

  /** Removes what was judged and no other: a lease that was written in between is put back. */
  #remove(judged: string): void {
    const aside = `${this.#path}.over`;
    try {
      renameSync(this.#path, aside);
      const isJudged = statSync(aside).size > maxFileBytes || readFileSync(aside, 'utf8') === judged;
      if (!isJudged) linkSync(aside, this.#path);
    } catch (error) {
      this.#events.log('warn', 'lease file not removed', { error: String(error) });
    }
    rmSync(aside, { force: true, recursive: true });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
