import { describe, expect, test } from 'vitest';
import { planHash } from '../../../../src/engine/planning/plan.ts';
import { resolveTargets, type TargetNames } from '../../../../src/engine/faults/resolve-targets.ts';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import type { FaultSpec } from '../../../../src/faults/fault-spec.ts';
import { runWorld } from '../../../helpers/run-world.ts';

const pause = (...targets: string[]): FaultSpec => ({ kind: 'pause', targets, parameters: {}, durationMs: 10_000 });
const partition = (topology: string, targets: string[] = [], more: Record<string, string> = {}): FaultSpec => ({
  kind: 'partition',
  targets,
  parameters: { topology, ...more },
  durationMs: 30_000,
});
const stage = (id: string, fault: FaultSpec): RunbookStage => ({ kind: 'fault', id, fault });
const hold: RunbookStage = { kind: 'hold', id: 'hold', forMs: 10_000, expects: 'computed' };

describe('the plan of a fault', () => {
  test('carries what is armed where, who reaches whom, and what is left of the quorum', async () => {
    const world = await runWorld();
    const { plan } = await world.inputs({ stages: [stage('cut', partition('isolate', ['node-3'])), hold] });
    const [, cut, held] = plan.steps;
    expect(cut).toMatchObject({
      kind: 'fault',
      nodes: ['node-3'],
      ttlMs: 90_000,
      quorumMargin: 0,
      fault: {
        kind: 'partition',
        nodeCount: 4,
        totalPower: 4,
        neededPower: 3,
        outcome: 'goes-on',
        impaired: ['node-3'],
        leases: [{ id: 'cut-0', node: 'node-3', ttlMs: 90_000, action: { kind: 'cut' } }],
        reach: [
          { from: 'node-0', fresh: '-oox' },
          { from: 'node-1', fresh: 'o-ox' },
          { from: 'node-2', fresh: 'oo-x' },
          { from: 'node-3', fresh: 'xxx-' },
        ],
      },
    });
    expect(held?.expects).toEqual({ goOn: ['node-0', 'node-1', 'node-2'], standStill: ['node-3'], agree: true });
    expect(cut?.compensation).toContain('90 s after nobody extends it');
  });

  test('has another hash for another fault', async () => {
    const world = await runWorld();
    const hashes = await Promise.all(
      ['node-2', 'node-3'].map(async (node) =>
        planHash((await world.inputs({ stages: [stage('cut', partition('isolate', [node]))] })).plan),
      ),
    );
    expect(new Set(hashes).size).toBe(2);
  });

  test('demands nothing of nodes that are only slowed, or whose chain may halt', async () => {
    const world = await runWorld();
    const slow: FaultSpec = { kind: 'delay', targets: ['node-1'], parameters: { delay: '200ms' }, durationMs: 10_000 };
    const { plan } = await world.inputs({ stages: [stage('slow', slow), hold] });
    expect(plan.steps.at(-1)?.expects).toEqual({ agree: true });
  });

  test('demands nothing of a node that sees no quorum itself, but to which its blocks may come through others', async () => {
    const world = await runWorld();
    const bridge = stage('cut', partition('bridge', ['node-1']));
    const { plan } = await world.inputs({ stages: [bridge, hold] });
    const [, cut, held] = plan.steps;
    expect(cut?.fault).toMatchObject({ outcome: 'goes-on', impaired: ['node-3'] });
    expect(held?.expects).toEqual({ goOn: ['node-0', 'node-1', 'node-2'], agree: true });
  });

  test('counts faults that act at the same time together', async () => {
    const world = await runWorld();
    const stages = [stage('first', pause('node-0')), stage('second', pause('node-1'))];
    await expect(world.inputs({ stages })).rejects.toThrow(/pause is refused: .*2 of 4 voting power/);
    const healed = [stages[0], { kind: 'heal', id: 'heal', fault: 'first' }, stages[1]] as RunbookStage[];
    const { plan } = await world.inputs({ stages: healed });
    expect(plan.steps.find(({ id }) => id === 'heal')).toMatchObject({
      nodes: ['node-0'],
      heals: 'first',
      gate: 'smoke',
    });
  });

  test('counts those that still act by themselves, once another is healed or a node is started', async () => {
    const world = await runWorld();
    const halting: FaultSpec = { ...pause('node-1'), parameters: { halt: 'allowed' } };
    const expectations = async (stages: RunbookStage[]): Promise<unknown[]> => {
      const { plan } = await world.inputs({ stages });
      return plan.steps.flatMap(({ expects }) => expects ?? []);
    };
    const alone = { goOn: ['node-0', 'node-2', 'node-3'], agree: true };
    const healed = await expectations([
      stage('cut', partition('isolate', ['node-3'])),
      stage('stop', halting),
      hold,
      { kind: 'heal', id: 'join', fault: 'cut' },
      { ...hold, id: 'alone' },
    ]);
    expect(healed).toEqual([{ standStill: ['node-0', 'node-2', 'node-3'], agree: true }, alone]);
    const started = await expectations([
      { kind: 'stop', id: 'down', node: 'node-3' },
      stage('stop', halting),
      hold,
      { kind: 'start', id: 'up', node: 'node-3' },
      { ...hold, id: 'alone' },
    ]);
    expect(started).toEqual([{ standStill: ['node-0', 'node-2'], agree: true }, alone]);
  });

  test.each<[string, RunbookStage[], string]>([
    [
      'takes the quorum away without consent',
      [stage('cut', partition('halves'))],
      'so that the system would halt; halt=allowed lets it',
    ],
    [
      'does the same as another to the same node',
      [stage('a', partition('isolate', ['node-3'])), stage('b', partition('isolate', ['node-3']))],
      'b: the fault a acts on links of node-3 already (cut); heal it first',
    ],
    [
      'leaves a node that is to be changed without its work',
      [
        stage('cut', partition('isolate', ['node-3'])),
        { kind: 'change', id: 'upgrade', changes: [{ node: 'node-3', version: '2.0.0' }] },
      ],
      'upgrade: the fault cut keeps node-3 from its work then, and no gate could judge its change',
    ],
    ['aims at nobody', [stage('stop', pause('node-9'))], 'world has no node node-9'],
    [
      'would heal what nobody broke',
      [{ kind: 'heal', id: 'heal', fault: 'cut' }],
      'heal: there is no fault cut to heal by then',
    ],
  ])('that %s is refused', async (_title, stages, reason) => {
    const world = await runWorld();
    await expect(world.inputs({ stages })).rejects.toThrow(reason);
  });

  test('that the lab cannot do is refused with what it lacks', async () => {
    const world = await runWorld();
    world.lab.world.faults.missing.set('pause', 'there is no cgroup freezer');
    await expect(world.inputs({ stages: [stage('stop', pause('node-0'))] })).rejects.toMatchObject({
      code: 'unsupported',
      message: 'stop: pause is beyond the fake lab here: there is no cgroup freezer',
    });
  });

  test('at a node that is down is refused', async () => {
    const world = await runWorld();
    world.lab.world.crash('node-2');
    const stages = [stage('stop', pause('node-2'))];
    await expect(world.inputs({ stages })).rejects.toThrow('stop: node-2 is stopped: nothing can be broken there');
  });
});

