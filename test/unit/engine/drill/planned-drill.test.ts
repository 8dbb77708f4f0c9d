import { describe, expect, test } from 'vitest';
import { actionItems } from '../../../../src/engine/drill/action-items.ts';
import { drillDefaults } from '../../../../src/engine/drill/drill-defaults.ts';
import { plannedDrill } from '../../../../src/engine/drill/drill-stages.ts';
import { symptomOf } from '../../../../src/engine/drill/symptom.ts';
import type { SlotReading } from '../../../../src/gates/readings.ts';

const exercises = { loss: { title: 'all is lost', objectives: { rpoMs: 900_000 } } };
const stages = [
  { kind: 'baseline', id: 'baseline', drill: 'loss' },
  { kind: 'service', id: 'service' },
];

describe('the plan of a drill', () => {
  test('says when backups are too rare for the RPO, and nothing when they are not', () => {
    const daily = plannedDrill({ exercises }, stages, { participants: ['on call'], backupEveryMs: 86_400_000 });
    expect(daily.warnings).toHaveLength(1);
    expect(daily.warnings[0]).toMatch(/backups every 1440 min cannot meet an RPO of 15 min/);
    expect(daily.participants).toEqual(['on call']);
    const often = plannedDrill({ exercises }, stages, { participants: [], backupEveryMs: 600_000 });
    expect(often.warnings).toEqual([]);
  });

  test('says that backups as far apart as the RPO are too rare: what is written while one is taken is not in it', () => {
    const planned = plannedDrill({ exercises }, stages, { participants: [], backupEveryMs: 900_000 });
    expect(planned.warnings).toEqual([
      'all is lost: backups every 15 min cannot meet an RPO of 15 min: on any other day up to 15 min of writes would be lost, and those made while a backup is taken',
    ]);
  });

  test('knows which exercise ends with good service, and that a short window is short', () => {
    const planned = plannedDrill({ exercises, windowMs: 5_000 }, stages, { participants: [] });
    expect(planned).toMatchObject({ isShort: true, exercises: [{ id: 'loss', hasService: true }] });
    const without = plannedDrill({ exercises, windowMs: 5_000 }, stages.slice(0, 1), { participants: [] });
    expect(without).toMatchObject({ isShort: false, exercises: [{ hasService: false }] });
  });

  test('has milestones of 5, 15, 45 and 60 minutes at full size, and none in a short one', () => {
    const full = drillDefaults({ gate: 'standard', parameters: {}, drills: { participants: [], rtoMs: 7 } });
    expect(full).toMatchObject({ windowMs: 60_000, rtoMs: 7 });
    expect(Object.values(full.targetsMs)).toEqual([300_000, 900_000, 2_700_000, 3_600_000]);
    expect(drillDefaults({ gate: 'smoke', parameters: {} })).toMatchObject({ windowMs: 5_000, targetsMs: {} });
    expect(() => drillDefaults({ gate: 'smoke', parameters: { window: 'soon' } })).toThrow(/window cannot be "soon"/);
  });
});

describe('the action items of a drill', () => {
  const targets = { participants: ['on call'], owner: 'operations', dueMs: 7 };

  test('have the owner and the time of the testnet file where the parameters say testnet', () => {
    const given = actionItems({ owner: 'testnet', due: 'testnet' });
    expect(plannedDrill({ exercises, ...given }, stages, targets)).toMatchObject({ owner: 'operations', dueMs: 7 });
    const blank = plannedDrill({ exercises, ...given }, stages, { participants: [] });
    expect(blank).not.toHaveProperty('owner');
    expect(blank).not.toHaveProperty('dueMs');
  });

  test('have those of the parameters otherwise, each by itself', () => {
    const of = (parameters: Record<string, string>): unknown =>
      plannedDrill({ exercises, ...actionItems(parameters) }, stages, targets);
    expect(of({ owner: 'storage', due: '3d' })).toMatchObject({ owner: 'storage', dueMs: 259_200_000 });
    expect(of({ owner: 'storage' })).toMatchObject({ owner: 'storage', dueMs: 7 });
    expect(of({ due: '3d' })).toMatchObject({ owner: 'operations', dueMs: 259_200_000 });
  });

  test('are refused without a name, or with a time that is none', () => {
    expect(() => actionItems({ owner: ' ' })).toThrow(/owner cannot be empty/);
    expect(() => actionItems({ due: 'soon' })).toThrow(/due cannot be "soon"/);
  });
});

describe('a symptom', () => {
  const reading = (liveness: boolean, peers?: number): Pick<SlotReading, 'nodes'> =>
    ({
      nodes: {
        a: { liveness: { ok: liveness }, status: { ok: true, value: { ...(peers !== undefined && { peers }) } } },
      },
    }) as unknown as Pick<SlotReading, 'nodes'>;

  test('is what the reading before the disaster did not show', () => {
    expect(symptomOf(reading(true, 3), reading(true, 3))).toBeUndefined();
    expect(symptomOf(reading(false), reading(true))).toBe('a does not answer');
    expect(symptomOf(reading(true, 2), reading(true, 3))).toBe('a has 2 peers, and had 3');
    expect(symptomOf(reading(false), reading(false))).toBeUndefined();
  });
});
