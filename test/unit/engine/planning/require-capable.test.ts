import { expect, test } from 'vitest';
import versionCanary from '../../../../runbooks/version-canary.ts';
import { completeParameters } from '../../../../src/engine/planning/complete-parameters.ts';
import { requireCapable } from '../../../../src/engine/planning/require-capable.ts';
import type { RunbookContext, RunbookStage } from '../../../../src/engine/runbook.ts';
import type { Topology } from '../../../../src/topology/topology.ts';

const attached = { lab: 'attached', testnet: 'theirs' } as Topology;
const node = 'node-0';

test.each<[RunbookStage, string]>([
  [{ kind: 'change', id: 'up', changes: [{ node, version: '2.0.0' }] }, 'the step up has to replace nodes'],
  [{ kind: 'stop', id: 's', node }, 'stop nodes'],
  [{ kind: 'lose', id: 's', nodes: [node], data: 'wipe' }, 'stop and wipe nodes'],
  [{ kind: 'take-backup', id: 's' }, 'stop and copy nodes'],
  [{ kind: 'switch', id: 's', toggle: 'tss', node, ttlMs: 1 }, 'run a command beside nodes'],
  [
    { kind: 'fault', id: 's', fault: { kind: 'pause', targets: [node], parameters: {}, durationMs: 1 } },
    'break nodes or links',
  ],
])('an attached network refuses %j; another one does not', (stage, deed) => {
  expect(() => requireCapable(attached, [{ kind: 'soak', id: 'first', nodes: [node] }, stage])).toThrow(deed);
  expect(() => requireCapable({ ...attached, lab: 'process' }, [stage])).not.toThrow();
});

const context = (versions: Record<string, string>, set: Record<string, string>): RunbookContext => ({
  testnet: 'theirs',
  nodes: Object.entries(versions).map(([name, version], index) => ({
    ...{ name, version, role: 'node', startOrder: index, votingPower: 1, flags: {}, state: 'running' },
  })),
  releases: Object.values(versions),
  toggles: {},
  gate: 'smoke',
  parameters: completeParameters(versionCanary, set),
  history: [],
  traffic: true,
});

test('version-canary with change=no compares who has the release with who has not, and an attached network takes it', () => {
  const versions = { 'node-0': '1.0.0', 'node-1': '2.0.0', 'node-2': '1.0.0' };
  const plan = versionCanary.plan(context(versions, { version: '2.0.0', change: 'no' }));
  if (!('stages' in plan)) throw new Error('it has stages');
  expect(plan.stages.map(({ kind }) => kind)).toEqual(['calibrate', 'compare', 'soak']);
  expect(plan.stages[1]).toMatchObject({ nodes: ['node-1'], control: ['node-0', 'node-2'] });
  expect(plan.onFailure).toBe('hold');
  expect(() => requireCapable(attached, plan.stages)).not.toThrow();

  const changing = versionCanary.plan(context(versions, { version: '2.0.0' }));
  if (!('stages' in changing)) throw new Error('it has stages');
  expect(() => requireCapable(attached, changing.stages)).toThrow('the step canary has to replace nodes');
});

test('with change=no somebody must have the release, and somebody must not', () => {
  const plan = (versions: Record<string, string>) => () =>
    versionCanary.plan(context(versions, { version: '2.0.0', change: 'no' }));
  expect(plan({ 'node-0': '2.0.0' })).toThrow('there is none to compare it with');
  expect(plan({ 'node-0': '1.0.0' })).toThrow('unknown release 2.0.0');
});
