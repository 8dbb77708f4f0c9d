import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, isWindowClean, type Decision, type DecisionContext } from '../../../src/gates/decision.ts';
import { gateProfile, preflightProfile, type GateProfile } from '../../../src/gates/profiles.ts';
import { SlotTally } from '../../../src/gates/tally.ts';
import type { Sample } from '../../../src/gates/verdict.ts';

/** `+`, `-` and `?`, oldest first. */
type Slots = string;

interface History {
  slots: Slots;
  critical?: boolean;
  advisory?: boolean;
}

const samples: Record<string, Sample> = {
  '+': { state: 'OK' },
  '-': { state: 'BAD', detail: 'seen bad' },
  '?': { state: 'UNKNOWN', reason: 'query-error', detail: 'nobody answered' },
};
const standard = gateProfile('standard');
const smoke = gateProfile('smoke');
const fine: DecisionContext = {
  elapsedMs: 0,
  unplannedRestarts: 0,
  leaderChanges: 0,
  withoutProgress: [],
  withStaleEvidence: [],
};

describe('a gate passes', () => {
  test('with a full window, a clean tail and fresh progress', () => {
    expect(decideOn([{ slots: '+'.repeat(60) }], standard)).toMatchObject({ kind: 'PASS', cause: 'window-full' });
  });

  test('with as much BAD and UNKNOWN before the tail as is tolerated, and with no more', () => {
    const window = (bad: number, unknown: number): Slots =>
      '-'.repeat(bad) + '?'.repeat(unknown) + '+'.repeat(60 - bad - unknown);
    // UNKNOWN in two runs, so that the gate is not put on hold.
    expect(decideOn([{ slots: window(3, 3) }], standard).kind).toBe('PASS');
    expect(decideOn([{ slots: window(4, 0) }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: '???+???' + '+'.repeat(53) }], standard).kind).toBe('PASS');
    expect(decideOn([{ slots: '???+???+?' + '+'.repeat(51) }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: window(1, 0), critical: true }], standard).kind).toBe('continue');
  });

  test('not with anything but OK in the tail', () => {
    const good = '+'.repeat(48);
    const tail = (mark: string): Slots => `${'+'.repeat(5)}${mark}${'+'.repeat(6)}`;
    expect(decideOn([{ slots: good + tail('-') }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: good + tail('?') }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: good + tail('+') }], standard).kind).toBe('PASS');
  });

  test('again once what was bad has left the window', () => {
    const early = '---' + '+'.repeat(57);
    expect(decideOn([{ slots: early, critical: true }], standard).kind).not.toBe('PASS');
    expect(decideOn([{ slots: `${early}+++`, critical: true }], standard).kind).toBe('PASS');
  });

  test('not without progress since the action, nor on evidence older than what runs', () => {
    const slots = '+'.repeat(60);
    expect(decideOn([{ slots }], standard, { withoutProgress: ['node-0'] }).kind).toBe('continue');
    expect(decideOn([{ slots }], standard, { withStaleEvidence: ['node-0'] }).kind).toBe('continue');
  });

  test('never without a check that may decide', () => {
    expect(decideOn([], standard).kind).toBe('continue');
    expect(decideOn([{ slots: '+'.repeat(60), advisory: true }], standard).kind).toBe('continue');
    expect(decideOn([], standard, { elapsedMs: standard.deadlineMs })).toMatchObject({
      kind: 'INCONCLUSIVE',
      cause: 'deadline-no-data',
    });
  });

  test('in a short preflight after one clean tail, by the percentages of the whole window', () => {
    const rules = preflightProfile(smoke);
    expect(decideOn([{ slots: '++++' }], rules).kind).toBe('PASS');
    expect(decideOn([{ slots: '-++++' }], rules).kind).toBe('continue');
    expect(decideOn([{ slots: '-++++++++' }], rules).kind).toBe('PASS');
    expect(preflightProfile(standard).fullSlots).toBe(60);
    expect(preflightProfile(gateProfile('soak')).fullSlots).toBe(120);
  });
});

