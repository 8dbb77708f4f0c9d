import { describe, expect, test } from 'vitest';
import { DrillState } from '../../../../src/engine/drill/drill-state.ts';
import { settleDrill } from '../../../../src/engine/drill/settle-drill.ts';
import type { RunSession } from '../../../../src/engine/session.ts';
import type { DrillMilestone, DrillRecord, PlannedDrill } from '../../../../src/journal/drill-records.ts';
import { loadEvidence } from '../../../../src/journal/evidence.ts';
import type { RunEvent, RunRecord } from '../../../../src/journal/records.ts';
import type { LedgerCheck } from '../../../../src/load/check-ledger.ts';
import type { LedgerEntry } from '../../../../src/load/ledger.ts';
import { temporaryFolder } from '../../../helpers/temporary-folder.ts';

const drill: PlannedDrill = {
  exercises: [
    { id: 'first', title: 'first', objectives: {}, hasService: true },
    { id: 'second', title: 'second', objectives: { rpoWrites: 1, rtoMs: 5_000 }, hasService: true },
  ],
  windowMs: 5_000,
  successShare: 0.99,
  rateShare: 0.8,
  isShort: true,
  participants: [],
  warnings: [],
};
/** Of both exercises, in seconds: the disaster is shown after five, the service good again two later. */
const whole: [string, DrillMilestone, number][] = [
  ['first', 'begun', 0],
  ['first', 'injected', 4],
  ['first', 'verified', 5],
  ['first', 'service', 7],
  ['second', 'begun', 20],
  ['second', 'injected', 24],
  ['second', 'verified', 25],
  ['second', 'service', 27],
];
const clean: LedgerCheck = {
  lost: [],
  rolledBack: [],
  misplaced: [],
  duplicated: [],
  resurrected: [],
  reordered: [],
  acceptedByMinority: [],
  disagreements: 0,
  unchecked: 0,
};
/** A write a second, each acknowledged at once; `w3` was sent at the third. */
const entries: LedgerEntry[] = Array.from({ length: 30 }, (_unused, second) => ({
  sequence: second,
  node: 'a',
  sentAtMs: second * 1000,
  answeredAtMs: second * 1000 + 10,
  outcome: 'acknowledged',
  id: `w${second}`,
}));

/** `failure`: the run has failed by it, in the second exercise. */
async function settled(check: Partial<LedgerCheck> = {}, milestones = whole, failure?: string, written = entries) {
  const state = new DrillState({ steps: [] }, drill);
  for (const [id, milestone, second] of milestones) {
    state.add({ type: 'drill.milestone', drill: id, milestone, atMs: second * 1000 } as RunRecord, second * 1000);
  }
  state.current = 'second';
  const events: RunEvent[] = [];
  const runDir = await temporaryFolder();
  const session = {
    drill: { drill, state },
    ledger: {
      entries: written,
      counts: { sent: written.length, acknowledged: written.length, rejected: 0, unknown: 0 },
      nowMs: () => 30_000,
    },
    runDir,
    record: async (event: RunEvent) => void events.push(event),
  } as unknown as RunSession;
  const result = await settleDrill(session, { ...clean, ...check }, failure);
  const [record] = events as (DrillRecord & { type: 'drill.result' })[];
  if (!record) throw new Error('nothing was written down');
  return { result, record, runDir };
}

const verdicts = ({ exercises }: { exercises: { verdict: string }[] }): string[] =>
  exercises.map(({ verdict }) => verdict);

