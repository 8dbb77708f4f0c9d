import { describe, expect, test } from 'vitest';
import { makePlan, planHash, stepId, type PlanInputs } from '../../../../src/engine/planning/plan.ts';
import type { NodeTarget } from '../../../../src/engine/runbook.ts';
import type { NodeObservation } from '../../../../src/lab/lab.ts';
import type { Topology } from '../../../../src/topology/topology.ts';
import { digestOf, worldNode } from '../../../helpers/gate-world.ts';

type State = NodeObservation['state'];

function inputs(
  given: Partial<PlanInputs> & {
    changes?: NodeTarget[];
    nodes?: number;
    states?: never;
    down?: readonly string[];
    absent?: readonly string[];
  } = {},
): PlanInputs {
  const { nodes = 4, down = [], absent = [], changes, ...rest } = given;
  const topology: Topology = {
    testnet: 'net',
    system: 'chain',
    lab: 'process',
    quorum: 'bft',
    availability: 'keep',
    gate: 'smoke',
    loadPerSecond: 10,
    nodes: Array.from({ length: nodes }, (_, index) => worldNode(index, '1.0.0')),
    stateDir: '/state/net',
  };
  const stateOf = (name: string): State =>
    absent.includes(name) ? 'absent' : down.includes(name) ? 'stopped' : 'running';
  return {
    topology,
    runbook: 'rolling-upgrade',
    parameters: { version: '2.0.0' },
    stages: [
      {
        kind: 'change',
        id: given.runbook ?? 'rolling-upgrade',
        changes: changes ?? topology.nodes.map(({ name }) => ({ node: name, version: '2.0.0' })),
      },
    ],
    versions: Object.fromEntries(topology.nodes.map(({ name }) => [name, '1.0.0'])),
    targets: new Map(),
    onFailure: 'rollback',
    hasLoad: true,
    states: new Map(topology.nodes.map(({ name }) => [name, stateOf(name)])),
    ...rest,
  };
}

const names = ['node-0', 'node-1', 'node-2', 'node-3'];

const ids = (given: PlanInputs): string[] => makePlan(given).steps.map(({ id }) => id);

describe('the plan of an upgrade', () => {
  test('names load, preflight, each node with its margin and compensation, and the ledger, in this order', () => {
    const plan = makePlan(inputs({ nodes: 2, changes: [{ node: 'node-1', version: '2.0.0' }] }));
    expect(plan).toEqual({
      testnet: 'net',
      runbook: 'rolling-upgrade',
      parameters: { version: '2.0.0' },
      lab: 'process',
      gate: 'smoke',
      onFailure: 'rollback',
      releases: { '1.0.0': digestOf('1.0.0') },
      steps: [
        { id: 'load', kind: 'load', nodes: ['node-0', 'node-1'] },
        { id: 'preflight', kind: 'preflight', nodes: ['node-0', 'node-1'], gate: 'smoke' },
        {
          id: 'rolling-upgrade/node-1',
          kind: 'replace',
          stage: 'rolling-upgrade',
          nodes: ['node-1'],
          from: '1.0.0',
          to: '2.0.0',
          gate: 'smoke',
          compensation: 'every node of this run back to its release, newest first; node-1 to 1.0.0',
          quorumMargin: -1,
        },
        { id: 'ledger', kind: 'verify', nodes: ['node-0', 'node-1'] },
      ],
      worstQuorumMargin: -1,
      halts: [],
    });
  });

  test('follows the order of the changes', () => {
    const changes = ['node-2', 'node-0'].map((node) => ({ node, version: '2.0.0' }));
    expect(ids(inputs({ changes }))).toEqual([
      'load',
      'preflight',
      'rolling-upgrade/node-2',
      'rolling-upgrade/node-0',
      'ledger',
    ]);
  });

  test('has the same hash for the same inputs and another for any other', () => {
    const hash = planHash(makePlan(inputs()));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(planHash(makePlan(inputs()))).toBe(hash);
    const others = [
      inputs({ onFailure: 'hold' }),
      inputs({ hasLoad: false }),
      inputs({ parameters: {} }),
      inputs({ changes: [...names].reverse().map((node) => ({ node, version: '2.0.0' })) }),
      inputs({ down: ['node-3'] }),
    ].map((given) => planHash(makePlan(given)));
    expect(new Set([hash, ...others]).size).toBe(6);
  });

  test.each([
    ['rollback', /every node of this run back to its release, newest first; node-0 to 1\.0\.0/],
    ['node', /^node-0 back to 1\.0\.0$/],
    ['hold', /^none: the run stops/],
  ] as const)('says what %s would do', (onFailure, text) => {
    const step = makePlan(inputs({ onFailure })).steps.find(({ kind }) => kind === 'replace');
    expect(step?.compensation).toMatch(text);
  });
});