describe('a gate fails early', () => {
  test('when a critical check is BAD three slots running', () => {
    expect(decideOn([{ slots: '++--', critical: true }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: '++-?-', critical: true }], standard).kind).toBe('continue');
    const verdict = decideOn([{ slots: '++---', critical: true }], standard);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'critical-bad', about: { check: 'check-0', node: 'node' } });
    expect(decideOn([{ slots: '++---' }], standard).kind).toBe('continue');
  });

  test('when a fifth of all slots of the window is BAD, however few were seen', () => {
    expect(decideOn([{ slots: '-'.repeat(11) }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: '-'.repeat(12) }], standard)).toMatchObject({ kind: 'FAIL', cause: 'bad-ratio' });
    expect(decideOn([{ slots: '-' }], smoke).kind).toBe('continue');
    expect(decideOn([{ slots: '--' }], smoke).kind).toBe('FAIL');
  });

  test('when a check flaps', () => {
    expect(decideOn([{ slots: '+-+-' }], standard).kind).toBe('continue');
    expect(decideOn([{ slots: '+-+-+' }], standard)).toMatchObject({ kind: 'FAIL', cause: 'flap' });
    expect(decideOn([{ slots: '+?-?+?-?+' }], standard)).toMatchObject({ kind: 'FAIL', cause: 'flap' });
    expect(decideOn([{ slots: `+-+-${'+'.repeat(60)}` }], standard).kind).toBe('PASS');
  });

  test('when a node restarts by itself twice, or the leader changes three times', () => {
    expect(decideOn([{ slots: '+' }], standard, { unplannedRestarts: 1, leaderChanges: 2 }).kind).toBe('continue');
    expect(decideOn([{ slots: '+' }], standard, { unplannedRestarts: 2 })).toMatchObject({
      kind: 'FAIL',
      cause: 'flap',
    });
    expect(decideOn([{ slots: '+' }], standard, { leaderChanges: 3 })).toMatchObject({ kind: 'FAIL', cause: 'flap' });
  });

  test('when a stop condition was confirmed, whatever else is known', () => {
    const verdict = decideOn([{ slots: '+'.repeat(60) }], standard, { stopCondition: 'the quorum is lost' });
    expect(verdict).toEqual({ kind: 'FAIL', cause: 'quorum', reason: 'the quorum is lost' });
  });

  test('naming the critical one of several bad checks', () => {
    const verdict = decideOn([{ slots: '---' }, { slots: '--', critical: true }], smoke);
    expect(verdict).toMatchObject({ kind: 'FAIL', about: { check: 'check-1' } });
  });
});

describe('a gate is held', () => {
  test.each([
    ['smoke', 4],
    ['quick', 20],
    ['standard', 4],
    ['soak', 4],
  ] as const)('in profile %s after exactly %i slots of UNKNOWN', (name, limit) => {
    const rules = gateProfile(name);
    expect(decideOn([{ slots: `+${'?'.repeat(limit - 1)}` }], rules).kind).toBe('continue');
    expect(decideOn([{ slots: `+${'?'.repeat(limit)}` }], rules)).toMatchObject({ kind: 'HOLD', cause: 'unknown-run' });
  });

  test('less urgently than it fails', () => {
    expect(decideOn([{ slots: '????' }, { slots: '++---', critical: true }], standard).kind).toBe('FAIL');
  });
});

describe('the deadline', () => {
  const atDeadline = { elapsedMs: standard.deadlineMs };

  test('fails a gate that is a fifth BAD', () => {
    expect(decideOn([{ slots: '+'.repeat(48) + '-'.repeat(12) }], standard, atDeadline).kind).toBe('FAIL');
  });

  test('is INCONCLUSIVE for want of data, or of enough good data', () => {
    expect(decideOn([{ slots: '?+?+?' }], standard, atDeadline)).toMatchObject({ cause: 'deadline-no-data' });
    expect(decideOn([{ slots: '' }], standard, atDeadline)).toMatchObject({ cause: 'deadline-no-data' });
    expect(decideOn([{ slots: '?+?+' }], standard, atDeadline)).toMatchObject({ cause: 'deadline-insufficient' });
    expect(decideOn([{ slots: '+++-' }], standard, atDeadline)).toMatchObject({ cause: 'deadline-insufficient' });
  });

  test('is not passed by a window that is full only then', () => {
    expect(decideOn([{ slots: '+'.repeat(60) }], standard, atDeadline).kind).toBe('INCONCLUSIVE');
  });
});

