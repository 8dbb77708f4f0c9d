import { describe, expect, test } from 'vitest';
import downgradeMatrix from '../../../runbooks/downgrade-matrix.ts';
import rollingUpgrade from '../../../runbooks/rolling-upgrade.ts';
import sloWatch from '../../../runbooks/slo-watch.ts';
import versionCanary from '../../../runbooks/version-canary.ts';
import { completeParameters } from '../../../src/engine/planning/complete-parameters.ts';
import type { Runbook, RunbookPlan, RunbookStage } from '../../../src/engine/runbook.ts';
import { UsageError } from '../../../src/core/errors.ts';

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

function planOf(runbook: Runbook, set: Record<string, string>): RunbookPlan {
  return runbook.plan({
    testnet: 'net',
    nodes: names.map((name) => ({
      name,
      role: 'role',
      startOrder: 1,
      votingPower: 1,
      version: '1.0.0',
      flags: {},
      state: 'running',
    })),
    releases: ['1.0.0', '1.1.0'],
    toggles: {},
    gate: 'smoke',
    parameters: completeParameters(runbook, set),
    history: [],
    traffic: true,
  });
}

function stagesOf(runbook: Runbook, set: Record<string, string>): RunbookStage[] {
  const plan = planOf(runbook, set);
  return 'stages' in plan ? plan.stages : [];
}

const idsOf = (stages: readonly RunbookStage[]): string[] => stages.map(({ kind, id }) => `${kind} ${id}`);

describe('the parameters of a rolling upgrade', () => {
  const stages = (set: Record<string, string> = {}): RunbookStage[] =>
    stagesOf(rollingUpgrade, { version: '1.1.0', ...set });

  test('together make stages in this order', () => {
    const set = { approve: 'before', 'at-height': '500', soak: '2h', finalise: 'yes', batch: '2' };
    expect(stages(set)).toMatchObject([
      { kind: 'await-height', height: 500 },
      { kind: 'approval', timeoutMs: 86_400_000, question: `upgrade ${names.join(', ')} to 1.1.0?` },
      { kind: 'change', atOnce: 2, changes: names.map((node) => ({ node, version: '1.1.0' })) },
      { kind: 'soak', nodes: names, forMs: 7_200_000 },
      { kind: 'finalise' },
    ]);
  });

  test('ask after the first batch, before the rest', () => {
    expect(stages({ approve: 'rest', batch: '3', 'approve-within': '30m' })).toMatchObject([
      { kind: 'change', changes: names.slice(0, 3).map((node) => ({ node })) },
      { kind: 'approval', timeoutMs: 1_800_000 },
      { kind: 'change', id: 'rolling-upgrade-rest', changes: [{ node: 'node-3' }] },
    ]);
    // Without a rest there is nothing to ask.
    expect(idsOf(stages({ approve: 'rest', batch: '4' }))).toEqual(['change rolling-upgrade']);
  });

  test('set a deadline of the whole run', () => {
    expect(planOf(rollingUpgrade, { version: '1.1.0', deadline: '2d' }).deadlineMs).toBe(172_800_000);
    expect(planOf(rollingUpgrade, { version: '1.1.0' }).deadlineMs).toBeUndefined();
  });

  test.each([
    [{ batch: '0' }, 'batch cannot be "0": it is a whole number from 1'],
    [{ batch: '1.5' }, 'batch cannot be "1.5"'],
    [{ batch: 'two' }, 'batch cannot be "two"'],
    [{ soak: '30' }, 'soak cannot be "30"'],
    [{ soak: '-5m' }, 'soak cannot be "-5m"'],
    [{ deadline: 'soon' }, 'deadline cannot be "soon"'],
    [{ 'at-height': 'tomorrow' }, 'at-height cannot be "tomorrow"'],
    [{ 'at-height': '0' }, 'at-height cannot be "0"'],
    [{ 'approve-within': '' }, 'approve-within cannot be ""'],
    [{ approve: 'perhaps' }, 'approve cannot be perhaps'],
    [{ finalise: 'true' }, 'finalise cannot be true'],
  ])('%j are refused by name', (set, message) => {
    expect(() => stages(set as Record<string, string>)).toThrow(UsageError);
    expect(() => stages(set as Record<string, string>)).toThrow(message);
  });
});

