import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../src/core/seeded-random.ts';
import {
  judgeExercise,
  recoveryPoints,
  recoveryTime,
  takeoverTime,
  type Milestones,
} from '../../../../src/engine/drill/recovery.ts';
import {
  drillMilestones,
  type DrillMilestone,
  type DrillObjectives,
  type RecoveryPoint,
} from '../../../../src/journal/drill-records.ts';
import type { LedgerEntry } from '../../../../src/load/ledger.ts';

const reached = (times: Partial<Record<DrillMilestone, number>>): Milestones =>
  new Map(Object.entries(times) as [DrillMilestone, number][]);

describe('the recovery time', () => {
  test('runs from the verified disaster to good service, in parts that add up to it', () => {
    const milestones = reached({
      injected: 1,
      verified: 100,
      detected: 130,
      decided: 200,
      restored: 900,
      service: 1000,
    });
    expect(recoveryTime(milestones)).toEqual({
      rtoMs: 900,
      parts: { detectMs: 30, decideMs: 70, restoreMs: 700, serviceMs: 100 },
    });
  });

  test('is none without a verified disaster, and none without good service: never zero', () => {
    expect(recoveryTime(reached({ injected: 1, service: 50 }))).toBeUndefined();
    expect(recoveryTime(reached({ verified: 1, restored: 50 }))).toBeUndefined();
    expect(recoveryTime(new Map())).toBeUndefined();
  });

  test('leaves out the parts that nothing marked, and gives their time to the next one', () => {
    expect(recoveryTime(reached({ verified: 0, restored: 40, service: 50 }))).toEqual({
      rtoMs: 50,
      parts: { restoreMs: 40, serviceMs: 10 },
    });
    expect(recoveryTime(reached({ verified: 0, service: 50 }))).toEqual({ rtoMs: 50, parts: { serviceMs: 50 } });
  });

  test('waits for no milestone that came after the service was good, or before the disaster was verified', () => {
    expect(recoveryTime(reached({ verified: 10, detected: 5, decided: 80, restored: 90, service: 50 }))).toEqual({
      rtoMs: 40,
      parts: { detectMs: 0, serviceMs: 40 },
    });
  });

  test('has parts that add up to it, whatever was reached when', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 2_000; round++) {
      const times = drillMilestones.flatMap((name) =>
        random() < 0.7 ? [[name, Math.floor(random() * 100)] as const] : [],
      );
      const time = recoveryTime(new Map(times));
      if (!time) continue;
      const spent = Object.values(time.parts);
      expect(spent.every((ms) => ms >= 0)).toBe(true);
      expect(spent.reduce((a, b) => a + b, 0)).toBe(time.rtoMs);
    }
  });

  test('of a take-over is none when nobody was seen to take over', () => {
    expect(takeoverTime(reached({ verified: 10, 'taken-over': 60 }))).toBe(50);
    expect(takeoverTime(reached({ verified: 10 }))).toBeUndefined();
  });
});

describe('the recovery point', () => {
  const write = (id: string, answeredAtMs: number): LedgerEntry => ({
    sequence: answeredAtMs,
    node: 'a',
    sentAtMs: answeredAtMs - 10,
    answeredAtMs,
    outcome: 'acknowledged',
    id,
  });

  test('counts the lost writes and the age of the oldest when the disaster was verified', () => {
    const entries = [write('old', 100), write('newer', 800), write('kept', 50)];
    const exercises = [{ id: 'loss', milestones: reached({ verified: 1000 }) }];
    expect(recoveryPoints(entries, { lost: ['old', 'newer'], rolledBack: [] }, exercises).get('loss')).toEqual({
      lostWrites: 2,
      oldestLostMs: 900,
      rolledBackWrites: 0,
      lostFromBackup: 0,
    });
  });

  test('gives each lost write to the first disaster after it, and what came after the last one to that', () => {
    const entries = [write('a', 100), write('b', 1500), write('c', 5000)];
    const exercises = [
      { id: 'second', milestones: reached({ verified: 2000 }) },
      { id: 'first', milestones: reached({ verified: 1000 }) },
      { id: 'never', milestones: reached({ injected: 1 }) },
    ];
    const points = recoveryPoints(entries, { lost: ['a', 'b', 'c'], rolledBack: [] }, exercises);
    expect(points.get('first')).toMatchObject({ lostWrites: 1, oldestLostMs: 900 });
    expect(points.get('second')).toMatchObject({ lostWrites: 2, oldestLostMs: 500 });
    expect(points.get('never')).toMatchObject({ lostWrites: 0 });
  });

  test('blames what was broken last, though the run ended before that was shown, and not the disaster before it', () => {
    const exercises = [
      { id: 'first', milestones: reached({ verified: 1000 }) },
      { id: 'cut-short', milestones: reached({ injected: 2000 }) },
    ];
    const points = recoveryPoints([write('a', 1500)], { lost: ['a'], rolledBack: [] }, exercises);
    expect(points.get('first')).toMatchObject({ lostWrites: 0 });
    expect(points.get('cut-short')).toMatchObject({ lostWrites: 1, oldestLostMs: 500 });
  });

  test('tells apart what was undone by design, and what a backup should have held', () => {
    const entries = [write('before', 100), write('since', 600), write('minor', 700)];
    const exercises = [{ id: 'loss', milestones: reached({ backup: 500, verified: 1000 }) }];
    const point = recoveryPoints(entries, { lost: ['before', 'since'], rolledBack: ['minor'] }, exercises).get('loss');
    expect(point).toEqual({ lostWrites: 2, oldestLostMs: 900, rolledBackWrites: 1, lostFromBackup: 1 });
  });
});