describe('for any history', () => {
  const slots = fc.string({ unit: fc.constantFrom('+', '+', '+', '+', '+', '+', '-', '?'), maxLength: 24 });
  /** Mostly good, so that some of them pass. */
  const mostlyGood = fc
    .tuple(fc.string({ unit: fc.constantFrom('+', '+', '+', '+', '-', '?'), maxLength: 12 }), fc.nat(10))
    .map(([head, good]) => head + '+'.repeat(good));
  const anySlots = fc.oneof(slots, mostlyGood);
  const history = fc.record({ slots: anySlots, critical: fc.boolean(), advisory: fc.constant(false) });
  const histories = fc.array(history, { minLength: 1, maxLength: 4 });
  const rules: GateProfile = { ...standard, windowSlots: 10, fullSlots: 10, tailSlots: 3, holdSlots: 4 };

  test('a PASS has a full window without UNKNOWN or BAD in its tail, and no BAD in critical checks', () => {
    let passes = 0;
    fc.assert(
      fc.property(histories, (all) => {
        if (decideOn(all, rules).kind !== 'PASS') return;
        passes++;
        for (const { slots: seen, critical } of all) {
          expect(seen.length).toBeGreaterThanOrEqual(10);
          expect(seen.slice(-3)).toBe('+++');
          const window = seen.slice(-10);
          expect(count(window, '?')).toBeLessThanOrEqual(1);
          expect(count(window, '-')).toBe(0);
          if (critical) expect(window).not.toContain('-');
        }
      }),
      { numRuns: 2000 },
    );
    expect(passes).toBeGreaterThan(20);
  });

  test('at the deadline it always decides, and never passes', () => {
    fc.assert(
      fc.property(fc.array(history, { maxLength: 4 }), (all) => {
        const { kind } = decideOn(all, rules, { elapsedMs: rules.deadlineMs });
        expect(['FAIL', 'INCONCLUSIVE']).toContain(kind);
      }),
      { numRuns: 1000 },
    );
  });

  test('advisory checks change nothing', () => {
    fc.assert(
      fc.property(histories, histories, (all, others) => {
        const advisory = others.map((one) => ({ ...one, critical: true, advisory: true }));
        const { kind } = decideOn(all, rules);
        expect(decideOn([...all, ...advisory], rules).kind).toBe(kind);
      }),
      { numRuns: 1000 },
    );
  });

  test('a run of BAD that turns OK never takes a PASS away', () => {
    const wide: GateProfile = { ...rules, windowSlots: 40, fullSlots: 40, tailSlots: 5 };
    const runs = fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 2 })).map(([at, length]) => {
      const clean = '+'.repeat(45);
      return { bad: clean.slice(0, at) + '-'.repeat(length) + clean.slice(at + length), clean };
    });
    let passes = 0;
    fc.assert(
      fc.property(runs, fc.boolean(), ({ bad, clean }, critical) => {
        if (decideOn([{ slots: bad, critical }], wide).kind === 'PASS') {
          passes++;
          expect(decideOn([{ slots: clean, critical }], wide).kind).toBe('PASS');
        }
      }),
    );
    expect(passes).toBeGreaterThan(10);
  });

  test('no more BAD ever turns a verdict into PASS', () => {
    fc.assert(
      fc.property(histories, fc.nat(), (all, seed) => {
        const worse = all.map((one, index) => ({ ...one, slots: index === 0 ? spoil(one.slots, seed) : one.slots }));
        if (decideOn(all, rules).kind !== 'PASS') return;
        const { kind } = decideOn(worse, rules);
        // One BAD slot in a window of ten is more than a twentieth.
        expect(kind).not.toBe('PASS');
      }),
      { numRuns: 2000 },
    );
  });

  test('UNKNOWN counts neither as OK nor as BAD', () => {
    fc.assert(
      fc.property(anySlots, (seen) => {
        const tally = tallyOf({ slots: seen }, rules);
        const window = seen.slice(-10);
        expect([tally.ok, tally.bad, tally.unknown]).toEqual([
          count(window, '+'),
          count(window, '-'),
          count(window, '?'),
        ]);
        expect(tally.tailOk).toBe(count(seen.slice(-3), '+'));
        expect(tally.known).toBe(count(seen, '+') + count(seen, '-'));
        expect(tally.changes).toBe(changesIn(window));
        expect(tally.badRun).toBe(/-*$/.exec(seen)?.[0].length);
        expect(tally.unknownRun).toBe(/\?*$/.exec(seen)?.[0].length);
        expect(tally.summary().slots).toBe(seen);
      }),
      { numRuns: 2000 },
    );
  });

  test('a long history is counted like its last window', () => {
    const long = fc.string({ unit: fc.constantFrom('+', '-', '?'), minLength: 2500, maxLength: 4000 });
    fc.assert(
      fc.property(long, (seen) => {
        const tally = tallyOf({ slots: seen }, standard);
        const window = seen.slice(-60);
        expect([tally.ok, tally.bad, tally.unknown]).toEqual([
          count(window, '+'),
          count(window, '-'),
          count(window, '?'),
        ]);
        expect(tally.changes).toBe(changesIn(window));
      }),
      { numRuns: 20 },
    );
  });
});

