import { abortedError, type Clock } from './clock.ts';
import { outcomeOfError, type CallOutcome } from './call-outcome.ts';
import { LabError } from './errors.ts';

/** Kinds of call that fail apart from each other. */
export type CallClass = 'ssh' | 'docker' | 'rpc' | 'metrics';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** A breaker as it is kept with a run, and exported. Times are wall times, so that another process can go on from them. */
export interface BreakerSnapshot {
  host: string;
  callClass: CallClass;
  state: BreakerState;
  /** Totals since the run began. */
  failures: number;
  successes: number;
  opened: number;
  rejected: number;
  /** While open: when the first probe may go. */
  retryAtMs?: number;
  /** Counted failures that may still open it, oldest first. */
  failedAtMs?: number[];
  /** How often it opened since it was last closed. */
  streak?: number;
  /** Successes since it is half-open. */
  probed?: number;
}

export interface BreakerOptions {
  /**
   * `window`: so many failures within `windowMs`, whatever succeeded in between. `consecutive`: so many without a success between
   * them, in any time. Default window.
   */
  mode?: 'window' | 'consecutive';
  /** Failures that open it. Default 5. */
  failureThreshold?: number;
  /** Default 300 000 ms. */
  windowMs?: number;
  /** The first time that it stays open. Default 60 000 ms. */
  openMs?: number;
  /** Factor by which that grows with every failed probe. Default 2. */
  growth?: number;
  /** Longest that it stays open, before jitter. Default 900 000 ms. */
  longestOpenMs?: number;
  /** Part of the time that chance may add, so that not all come back at once; it never takes away. Default 0.2. */
  jitter?: number;
  /** Successes that close it. Default 2. */
  successThreshold?: number;
  /** The cheap call that tries the host while half-open. Default: the next real call does. */
  probe?: (signal: AbortSignal) => Promise<unknown>;
  /** Limit of one probe. Default 5 000 ms. */
  probeTimeoutMs?: number;
}

interface BreakerInputs {
  clock: Clock;
  /** What fails together, as in `127.0.0.1:4100`, or a machine's name. */
  host: string;
  callClass: CallClass;
  /** From 0 up to 1; see random.ts. */
  random: () => number;
  options?: BreakerOptions;
  /** Told after every change of state. Must not throw. */
  onChange?: ((snapshot: BreakerSnapshot) => void) | undefined;
}

export interface GuardedCallOptions<T> {
  signal?: AbortSignal | undefined;
  /** Monotonic time of the clock at which the call is given up and counted as timed out. Default: only the work's own limits. */
  deadlineMs?: number | undefined;
  /** What a value says about the host. Default: that it answered. */
  judge?: (value: T) => CallOutcome;
}

export interface Breaker {
  readonly host: string;
  readonly callClass: CallClass;
  /** Does the work when the breaker lets it through, else rejects at once with BreakerOpenError. The work's own errors pass as they are. */
  call<T>(work: (signal: AbortSignal) => Promise<T>, options?: GuardedCallOptions<T>): Promise<T>;
  /** Does the work in any case and counts how it went: for samples, of which a rejection would hide data. */
  watch<T>(work: () => Promise<T>, judge?: (value: T) => CallOutcome): Promise<T>;
  /** Planned downtime: nothing that fails until the returned function is called counts. */
  suspend(): () => void;
  /**
   * Resolves when a call may be tried again: when closed; without a probe also when half-open with nobody trying. With a probe it
   * does the probing. Rejects with BreakerOpenError at `deadlineMs` (monotonic), with AbortedError when the signal is aborted.
   */
  whenClosed(signal: AbortSignal | undefined, deadlineMs: number): Promise<void>;
  snapshot(): BreakerSnapshot;
  /** Goes on from a snapshot of another process. Never stays open for longer than a fresh opening could. */
  restore(snapshot: BreakerSnapshot): void;
}

/** A call was not made: its host failed too often. The step that needed it may be tried again at `retryAtMs`. */
export class BreakerOpenError extends LabError {
  /** Wall time, ms since the epoch. */
  readonly retryAtMs: number;

  constructor(host: string, callClass: CallClass, retryAtMs: number, nowMs: number) {
    const seconds = Math.max(0, Math.ceil((retryAtMs - nowMs) / 1000));
    super(
      `calls to ${host} (${callClass}) failed too often and are held back; the next is tried in ${seconds} s, at ${new Date(retryAtMs).toISOString()}`,
      { details: { host, callClass, retryAtMs } },
    );
    this.retryAtMs = retryAtMs;
  }
}

/** How long a waiter sleeps while somebody else tries the host. */
const TRIAL_POLL_MS = 100;

/** A circuit breaker; docs/locks-and-breakers.md says what counts. */
export function createBreaker(inputs: BreakerInputs): Breaker {
  return new CircuitBreaker(inputs);
}

