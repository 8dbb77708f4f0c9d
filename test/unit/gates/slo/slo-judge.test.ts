import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createSloJudge,
  restoreSloJudge,
  type SloJudge,
  type SloSlot,
  type SloSnapshot,
} from '../../../../src/gates/slo/slo-judge.ts';
import type { SloOptions, SloState } from '../../../../src/gates/slo/slo-state.ts';

const hour = 3_600_000;
const day = 24 * hour;
const week: SloOptions = { objective: 0.99, lengthMs: 7 * day, slotMs: 60_000 };
const short: SloOptions = { objective: 0.99, lengthMs: 600_000, slotMs: 1000 };
const startMs = Date.UTC(2026, 0, 1);

type Count = { bad: number; total: number } | { unknown: 'query-error' };

const slotAt = (options: SloOptions, slot: number, count: Count): SloSlot => ({
  atMs: startMs + slot * options.slotMs,
  monoMs: 5000 + slot * options.slotMs,
  ...count,
});

/** The state after all slots, or at the first verdict. */
function run(
  options: SloOptions,
  countOf: (slot: number) => Count,
  slots = options.lengthMs / options.slotMs,
): SloState {
  const judge = createSloJudge(options);
  let state = judge.state();
  for (let slot = 0; slot < slots && state.verdict === undefined; slot++) {
    state = judge.push(slotAt(options, slot, countOf(slot)));
  }
  return state;
}

/** A thousand events a slot, so many times as many of them bad as the budget allows. */
const burning = (options: SloOptions, rate: number): Count => ({
  bad: Math.round(100_000 * rate * (1 - options.objective)),
  total: 100_000,
});
const unknown: Count = { unknown: 'query-error' };
const fine: Count = { bad: 0, total: 100 };

describe('an SLO canary passes', () => {
  test.each([
    ['seven days', week],
    ['ten minutes', short],
  ])('after %s with errors that leave more than half of the budget', (_length, options) => {
    const state = run(options, () => burning(options, 0.4));
    expect(state).toMatchObject({ verdict: 'pass', slots: state.plannedSlots });
    expect(state.budgetUsed).toBeCloseTo(0.4, 5);
    expect(state.reason).toMatch(/were bad, 60 % of the budget is left$/);
  });

  test('not before its last slot', () => {
    expect(run(short, () => fine, 599)).toMatchObject({ slots: 599, reason: '599 of 600 slots are over' });
    expect(run(short, () => fine, 599).verdict).toBeUndefined();
    expect(run(short, () => fine, 600).verdict).toBe('pass');
  });

  test('with 1 % of its slots unknown, spread out, and with no more', () => {
    expect(run(short, (slot) => (slot % 100 === 0 ? unknown : fine))).toMatchObject({
      verdict: 'pass',
      knownSlots: 594,
    });
    const state = run(short, (slot) => (slot % 86 === 0 ? unknown : fine));
    expect(state).toMatchObject({ verdict: 'inconclusive', knownSlots: 593 });
    expect(state.reason).toBe('only 98.8 % of the slots are known, 99 % are needed');
  });

  test('not when one of its seven parts is known too little, even if the whole is', () => {
    const gap = (length: number) => run(week, (slot) => (slot >= 3000 && slot < 3000 + length ? unknown : fine));
    expect(gap(72).verdict).toBe('pass');
    expect(gap(73)).toMatchObject({ verdict: 'inconclusive', worstDay: { day: 3 } });
    expect(gap(73).reason).toBe('of part 3 of 7 only 94.9 % of the slots are known, 95 % are needed');
  });

  test('not with fewer requests than could have shown a rate above the budget', () => {
    const withRequests = (requests: number) => run(short, (slot) => (slot < requests ? { bad: 0, total: 1 } : unknown));
    expect(withRequests(449).reason).toContain('449 requests, 450 are needed');
    expect(withRequests(450).reason).not.toContain('requests');
    const sparse = (total: number) => run({ ...short, objective: 0.9999 }, () => ({ bad: 0, total }));
    expect(sparse(74).verdict).toBe('inconclusive');
    expect(sparse(75).verdict).toBe('pass');
  });

  test('with a ticket on the way, and says so', () => {
    // A day and a bit of 1.5 times the budget spends 22 % of it.
    const state = run(week, (slot) => (slot < 1500 ? burning(week, 1.5) : burning(week, 0)));
    expect(state.verdict).toBe('pass');
    expect(state.reason).toMatch(/fired on the way: ticket$/);
    expect(state.rules.find(({ rule }) => rule.name === 'ticket')).toMatchObject({ isFiring: false });
  });
});

