import type { BurnRule } from './slo-rules.ts';
import { WindowSum, type SlotSum, type WindowSumState } from './window-sum.ts';

/** Plain data, for the journal. */
export interface BurnAlarmState {
  long: WindowSumState;
  short: WindowSumState;
  firedAtMs?: number;
}

export interface BurnReading {
  rule: BurnRule;
  longBurn: number;
  shortBurn: number;
  isFiring: boolean;
  /** Wall time of the slot in which it fired first. */
  firedAtMs?: number;
}

/** One burn-rate rule over the slots so far. */
export class BurnAlarm {
  readonly #rule: BurnRule;
  readonly #budgetRatio: number;
  readonly #long: WindowSum;
  readonly #short: WindowSum;
  #firedAtMs: number | undefined;

  constructor(rule: BurnRule, budgetRatio: number, slotMs: number, state?: BurnAlarmState) {
    this.#rule = rule;
    this.#budgetRatio = budgetRatio;
    this.#long = new WindowSum(slotsOf(rule.longMs, slotMs), state?.long);
    this.#short = new WindowSum(slotsOf(rule.shortMs, slotMs), state?.short);
    this.#firedAtMs = state?.firedAtMs;
  }

  push(slot: SlotSum): void {
    this.#long.push(slot);
    this.#short.push(slot);
  }

  /** Counts into the newest slot once more. */
  add(slot: SlotSum): void {
    this.#long.add(slot);
    this.#short.add(slot);
  }

  /** Notes when it fires first. */
  read(atMs: number): BurnReading {
    const longBurn = this.#burnOf(this.#long);
    const shortBurn = this.#burnOf(this.#short);
    const isFiring = longBurn >= this.#rule.burnRate && shortBurn >= this.#rule.burnRate;
    if (isFiring) this.#firedAtMs ??= atMs;
    return {
      rule: this.#rule,
      longBurn,
      shortBurn,
      isFiring,
      ...(this.#firedAtMs === undefined ? {} : { firedAtMs: this.#firedAtMs }),
    };
  }

  state(): BurnAlarmState {
    return {
      long: this.#long.state(),
      short: this.#short.state(),
      ...(this.#firedAtMs === undefined ? {} : { firedAtMs: this.#firedAtMs }),
    };
  }

  /**
   * The part of a window that has not come yet, or is not known, counts as clean: a rule fires when the part of the
   * budget that it stands for is really gone, not because the first request of a run failed.
   */
  #burnOf(window: WindowSum): number {
    const { bad, total, known } = window.sum;
    if (total === 0) return 0;
    return (bad / total / this.#budgetRatio) * Math.min(1, known / window.slots);
  }
}

function slotsOf(windowMs: number, slotMs: number): number {
  return Math.max(1, Math.round(windowMs / slotMs));
}