class CircuitBreaker implements Breaker {
  readonly host: string;
  readonly callClass: CallClass;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onChange: ((snapshot: BreakerSnapshot) => void) | undefined;
  readonly #options: Required<Omit<BreakerOptions, 'probe'>> & Pick<BreakerOptions, 'probe'>;
  #state: BreakerState = 'closed';
  /** Monotonic. */
  #retryAtMs = 0;
  #failedAtMs: number[] = [];
  #streak = 0;
  #probed = 0;
  /** The one call that tries the host while half-open. */
  #trial: symbol | undefined;
  #suspensions = 0;
  /** Rises with every suspension, so that a call knows of one that began and ended during it. */
  #suspended = 0;
  readonly #totals = { failures: 0, successes: 0, opened: 0, rejected: 0 };

  constructor({ clock, host, callClass, random, options = {}, onChange }: BreakerInputs) {
    this.#onChange = onChange;
    this.host = host;
    this.callClass = callClass;
    this.#clock = clock;
    this.#random = random;
    this.#options = {
      mode: 'window',
      failureThreshold: 5,
      windowMs: 300_000,
      openMs: 60_000,
      growth: 2,
      longestOpenMs: 900_000,
      jitter: 0.2,
      successThreshold: 2,
      probeTimeoutMs: 5_000,
      ...options,
    };
  }

  async call<T>(work: (signal: AbortSignal) => Promise<T>, options: GuardedCallOptions<T> = {}): Promise<T> {
    const { signal, deadlineMs, judge } = options;
    if (signal?.aborted) throw abortedError(signal);
    this.#tick();
    if (this.#state === 'half-open' && this.#options.probe && !this.#trial) await this.#probeUntilDecided(signal);
    const trial = this.#admit();
    if (trial === 'rejected') {
      this.#totals.rejected++;
      throw this.#openError();
    }
    return this.#do(() => this.#limited(work, signal, deadlineMs), trial, judge);
  }

  async watch<T>(work: () => Promise<T>, judge?: (value: T) => CallOutcome): Promise<T> {
    this.#tick();
    const trial = this.#admit();
    return this.#do(work, trial, judge);
  }

  suspend(): () => void {
    this.#suspensions++;
    this.#suspended++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#suspensions--;
    };
  }

  async whenClosed(signal: AbortSignal | undefined, deadlineMs: number): Promise<void> {
    for (;;) {
      if (signal?.aborted) throw abortedError(signal);
      this.#tick();
      if (this.#state === 'closed') return;
      if (this.#state === 'half-open' && !this.#trial) {
        if (!this.#options.probe) return;
        await this.#probeUntilDecided(signal);
        continue;
      }
      const nowMs = this.#clock.monotonicMs();
      if (nowMs >= deadlineMs) throw this.#openError();
      const untilMs = this.#state === 'open' ? this.#retryAtMs : nowMs + TRIAL_POLL_MS;
      await this.#clock.sleep(Math.min(untilMs, deadlineMs) - nowMs, signal);
    }
  }

  snapshot(): BreakerSnapshot {
    this.#tick();
    this.#forgetOld();
    const offsetMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    return {
      host: this.host,
      callClass: this.callClass,
      state: this.#state,
      ...this.#totals,
      ...(this.#state === 'open' && { retryAtMs: Math.round(this.#retryAtMs + offsetMs) }),
      ...(this.#failedAtMs.length > 0 && { failedAtMs: this.#failedAtMs.map((atMs) => Math.round(atMs + offsetMs)) }),
      ...(this.#streak > 0 && { streak: this.#streak }),
      ...(this.#state === 'half-open' && { probed: this.#probed }),
    };
  }

  restore(snapshot: BreakerSnapshot): void {
    const { failures, successes, opened, rejected } = snapshot;
    const nowMs = this.#clock.monotonicMs();
    const offsetMs = this.#clock.wallMs() - nowMs;
    Object.assign(this.#totals, { failures, successes, opened, rejected });
    this.#state = snapshot.state;
    this.#streak = snapshot.streak ?? 0;
    this.#probed = snapshot.probed ?? 0;
    this.#trial = undefined;
    // The wall clock may have been set meanwhile: no time lies further away than it can.
    const longestMs = this.#openMs(this.#streak) * (1 + this.#options.jitter);
    this.#retryAtMs = Math.min((snapshot.retryAtMs ?? 0) - offsetMs, nowMs + longestMs);
    this.#failedAtMs = (snapshot.failedAtMs ?? []).map((atMs) => Math.min(atMs - offsetMs, nowMs));
  }

  /** An open breaker whose time has come lets one try. */
  #tick(): void {
    if (this.#state !== 'open' || this.#clock.monotonicMs() < this.#retryAtMs) return;
    this.#state = 'half-open';
    this.#probed = 0;
    this.#trial = undefined;
    this.#onChange?.(this.snapshot());
  }

  #admit(): symbol | 'free' | 'rejected' {
    if (this.#state === 'closed') return 'free';
    if (this.#state === 'open' || this.#trial) return 'rejected';
    return (this.#trial = Symbol('trial'));
  }

  async #do<T>(
    work: () => Promise<T>,
    trial: symbol | 'free' | 'rejected',
    judge: (value: T) => CallOutcome = () => 'answer',
  ): Promise<T> {
    const suspended = this.#suspended;
    const isPlanned = this.#suspensions > 0;
    const settle = (outcome: CallOutcome): void =>
      this.#settle(outcome, trial, isPlanned || this.#suspended !== suspended);
    let value: T;
    try {
      value = await work();
    } catch (error) {
      settle(outcomeOfError(error));
      throw error;
    }
    settle(judge(value));
    return value;
  }

  #settle(outcome: CallOutcome, trial: symbol | 'free' | 'rejected', isPlanned: boolean): void {
    const isTrial = typeof trial === 'symbol' && this.#trial === trial;
    if (isTrial) this.#trial = undefined;
    if (outcome === 'nothing' || (outcome === 'failure' && isPlanned)) return;
    if (outcome === 'failure') this.#totals.failures++;
    else this.#totals.successes++;
    if (isTrial) this.#settleTrial(outcome);
    // A call of before the opening, or one that was only watched, neither closes nor opens it any more.
    else if (this.#state === 'closed' && trial === 'free') this.#settleClosed(outcome);
  }

  #settleTrial(outcome: CallOutcome): void {
    if (outcome === 'failure') this.#open();
    else if (++this.#probed >= this.#options.successThreshold) {
      this.#state = 'closed';
      this.#streak = 0;
      this.#failedAtMs = [];
      this.#onChange?.(this.snapshot());
    }
  }

  #settleClosed(outcome: CallOutcome): void {
    const { mode, failureThreshold } = this.#options;
    if (outcome === 'answer') {
      if (mode === 'consecutive') this.#failedAtMs = [];
      return;
    }
    this.#failedAtMs.push(this.#clock.monotonicMs());
    this.#forgetOld();
    if (this.#failedAtMs.length >= failureThreshold) this.#open();
  }

  #forgetOld(): void {
    const { mode, windowMs } = this.#options;
    if (mode === 'consecutive') return;
    const sinceMs = this.#clock.monotonicMs() - windowMs;
    this.#failedAtMs = this.#failedAtMs.filter((atMs) => atMs > sinceMs);
  }

  #open(): void {
    this.#state = 'open';
    this.#streak++;
    this.#totals.opened++;
    this.#failedAtMs = [];
    const durationMs = this.#openMs(this.#streak) * (1 + this.#options.jitter * this.#random());
    this.#retryAtMs = this.#clock.monotonicMs() + durationMs;
    this.#onChange?.(this.snapshot());
  }

  #openMs(streak: number): number {
    const { openMs, growth, longestOpenMs } = this.#options;
    return Math.min(openMs * growth ** Math.max(0, streak - 1), longestOpenMs);
  }

  /** Tries the host with the cheap probe until that closes the breaker or opens it again; the probe's errors are not the caller's. */
  async #probeUntilDecided(signal: AbortSignal | undefined): Promise<void> {
    const { probe, probeTimeoutMs } = this.#options;
    while (probe && this.#state === 'half-open') {
      const trial = this.#admit();
      if (typeof trial !== 'symbol') return;
      const deadlineMs = this.#clock.monotonicMs() + probeTimeoutMs;
      try {
        await this.#do(() => this.#limited(probe, signal, deadlineMs), trial);
      } catch (error) {
        if (signal?.aborted) throw abortedError(signal);
        // One that says nothing about the host (a missing right) will not say more the next time.
        if (outcomeOfError(error) === 'nothing') throw error;
        return;
      }
    }
  }

  async #limited<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
    deadlineMs: number | undefined,
  ): Promise<T> {
    const call = new AbortController();
    const timer = new AbortController();
    const onAbort = (): void => call.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const running = work(call.signal);
      if (deadlineMs === undefined) return await running;
      const timeoutMs = Math.max(0, deadlineMs - this.#clock.monotonicMs());
      const timedOut = this.#clock.sleep(timeoutMs, timer.signal).then(() => {
        const text = `${this.host} (${this.callClass}) did not answer within ${Math.round(timeoutMs)} ms`;
        const error = new LabError(text, { details: { host: this.host, timeoutMs } });
        call.abort(error);
        throw error;
      });
      return await Promise.race([running, timedOut]);
    } finally {
      timer.abort();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #openError(): BreakerOpenError {
    const nowMs = this.#clock.monotonicMs();
    const wallMs = this.#clock.wallMs();
    const retryInMs = this.#state === 'open' ? Math.max(0, this.#retryAtMs - nowMs) : TRIAL_POLL_MS;
    return new BreakerOpenError(this.host, this.callClass, Math.round(wallMs + retryInMs), wallMs);
  }
}
