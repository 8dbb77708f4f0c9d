/** Counters of one node at one time. */
export interface CounterReading {
  monoMs: number;
  /** Changes with every start of the node; undefined when it could not be observed. */
  instance: string | undefined;
  /** How long the node has been running; undefined when that is not known. */
  ageMs: number | undefined;
}

export interface Counted {
  sinceStart: readonly number[];
  /** Since the first reading in the window; that many windows ago at most. */
  inWindow: readonly number[];
  /** Started within the window: only what was counted since its start is the truth. */
  isYoung: boolean;
  /** Has been watched for a whole window. */
  isWatchedLongEnough: boolean;
}

interface Kept {
  monoMs: number;
  values: readonly number[];
}

/**
 * Differences of counters over a sliding window, never across a restart: of a node that started within the window the raw counters since
 * its start are taken, so that nothing is lost or made up. Must see every slot, in order.
 */
export class CounterWindow {
  readonly #windowMs: number;
  #instance: string | undefined;
  #history: Kept[] = [];
  #first = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Undefined when a counter went back without a restart. */
  count({ monoMs, instance, ageMs }: CounterReading, values: readonly number[]): Counted | undefined {
    if (instance !== undefined && instance !== this.#instance) {
      this.#instance = instance;
      this.#forget();
    }
    const newest = this.#history.at(-1);
    if (newest && newest.values.length !== values.length) this.#forget();
    else if (newest?.values.some((before, index) => (values[index] ?? 0) < before)) {
      this.#forget();
      return undefined;
    }
    this.#history.push({ monoMs, values });
    this.#dropOld(monoMs);
    const from = this.#history[this.#first] ?? { monoMs, values };
    return {
      sinceStart: values,
      inWindow: values.map((value, index) => value - (from.values[index] ?? 0)),
      isYoung: ageMs !== undefined && ageMs <= this.#windowMs,
      isWatchedLongEnough: monoMs - from.monoMs >= this.#windowMs,
    };
  }

  #forget(): void {
    this.#history = [];
    this.#first = 0;
  }

  /** One reading as old as the window stays: it is what the window is counted from. */
  #dropOld(monoMs: number): void {
    while (this.#first + 1 < this.#history.length) {
      const next = this.#history[this.#first + 1];
      if (!next || monoMs - next.monoMs < this.#windowMs) break;
      this.#first++;
    }
    if (this.#first > 256) {
      this.#history = this.#history.slice(this.#first);
      this.#first = 0;
    }
  }
}

/**
 * The span to judge, given how much happened in each: a young node's whole life; of an older one the window; when too little happened in it,
 * its life, but only until it has been watched for a whole window.
 */
export function spanToJudge(
  counted: Counted,
  eventsAt: number,
  minEvents: number,
): 'since its start' | 'in the window' {
  if (counted.isYoung) return 'since its start';
  const isEnough = (counted.inWindow[eventsAt] ?? 0) >= minEvents;
  return isEnough || counted.isWatchedLongEnough ? 'in the window' : 'since its start';
}
