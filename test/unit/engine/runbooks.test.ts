import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.ts';
import { completeParameters } from '../../../src/engine/planning/complete-parameters.ts';
import { loadRunbook } from '../../../src/engine/load-runbook.ts';
import type {
  NodeTarget,
  PastChange,
  RunbookContext,
  RunbookNode,
  RunbookPlan,
  RunbookStage,
} from '../../../src/engine/runbook.ts';
import { defineRunbook } from '../../../src/index.ts';
import rollback from '../../../runbooks/rollback.ts';
import rollingUpgrade from '../../../runbooks/rolling-upgrade.ts';

const root = join(import.meta.dirname, '../../..');

function nodes(...versions: string[]): RunbookNode[] {
  return versions.map((version, index) => ({
    name: `node-${index}`,
    role: 'role',
    startOrder: 1,
    votingPower: 1,
    version,
    flags: {},
    state: 'running',
  }));
}

function context(given: Partial<RunbookContext> = {}): RunbookContext {
  return {
    testnet: 'net',
    nodes: nodes('1.0.0', '1.0.0', '1.0.0'),
    releases: ['1.0.0', '1.1.0'],
    toggles: {},
    gate: 'smoke',
    parameters: {},
    history: [],
    traffic: true,
    ...given,
  };
}

/** All changes of a plan, stage after stage. */
function changesOf(plan: RunbookPlan): NodeTarget[] {
  const stages: RunbookStage[] =
    'stages' in plan ? plan.stages : [{ kind: 'change', id: 'only', changes: plan.changes }];
  return stages.flatMap((stage) => (stage.kind === 'change' ? stage.changes : []));
}

describe('rolling-upgrade', () => {
  const plan = (given: Partial<RunbookContext>, set: Record<string, string> = {}) =>
    rollingUpgrade.plan(
      context({ ...given, parameters: completeParameters(rollingUpgrade, { version: '1.1.0', ...set }) }),
    );

  test('changes every node that does not run the release, in the system’s start order', () => {
    const mixed = nodes('1.0.0', '1.1.0', '1.0.0').map((node, index) => ({ ...node, startOrder: index === 0 ? 2 : 1 }));
    expect(plan({ nodes: mixed })).toEqual({
      stages: [
        {
          kind: 'change',
          id: 'rolling-upgrade',
          atOnce: 1,
          changes: [
            { node: 'node-2', version: '1.1.0' },
            { node: 'node-0', version: '1.1.0' },
          ],
        },
      ],
      onFailure: 'rollback',
    });
  });

  test('begins with what is broken, be it on the release already', () => {
    const [first, second, third] = nodes('1.0.0', '1.0.0', '1.1.0') as [RunbookNode, RunbookNode, RunbookNode];
    const changes = changesOf(plan({ nodes: [first, second, { ...third, state: 'stopped' }] }));
    expect(changes.map(({ node }) => node)).toEqual(['node-2', 'node-0', 'node-1']);
  });

  test('changes only the chosen nodes', () => {
    expect(changesOf(plan({}, { nodes: 'node-2, node-0' })).map(({ node }) => node)).toEqual(['node-0', 'node-2']);
  });

  test('has nothing to do where all run the release', () => {
    expect(changesOf(plan({ nodes: nodes('1.1.0', '1.1.0') }))).toEqual([]);
  });

  test.each(['rollback', 'node', 'hold'])('takes on-failure=%s', (value) => {
    expect(plan({}, { 'on-failure': value }).onFailure).toBe(value);
  });

  test('names the nearest release and node', () => {
    expect(() => plan({}, { version: '1.1.9' })).toThrow('unknown release 1.1.9; did you mean 1.1.0?');
    expect(() => plan({}, { nodes: 'node-0,nod-1' })).toThrow('there is no node nod-1; did you mean node-1?');
    expect(() => plan({}, { version: '1.1.9' })).toThrow(UsageError);
  });
});