describe('the figures of a drill', () => {
  test('say nothing of lost writes where none was acknowledged', async () => {
    const { result, record } = await settled({}, whole, undefined, []);
    expect(result?.problem).toMatchObject({ outcome: 'inconclusive' });
    expect(record.exercises.map(({ rpo }) => rpo)).toEqual([undefined, undefined]);
    expect(record.exercises[0]?.reasons).toEqual(['no acknowledged write was looked for']);
  });

  test('pass where every disaster was shown, the service came back and nothing is missing', async () => {
    const { result, record, runDir } = await settled();
    expect(result).toEqual({ lostWrites: 0 });
    expect(verdicts(record)).toEqual(['pass', 'pass']);
    expect(record.exercises.map(({ recovery }) => recovery?.rtoMs)).toEqual([2_000, 2_000]);
    const evidence = (await loadEvidence(runDir, record.evidence)) as { seconds: unknown[]; milestones: object };
    expect(evidence.seconds).toHaveLength(30);
    expect(evidence.milestones).toMatchObject({ first: { verified: 5_000 }, second: { service: 27_000 } });
  });

  test('count a lost write to the disaster that came after it, by that exercise’s own objective', async () => {
    const { result, record } = await settled({ lost: ['w10'] });
    expect(record.exercises.map(({ rpo }) => rpo?.lostWrites)).toEqual([0, 1]);
    expect(verdicts(record)).toEqual(['pass', 'pass']);
    expect(result).toEqual({ lostWrites: 1 });
    const tooMany = await settled({ lost: ['w2', 'w10', 'w11'] });
    expect(tooMany.record.exercises.map(({ rpo }) => rpo?.lostWrites)).toEqual([1, 2]);
    expect(tooMany.result?.problem?.outcome).toBe('failed');
    expect(tooMany.result?.problem?.reason).toMatch(
      /^first: 1 acknowledged writes were lost, 0 .*; second: 2 acknowledged writes were/,
    );
  });

  test.each([
    ['nodes that disagree', { disagreements: 2 }, /^second: nodes disagree at 2 heights/],
    ['a write that is there twice', { duplicated: ['w3'] }, /^second: 1 transactions were committed twice/],
    ['a refused write that is there', { resurrected: ['w3'] }, /^second: 1 transactions are there that were refused/],
    ['writes out of order', { reordered: ['w3', 'w4'] }, /^second: 2 transactions are out of order/],
  ])('fail with %s, which no objective excuses', async (_what, check, reason) => {
    const { result, record } = await settled(check);
    expect(verdicts(record)).toEqual(['pass', 'fail']);
    expect(result?.problem?.outcome).toBe('failed');
    expect(result?.problem?.reason).toMatch(reason);
  });

  test('stand with the last disaster that was shown', async () => {
    const { record } = await settled({ disagreements: 1 }, whole.slice(0, 6));
    expect(verdicts(record)).toEqual(['fail', 'void']);
  });

  test('tell what the run failed by as the first reason of the exercise under way, and leave it to the run to say so', async () => {
    const { result, record } = await settled({ unchecked: 4 }, whole, 'the restore is not proven');
    expect(record.exercises.map(({ verdict, reasons }) => [verdict, reasons[0]])).toEqual([
      ['inconclusive', '4 acknowledged writes could not be looked for'],
      ['fail', 'the restore is not proven'],
    ]);
    expect(result?.problem?.outcome).toBe('inconclusive');
    expect(result?.problem?.reason).not.toContain('not proven');
    const early = await settled({}, whole.slice(0, 6), 'a gate failed');
    expect(verdicts(early.record)).toEqual(['pass', 'void']);
  });

  test('are inconclusive where writes could not be looked for', async () => {
    const { result, record } = await settled({ unchecked: 4 });
    expect(record.integrity?.unchecked).toBe(4);
    expect(result?.problem?.outcome).toBe('inconclusive');
  });

  test('the worst verdict is the drill’s: void before inconclusive, a failure before both', async () => {
    const unshown = await settled({}, [...whole.slice(0, 3), ...whole.slice(4, 6)]);
    expect(verdicts(unshown.record)).toEqual(['inconclusive', 'void']);
    expect(unshown.result?.problem).toEqual({ outcome: 'void', reason: 'second: the disaster was never shown' });
    const lost = await settled({ lost: ['w2'] }, whole.slice(0, 6));
    expect(lost.result?.problem?.outcome).toBe('failed');
  });
});