describe('quorum margins', () => {
  test('of four are none to spare, of five one', () => {
    expect(makePlan(inputs()).worstQuorumMargin).toBe(0);
    expect(makePlan(inputs({ nodes: 5 })).worstQuorumMargin).toBe(0);
    expect(makePlan(inputs({ nodes: 7 })).worstQuorumMargin).toBe(1);
  });

  test('count a node that is down until its own step has mended it', () => {
    const changes = ['node-3', 'node-0'].map((node) => ({ node, version: '2.0.0' }));
    const mended = makePlan(inputs({ changes, down: ['node-3'] }));
    expect(mended.steps.flatMap(({ quorumMargin }) => quorumMargin ?? [])).toEqual([0, 0]);
    const last = makePlan(inputs({ changes: [...changes].reverse(), down: ['node-3'] }));
    expect(last.steps.flatMap(({ quorumMargin }) => quorumMargin ?? [])).toEqual([-1, 0]);
    expect(last.worstQuorumMargin).toBe(-1);
  });

  test('are left out where the system needs no quorum', () => {
    const { topology } = inputs();
    const plan = makePlan(inputs({ topology: { ...topology, quorum: 'none' } }));
    expect(plan.worstQuorumMargin).toBeUndefined();
    expect(plan.steps.some((step) => 'quorumMargin' in step)).toBe(false);
  });

  test('below zero are halts where the testnet allows them, each one named', () => {
    const { topology } = inputs({ nodes: 3 });
    const allowed = makePlan(inputs({ nodes: 3, topology: { ...topology, availability: 'halt-allowed' } }));
    expect(allowed.halts).toEqual(['node-0', 'node-1', 'node-2'].map((node) => stepId('rolling-upgrade', node)));
    expect(makePlan(inputs({ nodes: 3 })).halts).toEqual([]);
  });
});

describe('the plan of an up', () => {
  const up = { runbook: 'up', hasLoad: false, onFailure: 'hold' } as const;

  test('of nothing creates everything in one step, without a preflight', () => {
    const absent = inputs().topology.nodes.map(({ name }) => name);
    expect(makePlan(inputs({ ...up, absent })).steps).toMatchObject([{ id: 'create', kind: 'create', nodes: absent }]);
  });

  test('of a half-made network asks for the health of what is there', () => {
    expect(ids(inputs({ ...up, absent: ['node-2', 'node-3'] }))).toEqual([
      'preflight',
      'create',
      'up/node-0',
      'up/node-1',
    ]);
  });

  test('with nothing to change gates all', () => {
    expect(makePlan(inputs({ ...up, changes: [] })).steps).toMatchObject([{ kind: 'preflight' }, { kind: 'gate-all' }]);
  });
});

describe('the plan of a drill', () => {
  const margins = (stages: PlanInputs['stages']) => {
    const { steps, halts, worstQuorumMargin } = makePlan(inputs({ runbook: 'drill', stages, hasLoad: false }));
    const found = steps.flatMap(({ id, quorumMargin }) => (quorumMargin === undefined ? [] : [[id, quorumMargin]]));
    return { margins: Object.fromEntries(found) as Record<string, number>, halts, worstQuorumMargin };
  };

  test('tells what losing nodes costs the quorum, and who is still lost when the next ones go', () => {
    const plan = margins([
      { kind: 'lose', id: 'lose', nodes: ['node-3'], data: 'wipe' },
      { kind: 'take-backup', id: 'copy', nodes: ['node-0'] },
      { kind: 'recover', id: 'recover', nodes: ['node-3'] },
      { kind: 'lose', id: 'again', nodes: ['leader'], data: 'keep' },
    ]);
    expect(plan).toEqual({
      margins: { lose: 0, 'copy/node-0': -1, again: 0 },
      halts: [],
      worstQuorumMargin: -1,
    });
  });

  test('says that the system halts where a drill may lose all of it', () => {
    const plan = margins([
      { kind: 'lose', id: 'lose', nodes: names, data: 'wipe', mayHalt: true },
      { kind: 'restore-backup', id: 'back', backup: 'newest' },
      { kind: 'lose', id: 'one', nodes: ['node-0'], data: 'keep' },
    ]);
    expect(plan).toEqual({ margins: { lose: -3, one: 0 }, halts: ['lose'], worstQuorumMargin: -3 });
  });
});