describe('a node that is up for three minutes and down for thirty seconds', () => {
  const flapper = (phase: number, length: number): Slots =>
    Array.from({ length }, (_, slot) => ((slot + phase) % 42 < 36 ? '+' : '-')).join('');
  const phases = Array.from({ length: 42 }, (_, phase) => phase);
  const windowOf = (seconds: number): GateProfile => ({
    ...standard,
    windowSlots: seconds / 5,
    fullSlots: seconds / 5,
  });

  test('always shows a clean window of 100 s within one round, whenever one begins to look', () => {
    for (const phase of phases) {
      const clean = phases.filter((after) =>
        isWindowClean(tallyOf({ slots: flapper(phase, 20 + after) }, windowOf(100)), windowOf(100)),
      );
      expect(clean.length, `phase ${phase}`).toBeGreaterThan(0);
    }
  });

  test('passes a gate of 100 s that begins while it is up', () => {
    expect(firstVerdict(flapper(0, 180), windowOf(100)).kind).toBe('PASS');
  });

  test('never passes a gate of 300 s, whenever it begins', () => {
    for (const phase of phases) {
      const verdict = firstVerdict(flapper(phase, 180), windowOf(300));
      expect(['FAIL', 'INCONCLUSIVE'], `phase ${phase}`).toContain(verdict.kind);
    }
  });
});

function decideOn(histories: History[], rules: GateProfile, context: Partial<DecisionContext> = {}): Decision {
  return decide(
    histories.map((history, index) => tallyOf(history, rules, `check-${index}`)),
    rules,
    { ...fine, ...context },
  );
}

/** Slot by slot, as a gate sees it, to the first verdict. */
function firstVerdict(slots: Slots, rules: GateProfile): Decision {
  const tally = new SlotTally(
    { check: 'c', node: 'n', critical: false, advisory: false },
    rules.windowSlots,
    rules.tailSlots,
  );
  let decision: Decision = { kind: 'continue' };
  for (let slot = 0; slot <= slots.length && decision.kind === 'continue'; slot++) {
    const sample = samples[slots.charAt(slot)];
    if (sample) tally.push(sample);
    decision = decide([tally], rules, { ...fine, elapsedMs: slot * rules.intervalMs });
  }
  return decision;
}

function tallyOf(
  { slots, critical = false, advisory = false }: History,
  rules: GateProfile,
  check = 'check',
): SlotTally {
  const tally = new SlotTally({ check, node: 'node', critical, advisory }, rules.windowSlots, rules.tailSlots);
  for (const slot of slots) tally.push(samples[slot] ?? { state: 'OK' });
  return tally;
}

function count(text: Slots, mark: string): number {
  return text.split(mark).length - 1;
}

function changesIn(window: Slots): number {
  const known = window.replaceAll('?', '');
  return Array.from(known).filter((mark, index) => index > 0 && known[index - 1] !== mark).length;
}

/** One slot of the last window turns BAD. */
function spoil(slots: Slots, seed: number): Slots {
  const at = slots.length - 1 - (seed % Math.min(10, slots.length || 1));
  return slots.slice(0, at) + '-' + slots.slice(at + 1);
}
