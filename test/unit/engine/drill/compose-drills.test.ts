import { describe, expect, test } from 'vitest';
import badRelease from '../../../../runbooks/bad-release.ts';
import corruptBackup from '../../../../runbooks/corrupt-backup.ts';
import failover from '../../../../runbooks/failover.ts';
import monitoringLoss from '../../../../runbooks/monitoring-loss.ts';
import nodeLoss from '../../../../runbooks/node-loss.ts';
import partition from '../../../../runbooks/partition.ts';
import quarterly from '../../../../runbooks/quarterly.ts';
import totalLoss from '../../../../runbooks/total-loss.ts';
import { completeParameters } from '../../../../src/engine/planning/complete-parameters.ts';
import { composeDrills } from '../../../../src/engine/drill/compose-drills.ts';
import type { Runbook, RunbookContext, RunbookPlan } from '../../../../src/engine/runbook.ts';

const context: RunbookContext = {
  testnet: 'local',
  nodes: [0, 1, 2, 3].map((index) => ({
    name: `validator-${index}`,
    role: 'validator',
    startOrder: 1,
    votingPower: 1,
    version: '1.0.0',
    flags: {},
    state: 'running',
  })),
  releases: ['1.0.0', '2.0.0'],
  toggles: {},
  gate: 'smoke',
  parameters: {},
  history: [],
  traffic: true,
  hasMonitoring: true,
};

function planned(runbook: Runbook, set: Record<string, string> = {}, more: Partial<RunbookContext> = {}): RunbookPlan {
  return runbook.plan({ ...context, ...more, parameters: completeParameters(runbook, set) });
}

function stagesOf(plan: RunbookPlan): Extract<RunbookPlan, { stages: unknown }>['stages'] {
  if (!('stages' in plan)) throw new Error('a plan without stages');
  return plan.stages;
}

describe('the quarterly drill', () => {
  test('is every drill in its order, monitoring-loss where there is monitoring', () => {
    const all = ['node-loss', 'partition', 'failover', 'total-loss', 'corrupt-backup', 'monitoring-loss'];
    expect(Object.keys(planned(quarterly).drill?.exercises ?? {})).toEqual(all);
    const without = planned(quarterly, {}, { hasMonitoring: false });
    expect(Object.keys(without.drill?.exercises ?? {})).toEqual(all.slice(0, -1));
  });

  test('keeps the stages of each apart, and what they say of each other together', () => {
    const plan = planned(quarterly, { drills: 'partition, node-loss', window: '7s', rto: '90s' });
    const stages = stagesOf(plan);
    const ids = stages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => id.startsWith('node-loss/') || id.startsWith('partition/'))).toBe(true);
    // In the order of the quarter, whatever order they were named in.
    expect(ids[0]).toBe('node-loss/baseline');
    expect(stages.find(({ kind }) => kind === 'heal')).toMatchObject({
      id: 'partition/heal',
      fault: 'partition/partition',
    });
    expect(plan.drill?.windowMs).toBe(7_000);
    for (const { objectives } of Object.values(plan.drill?.exercises ?? {})) expect(objectives.rtoMs).toBe(90_000);
  });

  test.each([
    ['a drill that there is none of', { drills: 'node-lost' }, 'there is no drill node-lost; did you mean node-loss?'],
    ['one twice', { drills: 'failover,failover' }, 'the drill failover is named twice'],
  ])('refuses %s', (_what, set, message) => {
    expect(() => planned(quarterly, set)).toThrow(message);
  });

  test('refuses the loss of a monitoring that is not there, with the capability that is missing', () => {
    const refusal = /monitoring-loss needs the capability monitoring-gone: local has no monitoring/;
    expect(() => planned(quarterly, { drills: 'monitoring-loss' }, { hasMonitoring: false })).toThrow(refusal);
    expect(() => planned(monitoringLoss, {}, { hasMonitoring: false })).toThrow(refusal);
  });
});

test.each([nodeLoss, totalLoss, failover, corruptBackup, partition, badRelease, monitoringLoss, quarterly])(
  '$name takes who sees to its action items, and until when',
  (runbook) => {
    const set = runbook === badRelease ? { version: '2.0.0' } : {};
    const given = planned(runbook, { ...set, owner: 'storage', due: '3d' }).drill;
    expect(given).toMatchObject({ owner: 'storage', dueMs: 259_200_000 });
    const fromFile = planned(runbook, set).drill;
    expect(fromFile).not.toHaveProperty('owner');
    expect(fromFile).not.toHaveProperty('dueMs');
  },
);

test('a drill whose run is to be rolled back cannot be one of several', () => {
  expect(() => composeDrills([badRelease], { ...context, parameters: { version: '2.0.0' } })).toThrow(
    'bad-release cannot be one drill of several',
  );
});
