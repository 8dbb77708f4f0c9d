import { describe, expect, test } from 'vitest';
import { DrillState } from '../../../../src/engine/drill/drill-state.ts';
import { DrillTracker } from '../../../../src/engine/drill/drill-tracker.ts';
import type { DrillMilestone, PlannedDrill } from '../../../../src/journal/drill-records.ts';
import type { Plan, PlanStep, RunEvent, RunRecord } from '../../../../src/journal/records.ts';
import type { SlotReading } from '../../../../src/gates/readings.ts';
import type { Ledger, LedgerEntry } from '../../../../src/load/ledger.ts';

const drill: PlannedDrill = {
  exercises: ['first', 'second'].map((id) => ({ id, title: id, objectives: {}, hasService: true })),
  windowMs: 5_000,
  successShare: 0.99,
  rateShare: 0.8,
  isShort: true,
  participants: [],
  warnings: [],
};
const steps = [
  { id: 'begin-first', kind: 'baseline', nodes: [], drill: 'first' },
  { id: 'backup', kind: 'take-backup', nodes: ['a'] },
  { id: 'cut', kind: 'fault', nodes: ['a'], fault: { kind: 'partition', impaired: ['a'] } },
  { id: 'lose', kind: 'lose', nodes: ['a'] },
  { id: 'heal', kind: 'heal', nodes: ['a'], heals: 'cut' },
  { id: 'recover', kind: 'recover', nodes: ['a'] },
  { id: 'begin-second', kind: 'baseline', nodes: [], drill: 'second' },
] as unknown as PlanStep[];

let seq = 0;
const recordOf = (event: object, atMs: number): RunRecord =>
  ({ seq: seq++, at: new Date(atMs).toISOString(), monoMs: 0, prev: '', ...event }) as RunRecord;

/** A tracker whose journal is kept in memory and read back by it, as the engine does. */
function tracked(records: RunRecord[] = []) {
  let nowMs = 0;
  const tracker: DrillTracker = new DrillTracker({
    plan: { steps } as Plan,
    drill,
    ledger: { nowMs: () => nowMs } as Ledger,
    records,
    record: write,
  });
  async function write(event: RunEvent): Promise<void> {
    const record = recordOf(event, nowMs);
    records.push(record);
    await tracker.see(record);
  }
  return {
    tracker,
    records,
    at: async (atMs: number, event: object): Promise<void> => {
      nowMs = atMs;
      await write(event as RunEvent);
    },
    setNow: (atMs: number): void => void (nowMs = atMs),
    reached: (id: string): [DrillMilestone, number][] => [...tracker.state.milestones(id)],
  };
}

const begin = (step: string): object => ({ type: 'step.started', step });
const verdict = (kind: string): object => ({
  type: 'gate.verdict',
  gate: 'g-1',
  step: 'x',
  nodes: ['a'],
  verdict: { kind },
});

describe('the milestones of a drill', () => {
  test('are what its records stand for, each the first time only', async () => {
    const { at, reached } = tracked();
    await at(1, begin('begin-first'));
    await at(2, begin('backup'));
    await at(3, verdict('FAIL'));
    await at(4, { type: 'effect.intent', step: 'lose', effect: 'kill', node: 'a', detail: {} });
    await at(5, { type: 'effect.intent', step: 'lose', effect: 'kill', node: 'b', detail: {} });
    await at(6, begin('recover'));
    await at(7, { type: 'fault.verified', step: 'cut', fault: 'cut' });
    await at(8, verdict('HOLD'));
    await at(9, { type: 'approval.decided', step: 'x', decision: 'approved', by: 'somebody' });
    await at(10, begin('recover'));
    await at(11, { type: 'step.done', step: 'recover' });
    // A gate that fails before anything is broken notices nothing, and a recovery without a disaster decides nothing.
    expect(reached('first')).toEqual([
      ['begun', 1],
      ['backup', 2],
      ['injected', 4],
      ['verified', 7],
      ['detected', 8],
      ['decided', 9],
      ['restored', 11],
    ]);
  });

  test('belong to the exercise that was begun last', async () => {
    const { at, reached } = tracked();
    await at(1, begin('begin-first'));
    await at(2, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    await at(3, begin('begin-second'));
    await at(4, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    expect(reached('first')).toEqual([
      ['begun', 1],
      ['injected', 2],
    ]);
    expect(reached('second')).toEqual([
      ['begun', 3],
      ['injected', 4],
    ]);
  });

  test('before any exercise are nobody’s', async () => {
    const { at, records } = tracked();
    await at(1, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    expect(records.map(({ type }) => type)).toEqual(['fault.injected']);
  });

  test('are known to the process that goes on, and are not reached twice', async () => {
    const before = tracked();
    await before.at(1, begin('begin-first'));
    await before.at(2, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    const after = tracked([...before.records]);
    expect(after.reached('first')).toEqual(before.reached('first'));
    await after.at(9, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    await after.at(10, { type: 'fault.verified', step: 'cut', fault: 'cut' });
    expect(after.reached('first')).toEqual([
      ['begun', 1],
      ['injected', 2],
      ['verified', 10],
    ]);
  });
});

describe('what notices a disaster', () => {
  const reading = (isAlive: boolean): SlotReading =>
    ({ nodes: { a: { liveness: { ok: isAlive }, status: { ok: true, value: {} } } } }) as unknown as SlotReading;

  test('is a probe that shows what it did not before, once something is broken', async () => {
    const { tracker, at, setNow, reached } = tracked();
    await at(1, begin('begin-first'));
    await tracker.look(reading(true));
    await at(2, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    setNow(3);
    await tracker.look(reading(true));
    expect(reached('first').map(([milestone]) => milestone)).not.toContain('detected');
    setNow(4);
    await tracker.look(reading(false));
    await tracker.look(reading(false));
    expect(reached('first').at(-1)).toEqual(['detected', 4]);
  });

  test('is no probe of a node that was away before', async () => {
    const { tracker, at, reached } = tracked();
    await at(1, begin('begin-first'));
    await tracker.look(reading(false));
    await at(2, { type: 'fault.injected', step: 'cut', fault: 'cut' });
    await tracker.look(reading(false));
    expect(reached('first').map(([milestone]) => milestone)).not.toContain('detected');
  });
});

describe('a write that the smaller side of a partition answered', () => {
  const write = (node: string, sentAtMs: number, answeredAtMs = sentAtMs + 1): LedgerEntry => ({
    ...{ sequence: 0, node, sentAtMs, answeredAtMs },
  });

  test('was sent there after the proof of the cut, and answered before its heal began', () => {
    const state = new DrillState({ steps }, drill);
    state.add(recordOf({ type: 'fault.verified', step: 'cut', fault: 'f' }, 0), 10);
    expect(state.isMinority(write('a', 50))).toBe(true);
    state.add(recordOf({ type: 'fault.healing', step: 'cut', fault: 'f', because: 'plan' }, 0), 20);
    expect([5, 10, 15, 20, 25].map((atMs) => state.isMinority(write('a', atMs)))).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(state.isMinority(write('b', 15))).toBe(false);
    // Both sides may have agreed on it by then.
    expect(state.isMinority(write('a', 15, 21))).toBe(false);
    expect(state.isMinority({ sequence: 0, node: 'a', sentAtMs: 15 })).toBe(false);
  });
});
