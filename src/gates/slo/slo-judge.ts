import { UsageError } from '../../core/errors.ts';
import type { CanaryVerdict } from '../canary/relative-verdict.ts';
import type { UnknownReason } from '../verdict.ts';
import { BurnAlarm, type BurnAlarmState, type BurnReading } from './burn-alarm.ts';
import { SloLedger, type SloLedgerState } from './slo-ledger.ts';
import { sloRules } from './slo-rules.ts';
import type { SloOptions, SloState } from './slo-state.ts';
import { verdictAtEnd, verdictSoFar } from './slo-verdict.ts';
import type { SlotSum } from './window-sum.ts';

/** What was counted in one slot. Both times are those of the slot, not of the call, so that missed slots can be handed in later. */
export type SloSlot = {
  /** Wall time; bridges the gap after a restore. */
  atMs: number;
  /** Monotonic time; places the slot while one process goes on, whatever the wall clock does. */
  monoMs: number;
} & ({ bad: number; total: number } | { unknown: UnknownReason });

/** All that a judge is, as JSON. Its size does not depend on how long it has run. */
export interface SloSnapshot {
  options: SloOptions;
  /** Absent before the first slot. */
  lastAtMs?: number;
  isLastKnown: boolean;
  ledger: SloLedgerState;
  alarms: BurnAlarmState[];
  decided?: { verdict: CanaryVerdict; reason: string };
}

export interface SloJudge {
  push(slot: SloSlot): SloState;
  state(): SloState;
  /** Ends it now; slots that are missing from the length are unknown. */
  finish(): SloState;
  snapshot(): SloSnapshot;
}

const unknownSlot: SlotSum = { bad: 0, total: 0, known: 0 };

/**
 * Judges a canary of days slot by slot: FAIL at once when a page rule fires or more than half of the budget is gone; at
 * the end PASS if enough is known, else INCONCLUSIVE. Slots that never came are unknown, and so is one without traffic.
 * @throws UsageError for an objective outside of (0, 1) and for slots too coarse for the length
 */
export function createSloJudge(options: SloOptions): SloJudge {
  return judgeFrom({ options, isLastKnown: false, ledger: { bad: 0, total: 0, days: [] }, alarms: [] });
}

/** Goes on where the snapshot was taken, in another process and after any time. */
export function restoreSloJudge(snapshot: SloSnapshot): SloJudge {
  return judgeFrom(snapshot);
}

function judgeFrom(start: SloSnapshot): SloJudge {
  const { options } = start;
  const { objective, lengthMs, slotMs } = options;
  checkOptions(options);
  const budgetRatio = 1 - objective;
  const ledger = new SloLedger(Math.round(lengthMs / slotMs), start.ledger);
  const alarms = sloRules(lengthMs).map((rule, index) => new BurnAlarm(rule, budgetRatio, slotMs, start.alarms[index]));
  let { lastAtMs, isLastKnown, decided } = start;
  /** A slot of this process whose place is known. */
  let anchor: { slot: number; monoMs: number } | undefined;

  const placeOf = ({ atMs, monoMs }: SloSlot): number => {
    if (anchor === undefined) {
      // Another process wrote the last slot: only the wall clock knows how long ago that was.
      const passed = lastAtMs === undefined ? 1 : Math.max(1, Math.round((atMs - lastAtMs) / slotMs));
      anchor = { slot: ledger.slots - 1 + passed, monoMs };
    }
    return anchor.slot + Math.round((monoMs - anchor.monoMs) / slotMs);
  };
  const append = (sum: SlotSum) => {
    ledger.push(sum);
    for (const alarm of alarms) alarm.push(sum);
  };
  const stateAt = (atMs: number): SloState => {
    const rules = alarms.map((alarm) => alarm.read(atMs));
    const facts = factsOf(ledger, budgetRatio, rules);
    decided ??= verdictSoFar(facts) ?? (ledger.slots >= ledger.plannedSlots ? verdictAtEnd(facts, options) : undefined);
    const going = `${facts.slots} of ${facts.plannedSlots} slots are over`;
    return { ...(decided ?? { reason: going }), ...facts };
  };
  const state = () => stateAt(lastAtMs ?? 0);

  return {
    push(slot) {
      if (decided !== undefined) return state();
      const place = placeOf(slot);
      const sum = sumOf(slot);
      if (place < ledger.slots) {
        // A second count for the newest slot belongs to it; anything older came too late.
        if (place === ledger.slots - 1 && isLastKnown && sum.known === 1) {
          const more = { ...sum, known: 0 };
          ledger.add(more);
          for (const alarm of alarms) alarm.add(more);
        }
        return state();
      }
      while (ledger.slots < Math.min(place, ledger.plannedSlots)) append(unknownSlot);
      if (ledger.slots < ledger.plannedSlots) append(sum);
      lastAtMs = slot.atMs;
      isLastKnown = sum.known === 1;
      return state();
    },
    state,
    finish() {
      if (decided === undefined) while (ledger.slots < ledger.plannedSlots) append(unknownSlot);
      return state();
    },
    snapshot: () => ({
      options,
      ...(lastAtMs === undefined ? {} : { lastAtMs }),
      isLastKnown,
      ledger: ledger.state(),
      alarms: alarms.map((alarm) => alarm.state()),
      ...(decided === undefined ? {} : { decided }),
    }),
  };
}

function factsOf(ledger: SloLedger, budgetRatio: number, rules: BurnReading[]): Omit<SloState, 'verdict' | 'reason'> {
  const { bad, total, slots, known, plannedSlots } = ledger;
  return {
    plannedSlots,
    slots,
    knownSlots: known,
    bad,
    total,
    budgetUsed: total === 0 ? 0 : (bad / total / budgetRatio) * (known / plannedSlots),
    worstDay: ledger.worstDay(),
    rules,
  };
}

function sumOf(slot: SloSlot): SlotSum {
  if ('unknown' in slot) return unknownSlot;
  const { bad, total } = slot;
  // No traffic says nothing; more bad than all, or NaN, says that the counting is broken.
  return bad >= 0 && total > 0 && bad <= total && Number.isFinite(total) ? { bad, total, known: 1 } : unknownSlot;
}

function checkOptions({ objective, lengthMs, slotMs }: SloOptions): void {
  if (!(objective > 0 && objective < 1)) throw new UsageError(`An objective lies between 0 and 1; got ${objective}`);
  const coarsestMs = lengthMs / 336;
  if (!(slotMs > 0 && slotMs <= coarsestMs)) {
    throw new UsageError(
      `An SLO canary of ${lengthMs} ms needs slots of at most ${Math.floor(coarsestMs)} ms; got ${slotMs}`,
    );
  }
}