describe('an SLO canary fails at once', () => {
  test('when an hour at 13.44 times the budget has spent 8 % of it', () => {
    const state = run(week, () => burning(week, 14));
    expect(state.verdict).toBe('fail');
    expect(state.reason).toMatch(
      /^rule page-fast: errors spend the budget 13\.\d times as fast as evenly over 1 h and 14\.0 times over 5 min/,
    );
    expect(state.slots).toBeGreaterThan(55);
    expect(state.slots).toBeLessThanOrEqual(60);
    expect(state.budgetUsed).toBeCloseTo(0.08, 2);
  });

  test('when half of the budget is gone, however slowly it went', () => {
    const state = run(week, () => burning(week, 0.6));
    expect(state.verdict).toBe('fail');
    expect(state.reason).toMatch(/^50 % of the budget is gone: \d+ of \d+ were bad$/);
    expect(state.slots / state.plannedSlots).toBeCloseTo(0.5 / 0.6, 2);
  });

  test('with a ratio of sums, in which a slot of little traffic weighs little', () => {
    // Every tenth slot all is bad, but of a thousandth of the traffic: the mean of ratios would be 10 %.
    const uneven = run(week, (slot) => (slot % 10 === 0 ? { bad: 10, total: 10 } : { bad: 0, total: 10_000 }));
    expect(uneven.verdict).toBe('pass');
    const heavy = run(week, (slot) => (slot % 10 === 0 ? { bad: 1000, total: 10_000 } : { bad: 0, total: 10 }));
    expect(heavy.verdict).toBe('fail');
  });

  test('and stays failed whatever comes after', () => {
    const judge = createSloJudge(short);
    for (let slot = 0; slot < 30; slot++) judge.push(slotAt(short, slot, burning(short, 50)));
    const failed = judge.state();
    expect(failed.verdict).toBe('fail');
    for (let slot = 30; slot < 600; slot++) judge.push(slotAt(short, slot, fine));
    expect(judge.finish()).toEqual(failed);
  });

  test('not for the first request of a run being bad, nor for bad slots that are few', () => {
    expect(run(week, (slot) => (slot === 0 ? { bad: 1, total: 1 } : fine)).verdict).toBe('pass');
    expect(run(week, (slot) => (slot % 1000 < 3 ? { bad: 100, total: 100 } : fine)).verdict).toBe('pass');
  });
});

describe('a page rule', () => {
  // Above the burn rate long enough it fires, below it never does; the rest of the run is clean, so that the budget holds.
  test.each([
    ['page-fast', 13.44, 1],
    ['page-slow', 3.5, 6],
  ] as const)('%s fires from %d times the budget on, over %i h, and not below', (name, burnRate, hours) => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.3, max: 0.97, noNaN: true }),
        fc.double({ min: 1.03, max: 1.3, noNaN: true }),
        fc.integer({ min: 0, max: 5000 }),
        fc.constantFrom(0.95, 0.99, 0.999),
        (below, above, from, objective) => {
          const options = { ...week, objective };
          const during = (factor: number) =>
            run(
              options,
              (slot) =>
                slot >= from && slot < from + hours * 60 ? burning(options, burnRate * factor) : burning(options, 0),
              from + hours * 60 + 500,
            );
          const fired = during(above);
          expect(fired.verdict).toBe('fail');
          expect(fired.reason).toContain(`rule ${name}`);
          // At 13.44 x 0.97 the slower rule fires after a while, in its own right.
          expect(during(below).reason).not.toContain(`rule ${name}:`);
        },
      ),
      { numRuns: 25, seed: 4 },
    );
  });

  test('does not fire for what is long over: the short window has recovered', () => {
    const judge = createSloJudge(week);
    let state = judge.state();
    // 50 min at 15 times the budget, then clean: over an hour that is 12.5 times.
    for (let slot = 0; slot < 120; slot++) {
      state = judge.push(slotAt(week, slot, slot < 50 ? burning(week, 15) : burning(week, 0)));
    }
    expect(state.verdict).toBeUndefined();
    expect(state.rules[0]).toMatchObject({ isFiring: false, shortBurn: 0 });
    expect(state.rules[0]?.longBurn).toBeLessThan(13.44);
  });
});

describe('a slot is unknown', () => {
  const only = (count: { bad: number; total: number }) => run(short, () => count, 10).knownSlots;

  test('without traffic, or with counts that cannot be', () => {
    expect(only({ bad: 0, total: 1 })).toBe(10);
    for (const count of [
      { bad: 0, total: 0 },
      { bad: 2, total: 1 },
      { bad: -1, total: 5 },
      { bad: NaN, total: 5 },
      { bad: 0, total: Infinity },
    ]) {
      expect(only(count), JSON.stringify(count)).toBe(0);
    }
  });

  test('and a run of nothing else is inconclusive, never a pass and never a fail', () => {
    expect(run(short, () => ({ bad: 0, total: 0 }))).toMatchObject({ verdict: 'inconclusive', knownSlots: 0 });
    expect(run(short, () => unknown).reason).toContain('only 0 % of the slots are known');
    expect(createSloJudge(short).finish()).toMatchObject({ verdict: 'inconclusive', slots: 600 });
  });

  test('when it never came', () => {
    const judge = createSloJudge(short);
    judge.push(slotAt(short, 0, fine));
    expect(judge.push(slotAt(short, 10, fine))).toMatchObject({ slots: 11, knownSlots: 2 });
    expect(judge.push(slotAt(short, 700, fine))).toMatchObject({ slots: 600, knownSlots: 2, verdict: 'inconclusive' });
  });

  test('only once: a second count belongs to the newest slot, an older one comes too late', () => {
    const judge = createSloJudge(short);
    for (const slot of [0, 1, 2]) judge.push(slotAt(short, slot, fine));
    expect(judge.push(slotAt(short, 2, { bad: 3, total: 7 }))).toMatchObject({
      slots: 3,
      knownSlots: 3,
      bad: 3,
      total: 307,
    });
    expect(judge.push(slotAt(short, 1, { bad: 3, total: 7 }))).toMatchObject({ slots: 3, bad: 3, total: 307 });
  });

  test('never because the wall clock jumped by an hour while the process went on', () => {
    for (const jumpMs of [hour, -hour]) {
      const judge = createSloJudge(short);
      for (let slot = 0; slot < 600; slot++) {
        const one = slotAt(short, slot, fine);
        judge.push({ ...one, atMs: one.atMs + (slot > 300 ? jumpMs : 0) });
      }
      expect(judge.state()).toMatchObject({ verdict: 'pass', knownSlots: 600 });
    }
  });
});