describe('the verdict on an exercise', () => {
  const whole = reached({ verified: 0, service: 30_000 });
  const nothingLost: RecoveryPoint = { lostWrites: 0, oldestLostMs: 0, rolledBackWrites: 0, lostFromBackup: 0 };
  const judge = (
    objectives: DrillObjectives,
    given: Partial<Parameters<typeof judgeExercise>[0]> & { hasService?: boolean } = {},
  ) => {
    const { hasService = true, ...facts } = given;
    const exercise = { id: 'loss', title: 'all is lost', objectives, hasService };
    return judgeExercise({ exercise, milestones: whole, rpo: nothingLost, unchecked: 0, ...facts });
  };

  test('is a pass when everything was shown and every objective met', () => {
    const result = judge({ rtoMs: 30_000, rpoMs: 0 });
    expect(result).toEqual({
      drill: 'loss',
      verdict: 'pass',
      reasons: [],
      recovery: { rtoMs: 30_000, parts: { serviceMs: 30_000 } },
      rpo: nothingLost,
    });
  });

  test('is void when the disaster was never shown, whatever else was', () => {
    expect(judge({}, { milestones: reached({ injected: 0, service: 5 }) })).toMatchObject({ verdict: 'void' });
  });

  test('is inconclusive, and never a time of zero, when the service did not come back', () => {
    const result = judge({ rtoMs: 1 }, { milestones: reached({ verified: 0, restored: 5 }) });
    expect(result).toMatchObject({
      verdict: 'inconclusive',
      reasons: ['good service was not seen after the disaster'],
    });
    expect(result.recovery).toBeUndefined();
  });

  test.each([
    ['the RTO', { rtoMs: 29_999 }, {}, 'recovery took 30.0 s, the RTO is 30.0 s'],
    [
      'the RPO in time',
      { rpoMs: 5_000 },
      { rpo: { ...nothingLost, lostWrites: 1, oldestLostMs: 6_000 } },
      'a write was lost that was 6.0 s old, the RPO is 5.0 s',
    ],
    [
      'the RPO in writes',
      { rpoWrites: 2 },
      { rpo: { ...nothingLost, lostWrites: 3 } },
      '3 acknowledged writes were lost, 2 are allowed',
    ],
    [
      'no objective at all, where a write is lost',
      {},
      { rpo: { ...nothingLost, lostWrites: 1 } },
      '1 acknowledged writes were lost, 0 are allowed',
    ],
    [
      'no objective at all, and names a lost write',
      {},
      { rpo: { ...nothingLost, lostWrites: 1 }, lostExample: 'transaction x is missing on b' },
      '1 acknowledged writes were lost, 0 are allowed: transaction x is missing on b',
    ],
    [
      'what no objective excuses',
      { rpoMs: 60_000 },
      { violations: ['nodes disagree at 1 heights: height 7'] },
      'nodes disagree at 1 heights: height 7',
    ],
    [
      'what the backup must hold',
      { rpoMs: 60_000 },
      { rpo: { ...nothingLost, lostWrites: 1, oldestLostMs: 100, lostFromBackup: 1 } },
      '1 writes were lost that were acknowledged before the backup',
    ],
    [
      'the take-over',
      { takeoverMs: 70_000 },
      { milestones: reached({ verified: 0, 'taken-over': 71_000, service: 72_000 }) },
      'the take-over took 71.0 s, 70.0 s are allowed',
    ],
  ])('is a fail when it misses %s', (_what, objectives, given, reason) => {
    expect(judge(objectives, given)).toMatchObject({ verdict: 'fail', reasons: [reason] });
  });

  test('is inconclusive when acknowledged writes could not be looked for, or nobody was seen to take over', () => {
    expect(judge({}, { unchecked: 4 })).toMatchObject({ verdict: 'inconclusive' });
    expect(judge({}, { rpo: undefined })).toMatchObject({ verdict: 'inconclusive' });
    expect(judge({ takeoverMs: 5 })).toMatchObject({ verdict: 'inconclusive' });
  });

  test('asks for no service where the exercise has none to show', () => {
    const milestones = reached({ verified: 0 });
    expect(judge({}, { hasService: false, milestones, rpo: undefined })).toMatchObject({ verdict: 'pass' });
  });

  test('calls a missed objective a fail though something else is not known', () => {
    expect(judge({ rtoMs: 1 }, { unchecked: 4 })).toMatchObject({ verdict: 'fail' });
  });
});