describe('targets of a fault', () => {
  const names = (leaders: (string | undefined)[] = []): TargetNames => ({
    topology: {
      testnet: 'net',
      nodes: [
        { name: 'node-0', role: 'validator' },
        { name: 'node-1', role: 'validator' },
        { name: 'entry', role: 'gateway' },
      ] as TargetNames['topology']['nodes'],
    },
    leaders: async () => leaders,
    elsewhere: async () => new Map([['other', ['validator-9']]]),
  });
  const targetsOf = async (target: string, leaders?: (string | undefined)[]): Promise<readonly string[]> => {
    const [resolved] = await resolveTargets([stage('stop', pause(target))], names(leaders));
    return resolved?.kind === 'fault' ? resolved.fault.targets : [];
  };

  test('are nodes, all nodes of a role, or the node that most say leads', async () => {
    expect(await targetsOf('node-1')).toEqual(['node-1']);
    expect(await targetsOf('net/node-1')).toEqual(['node-1']);
    expect(await targetsOf('validator')).toEqual(['node-0', 'node-1']);
    expect(await targetsOf('leader', ['node-1', 'node-1', undefined])).toEqual(['node-1']);
  });

  test.each([
    ['nod-1', 'there is no node or role nod-1 on net; did you mean node-1?'],
    ['other/node-0', 'other/node-0 is on the testnet other, and this is net: a fault acts on one testnet'],
    ['validator-9', 'there is no node validator-9 on net; it is on other'],
    ['leader', 'the nodes of net do not tell who leads; name a node'],
  ])('that cannot be %s are named with what is near', async (target, reason) => {
    await expect(targetsOf(target)).rejects.toThrow(reason);
  });

  test('of a loss may be the leader where any node tells who that is, chosen when its turn comes', async () => {
    const lost: RunbookStage = { kind: 'lose', id: 'kill', nodes: ['leader'], data: 'keep' };
    expect(await resolveTargets([lost], names(['node-0', 'node-1']))).toEqual([lost]);
    await expect(resolveTargets([lost], names())).rejects.toThrow('the nodes of net do not tell who leads');
  });

  test('do not include a leader on which the nodes do not agree', async () => {
    await expect(targetsOf('leader', ['node-0', 'node-1'])).rejects.toThrow('1 say node-0, 1 say node-1; name a node');
  });
});