describe('rollback', () => {
  const past = (
    runId: string,
    before: Record<string, string>,
    version: string,
    given: Partial<PastChange> = {},
  ): PastChange => ({
    runId,
    runbook: 'rolling-upgrade',
    outcome: 'passed',
    before,
    after: Object.fromEntries(Object.keys(before).map((node) => [node, version])),
    flagsBefore: {},
    flagsSet: {},
    isFinal: false,
    ...given,
  });
  const plan = (given: Partial<RunbookContext>, set: Record<string, string> = {}) =>
    rollback.plan(context({ ...given, parameters: completeParameters(rollback, set) }));
  const all = (version: string) => ({ 'node-0': version, 'node-1': version, 'node-2': version });

  test('puts back what the newest run changed that left something changed, newest first, and is never rolled back', () => {
    const history = [
      past('c', all('1.1.0'), '1.1.0'),
      past('b', all('1.0.0'), '1.1.0'),
      past('a', all('0.9.0'), '1.0.0'),
    ];
    const changes = ['node-2', 'node-1', 'node-0'].map((node) => ({ node, version: '1.0.0' }));
    expect(plan({ nodes: nodes('1.1.0', '1.1.0', '1.1.0'), history })).toEqual({
      stages: [{ kind: 'change', id: 'rollback', changes }],
      onFailure: 'hold',
      isRepair: true,
      isForward: false,
    });
  });

  test('does not undo what was taken back already: a rollback, or a run that rolled itself back', () => {
    const history = [
      past('e', all('1.0.0'), '1.0.0', { outcome: 'rolled-back' }),
      past('d', all('1.1.0'), '1.0.0', { runbook: 'rollback' }),
      past('c', all('1.0.0'), '1.1.0'),
      past('b', all('0.9.0'), '1.0.0'),
    ];
    const changes = changesOf(plan({ nodes: nodes('1.0.0', '1.0.0', '1.0.0'), history }));
    expect(changes.map(({ version }) => version)).toEqual(['0.9.0', '0.9.0', '0.9.0']);
  });

  test('undoes only the failed upgrade that left one of its nodes changed, and nothing that it did not touch', () => {
    const history = [
      past('b', { 'node-0': '1.0.0' }, '1.1.0', { outcome: 'held' }),
      past('a', { 'node-1': '1.0.0' }, '1.1.0'),
    ];
    const changes = changesOf(plan({ nodes: nodes('1.1.0', '1.1.0', '1.0.0'), history }));
    expect(changes).toEqual([{ node: 'node-0', version: '1.0.0' }]);
  });

  test('stays with a run that was killed, even if it had changed nothing yet', () => {
    const history = [
      past('b', { 'node-0': '1.1.0' }, '1.2.0', { outcome: 'unfinished' }),
      past('a', all('1.0.0'), '1.1.0'),
    ];
    expect(changesOf(plan({ nodes: nodes('1.1.0', '1.1.0', '1.1.0'), history }))).toEqual([]);
  });

  test('puts back a run by its id', () => {
    const history = [past('b', all('1.0.0'), '1.1.0'), past('a', all('0.9.0'), '1.0.0')];
    const changes = changesOf(plan({ nodes: nodes('1.1.0', '1.0.0', '0.9.0'), history }, { run: 'a' }));
    expect(changes).toEqual([
      { node: 'node-1', version: '0.9.0' },
      { node: 'node-0', version: '0.9.0' },
    ]);
  });

  test('starts again a node that is down on its old release', () => {
    const [first, ...rest] = nodes('1.0.0', '1.0.0', '1.1.0') as [RunbookNode, ...RunbookNode[]];
    const changes = changesOf(
      plan({
        nodes: [{ ...first, state: 'stopped' }, ...rest],
        history: [past('a', all('1.0.0'), '1.1.0')],
      }),
    );
    expect(changes.map(({ node }) => node)).toEqual(['node-2', 'node-0']);
  });

  test('leaves alone nodes that were not there before', () => {
    const changes = changesOf(
      plan({ nodes: nodes('1.1.0', '1.1.0'), history: [past('a', { 'node-1': '1.0.0' }, '1.1.0')] }),
    );
    expect(changes).toEqual([{ node: 'node-1', version: '1.0.0' }]);
  });

  test('says so when there is nothing to roll back, or no such run', () => {
    expect(() => plan({})).toThrow('there is nothing to roll back');
    expect(() => plan({ history: [past('a', all('1.0.0'), '1.1.0')] }, { run: 'x' })).toThrow(
      'there is no run x of this testnet',
    );
  });
});

describe('parameters', () => {
  const runbook = defineRunbook({
    name: 'sample',
    description: 'A sample.',
    parameters: {
      needed: { description: 'must be given' },
      mode: { description: 'a choice', default: 'slow', values: ['slow', 'fast'] },
    },
    plan: () => ({ changes: [], onFailure: 'hold' }),
  });

  test('have their defaults', () => {
    expect(completeParameters(runbook, { needed: 'x' })).toEqual({ needed: 'x', mode: 'slow' });
  });

  test.each([
    ['missing', {}, 'sample needs --set needed=…: must be given'],
    ['unknown', { needed: 'x', mod: 'fast' }, 'sample has no parameter mod; did you mean mode?'],
    ['not among the values', { needed: 'x', mode: 'fats' }, 'mode cannot be fats; did you mean fast?'],
    [
      'named like what every object has',
      { needed: 'x', toString: 'y' },
      'sample has no parameter toString; valid are: needed, mode',
    ],
  ])('that are %s are refused', (_what, given, message) => {
    expect(() => completeParameters(runbook, given as Record<string, string>)).toThrow(message);
  });
});

describe('runbooks are found by their file’s name', () => {
  test.each(['rolling-upgrade', 'rollback'])('%s', async (name) => {
    expect((await loadRunbook(root, name)).name).toBe(name);
  });

  test('an unknown one is told with the nearest', async () => {
    await expect(loadRunbook(root, 'rolbak')).rejects.toThrow('there is no runbook rolbak; did you mean rollback?');
    await expect(loadRunbook('/nowhere', 'rollback')).rejects.toThrow('there is no runbook rollback');
  });
});