describe('a judge that was stopped', () => {
  const usual = fc.record({ bad: fc.constantFrom(0, 0, 0, 0, 1), total: fc.integer({ min: 50, max: 300 }) });
  const odd = fc.constantFrom<Count>({ bad: 40, total: 100 }, { bad: 0, total: 0 }, unknown);
  const seenOf = (usualPerOdd: number) =>
    fc.array(fc.oneof({ weight: usualPerOdd, arbitrary: usual }, { weight: 1, arbitrary: odd }), {
      minLength: 600,
      maxLength: 600,
    });
  const counts = fc.oneof(seenOf(8), seenOf(40), seenOf(300));

  test('and went on anywhere, any number of times, says what an uninterrupted one says', () => {
    const verdicts = new Set<string | undefined>();
    fc.assert(
      fc.property(counts, fc.array(fc.integer({ min: 1, max: 599 }), { maxLength: 5 }), (seen, stops) => {
        const whole = createSloJudge(short);
        let broken: SloJudge = createSloJudge(short);
        seen.forEach((count, slot) => {
          // Another process has another monotonic clock.
          const offsetMs = stops.filter((stop) => stop <= slot).length * 987_654;
          if (stops.includes(slot))
            broken = restoreSloJudge(JSON.parse(JSON.stringify(broken.snapshot())) as SloSnapshot);
          const one = slotAt(short, slot, count);
          expect(broken.push({ ...one, monoMs: one.monoMs - offsetMs })).toEqual(whole.push(one));
        });
        expect(broken.snapshot()).toEqual(whole.snapshot());
        expect(whole.state().verdict).toBeDefined();
        verdicts.add(whole.state().verdict);
      }),
      { numRuns: 25, seed: 1 },
    );
    expect(verdicts.size).toBe(3);
  });

  test('counts the time it was away as unknown, and takes missed slots that are handed in later', () => {
    const before = createSloJudge(short);
    for (let slot = 0; slot < 100; slot++) before.push(slotAt(short, slot, fine));
    const away = restoreSloJudge(before.snapshot());
    expect(away.push({ ...slotAt(short, 150, fine), monoMs: 3 })).toMatchObject({ slots: 151, knownSlots: 101 });
    const caughtUp = restoreSloJudge(before.snapshot());
    for (let slot = 100; slot <= 150; slot++)
      caughtUp.push({ ...slotAt(short, slot, fine), monoMs: slot * 1000 - 149_997 });
    expect(caughtUp.state()).toMatchObject({ slots: 151, knownSlots: 151 });
  });

  test('for a week stays small and cheap', () => {
    const options = { ...week, slotMs: 5000 };
    const judge = createSloJudge(options);
    const startedMs = process.cpuUsage().user / 1000;
    for (let slot = 0; slot < 120_960; slot++)
      judge.push(slotAt(options, slot, { bad: slot % 500 === 0 ? 1 : 0, total: 20 }));
    const tookMs = process.cpuUsage().user / 1000 - startedMs;
    expect(judge.state().verdict).toBe('pass');
    // Some microseconds on a quiet machine. Loose, for one that is busy.
    expect((tookMs * 1000) / 120_960).toBeLessThan(50);
    expect(JSON.stringify(judge.snapshot()).length).toBeLessThan(20_000);
  });
});

describe('an SLO judge is refused', () => {
  test('for an objective without a budget and for slots that are too coarse', () => {
    expect(() => createSloJudge({ ...short, objective: 1 })).toThrow('An objective lies between 0 and 1; got 1');
    expect(() => createSloJudge({ ...short, objective: NaN })).toThrow('got NaN');
    expect(() => createSloJudge({ ...short, slotMs: 5000 })).toThrow('needs slots of at most 1785 ms; got 5000');
    expect(() => createSloJudge({ ...short, slotMs: 0 })).toThrow('got 0');
  });
});