describe('a version canary', () => {
  const stages = (set: Record<string, string> = {}): RunbookStage[] =>
    stagesOf(versionCanary, { version: '1.1.0', ...set });

  test('calibrates, changes the canary, compares, watches, asks, and changes the rest', () => {
    expect(idsOf(stages({ confirm: 'yes' }))).toEqual([
      'calibrate calibrate',
      'change canary',
      'compare compare',
      'soak soak',
      'approval confirm',
      'change rest',
    ]);
  });

  test('of a share is rounded up, and never changes nodes that are only observed', () => {
    const [, canary, compare, , rest] = stages({ canary: '30%', observe: 'node-0' });
    expect(canary).toMatchObject({ changes: [{ node: 'node-1' }, { node: 'node-2' }] });
    expect(compare).toMatchObject({ nodes: ['node-1', 'node-2'], control: ['node-0', 'node-3'] });
    expect(rest).toMatchObject({ changes: [{ node: 'node-3' }] });
    expect(idsOf(stages({ rollout: 'no' }))).not.toContain('change rest');
  });

  test.each([
    [{ canary: '0' }, 'canary cannot be "0"'],
    [{ canary: '-1' }, 'canary cannot be "-1"'],
    [{ canary: '4' }, 'a canary of 4 of 4 nodes leaves none to compare it with'],
    [{ canary: '100%' }, 'leaves none to compare it with'],
    [{ observe: 'nod-1' }, 'there is no node nod-1; did you mean node-1?'],
    [{ observe: names.join(',') }, 'every node that may be changed runs 1.1.0 already'],
    [{ version: '1.1.1' }, 'unknown release 1.1.1; did you mean 1.1.0?'],
    [{ calibrate: 'long' }, 'calibrate cannot be "long"'],
  ])('with %j is refused', (set, message) => {
    expect(() => stages(set as Record<string, string>)).toThrow(message);
  });
});

describe('a downgrade matrix', () => {
  const stages = (set: Record<string, string> = {}): RunbookStage[] =>
    stagesOf(downgradeMatrix, { version: '1.1.0', nodes: 'node-0', ...set });

  test('takes each node forward, back and forward again, and ends on the old release', () => {
    expect(idsOf(stages())).toEqual([
      'change node-0/forward',
      'change node-0/back',
      'change node-0/forward-again',
      'change node-0/old-again',
    ]);
    expect(idsOf(stages({ end: 'new' })).at(-1)).toBe('change node-0/forward-again');
  });

  test('does it again while another node is stopped, which may halt the network', () => {
    const alone = stages({ 'with-one-down': 'yes' }).slice(3, 9);
    expect(idsOf(alone)).toEqual([
      'stop node-0/back-alone/without-node-1',
      'change node-0/back-alone',
      'start node-0/back-alone/with-node-1',
      'stop node-0/forward-alone/without-node-1',
      'change node-0/forward-alone',
      'start node-0/forward-alone/with-node-1',
    ]);
    expect(alone.filter((stage) => stage.kind !== 'start').every((stage) => 'mayHalt' in stage && stage.mayHalt)).toBe(
      true,
    );
  });

  test('is refused where there is nothing to come from, or no such node', () => {
    expect(() => stages({ version: '1.0.0' })).toThrow('every chosen node runs 1.0.0 already');
    expect(() => stages({ nodes: 'node-9' })).toThrow('there is no node node-9');
  });
});

describe('an SLO watch', () => {
  test('takes its objective in percent and its length', () => {
    expect(planOf(sloWatch, { objective: '99.9', for: '2d' })).toMatchObject({
      stages: [{ kind: 'slo', objective: expect.closeTo(0.999, 9) as number, forMs: 172_800_000 }],
      onFailure: 'hold',
    });
  });

  test.each([
    [{ objective: '100' }, 'objective cannot be "100"'],
    [{ objective: '0' }, 'objective cannot be "0"'],
    [{ objective: 'high' }, 'objective cannot be "high"'],
    [{ for: '7' }, 'for cannot be "7"'],
  ])('with %j is refused', (set, message) => {
    expect(() => planOf(sloWatch, set as Record<string, string>)).toThrow(message);
  });
});
