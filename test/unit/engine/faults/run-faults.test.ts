import { describe, expect, test } from 'vitest';
import type { RunbookStage } from '../../../../src/engine/runbook.ts';
import { executeRun } from '../../../../src/engine/run.ts';
import type { FaultSpec } from '../../../../src/faults/fault-spec.ts';
import type { FakeFaultBehaviour } from '../../../../src/lab/fake/fake-faults.ts';
import { readJournal } from '../../../../src/journal/read-journal.ts';
import type { RunRecord } from '../../../../src/journal/records.ts';
import { verifyRun } from '../../../../src/verify/verify-run.ts';
import { runWorld, type RunWorld, type UpgradeOptions } from '../../../helpers/run-world.ts';

const isolate: FaultSpec = {
  kind: 'partition',
  targets: ['node-3'],
  parameters: { topology: 'isolate' },
  durationMs: 20_000,
};
const halves: FaultSpec = { ...isolate, targets: [], parameters: { topology: 'halves', halt: 'allowed' } };

function broken(fault: FaultSpec, between: RunbookStage[] = []): RunbookStage[] {
  return [
    { kind: 'fault', id: 'cut', fault },
    { kind: 'hold', id: 'hold', forMs: 12_000, expects: 'computed' },
    ...between,
    { kind: 'heal', id: 'heal', fault: 'cut' },
  ];
}

async function ran(world: RunWorld, options: UpgradeOptions) {
  const inputs = await world.inputs(options);
  const result = await world.untilSettled(executeRun(inputs));
  const { records } = await readJournal(result.runDir);
  const { findings } = await verifyRun({ runDir: result.runDir, loadProfile: async () => world.profile });
  return { result, records, doubts: findings.filter(({ kind }) => kind !== 'note'), plan: inputs.plan };
}

const types = (records: readonly RunRecord[]): string[] =>
  records.map(({ type }) => type).filter((type) => type.startsWith('fault.'));

describe('a fault in a run', () => {
  test('is written down before it is armed, shown, held, healed, and shown to be over; the nodes that it stopped are gated', async () => {
    const world = await runWorld();
    const { result, records, doubts } = await ran(world, { stages: broken(isolate) });
    expect(result, result.reason).toMatchObject({ outcome: 'passed', exitCode: 0 });
    expect(types(records)).toEqual([
      'fault.intent',
      'fault.armed',
      'fault.injected',
      'fault.verified',
      'fault.healing',
      'fault.healed',
      'fault.heal-verified',
    ]);
    const finding = records.find((record) => record.type === 'finding');
    expect(finding).toMatchObject({
      finding: 'hold',
      verdict: 'pass',
      nodes: ['node-0', 'node-1', 'node-2', 'node-3'],
    });
    expect(finding?.reason).toContain('node-3 stood still');
    const gates = records.filter((record) => record.type === 'gate.verdict');
    expect(gates.at(-1)).toMatchObject({ step: 'heal', nodes: ['node-3'], verdict: { kind: 'PASS' } });
    expect(world.lab.world.faults.all()).toEqual([]);
    expect(doubts).toEqual([]);
  });

  test('that halts the system by design leaves everybody standing still, and everybody is gated after it', async () => {
    const world = await runWorld();
    const { result, records, plan, doubts } = await ran(world, { stages: broken(halves) });
    expect(result, result.reason).toMatchObject({ outcome: 'passed' });
    expect(plan.halts).toEqual(['cut']);
    expect(plan.steps.find(({ id }) => id === 'cut')).toMatchObject({
      quorumMargin: -3,
      fault: { outcome: 'halts', neededPower: 3, nodeCount: 4, impaired: ['node-0', 'node-1', 'node-2', 'node-3'] },
    });
    expect(records.find((record) => record.type === 'finding')?.reason).toContain('node-0 stood still');
    expect(doubts).toEqual([]);
  });

  test('whose effect cannot be shown makes the run void, with nothing left behind', async () => {
    const world = await runWorld();
    world.lab.world.faults.script = () => ({ ignoresInjection: true });
    const { result, records, doubts } = await ran(world, { stages: broken(isolate) });
    expect(result).toMatchObject({ outcome: 'void', exitCode: 3 });
    expect(types(records)).toContain('fault.void');
    expect(types(records)).not.toContain('fault.verified');
    expect(records.some((record) => record.type === 'step.started' && record.step === 'hold')).toBe(false);
    expect(world.lab.world.faults.all()).toEqual([]);
    expect(doubts).toEqual([]);
  });

  const longHold = broken(isolate).map((stage) => (stage.kind === 'hold' ? { ...stage, forMs: 600_000 } : stage));
  const changes = ['node-0', 'node-1', 'node-2'].map((node) => ({ node, version: '2.0.0' }));
  const upgrade: RunbookStage[] = [...broken(isolate).slice(0, 1), { kind: 'change', id: 'upgrade', changes }];

  test.each<[string, RunbookStage[], FakeFaultBehaviour]>([
    ['is never shown', longHold, { ignoresInjection: true }],
    ['is lost while it is held', longHold, { isLostAfterMs: 15_000 }],
    // What changes nodes is not cut short: it ends after the heal, and before that is shown.
    ['is lost during a change', upgrade, { isLostAfterMs: 5_000 }],
  ])('that %s, and whose end cannot be shown, tells both', async (_title, stages, behaviour) => {
    const world = await runWorld({ nodeCount: 7 });
    world.lab.world.faults.script = () => ({ ...behaviour, leavesResidue: true });
    const { result, records, doubts } = await ran(world, { stages });
    expect(result).toMatchObject({ outcome: 'void', exitCode: 5 });
    const notGone =
      'partition was healed, and after 120 s \\(\\d+ looks\\) it is not gone: cut-0 is still lost on node-3';
    expect(result.reason).toMatch(new RegExp(`^the fault cut is void: .*; ${notGone}$`));
    expect(records.at(-1)).toMatchObject({
      type: 'run.finished',
      left: [expect.stringMatching(new RegExp(`^the fault cut: ${notGone}$`))],
    });
    expect(types(records)).not.toContain('fault.heal-verified');
    expect(world.clock.sleeping).toBe(0);
    expect(doubts).toEqual([]);
  });

  test('that cannot be shown to be over at its heal ends the run there, and is told once', async () => {
    const world = await runWorld();
    world.lab.world.faults.script = () => ({ leavesResidue: true });
    const { result, records } = await ran(world, { stages: broken(isolate) });
    expect(result).toMatchObject({ outcome: 'error', exitCode: 5 });
    expect(result.reason).toMatch(/^partition was healed, .* it is not gone: cut-0 is still lost on node-3$/);
    expect(records.at(-1)).toMatchObject({ type: 'run.finished', left: [expect.stringContaining('is not gone')] });
  });

  test('that is lost while it is held makes the run void, before the time is over', async () => {
    const world = await runWorld();
    world.lab.world.faults.script = () => ({ isLostAfterMs: 15_000 });
    const stages = broken(isolate).map((stage) => (stage.kind === 'hold' ? { ...stage, forMs: 600_000 } : stage));
    const { result, records } = await ran(world, { stages });
    expect(result.outcome).toBe('void');
    expect(types(records)).toContain('fault.lost');
    const finished = records.at(-1);
    expect(Date.parse(finished?.at ?? '') - Date.parse(records[0]?.at ?? '')).toBeLessThan(120_000);
    expect(world.lab.world.faults.all()).toEqual([]);
  });

  test('stays while nodes are upgraded; the node that it stopped counts for nothing and is left out of their gates', async () => {
    const world = await runWorld({ nodeCount: 7 });
    const nodes = ['node-0', 'node-1'];
    const change: RunbookStage = {
      kind: 'change',
      id: 'upgrade',
      changes: nodes.map((node) => ({ node, version: '2.0.0' })),
    };
    const { result, records, plan, doubts } = await ran(world, { stages: broken(isolate, [change]) });
    expect(result, result.reason).toMatchObject({
      outcome: 'passed',
      versions: { 'node-0': '2.0.0', 'node-3': '1.0.0' },
    });
    // Seven nodes, five needed: one is cut off, one is being replaced.
    expect(plan.steps.find(({ id }) => id === 'upgrade/node-0')?.quorumMargin).toBe(0);
    const healing = records.findIndex(({ type }) => type === 'fault.healing');
    const changed = records.findLastIndex(({ type }) => type === 'done');
    expect(changed).toBeLessThan(healing);
    expect(doubts).toEqual([]);
  });

  test('is why a plan is refused whose change would take the quorum away beside it', async () => {
    const world = await runWorld();
    const change: RunbookStage = { kind: 'change', id: 'upgrade', changes: [{ node: 'node-0', version: '2.0.0' }] };
    await expect(ran(world, { stages: broken(isolate, [change]) })).rejects.toMatchObject({
      code: 'unsafe',
      message: expect.stringContaining('node-3 is faulted') as string,
    });
    expect(world.lab.world.faults.all()).toEqual([]);
  });

  test('that nobody heals is healed when the run ends, with its proof', async () => {
    const world = await runWorld();
    const { result, records, doubts } = await ran(world, { stages: broken(isolate).slice(0, 2) });
    expect(result).toMatchObject({ outcome: 'passed' });
    expect(records.find((record) => record.type === 'fault.healing')).toMatchObject({ because: 'end' });
    expect(types(records).at(-1)).toBe('fault.heal-verified');
    expect(doubts).toEqual([]);
  });

  const link: FaultSpec = { ...isolate, targets: ['node-2', 'node-3'], parameters: { topology: 'link' } };

  test.each<[string, FaultSpec, FakeFaultBehaviour]>([
    ['a node is let in at once', isolate, {}],
    ['a node is let in half a minute later', isolate, { healsLateMs: 30_000 }],
    ['a link is whole half a minute later', link, { healsLateMs: 30_000 }],
  ])('that is healed before another which was begun after it leaves that one valid: %s', async (...given) => {
    const [, cut, behaviour] = given;
    const world = await runWorld({ nodeCount: 7 });
    world.lab.world.faults.script = ({ id }) => (id.startsWith('cut') ? behaviour : {});
    const long = { durationMs: 300_000 };
    const stop: FaultSpec = { kind: 'pause', targets: ['node-1'], parameters: {}, ...long };
    const hold: RunbookStage = { kind: 'hold', id: 'both', forMs: 15_000, expects: 'computed' };
    const { result, records, doubts } = await ran(world, {
      stages: [
        { kind: 'fault', id: 'cut', fault: { ...cut, ...long } },
        { kind: 'fault', id: 'stop', fault: stop },
        hold,
        { kind: 'heal', id: 'join', fault: 'cut' },
        { ...hold, id: 'one', forMs: 40_000 },
        { kind: 'heal', id: 'go', fault: 'stop' },
      ],
    });
    expect(result.outcome, result.reason).toBe('passed');
    const held = records.flatMap((record) => (record.type === 'finding' ? [record.nodes] : []));
    const allBut = (...away: string[]): string[] =>
      world.topology.nodes.map(({ name }) => name).filter((name) => !away.includes(name));
    expect(held.map((nodes) => nodes.toSorted())).toEqual([allBut('node-1'), allBut('node-1')]);
    expect(types(records).filter((type) => type === 'fault.heal-verified')).toHaveLength(2);
    expect(doubts).toEqual([]);
  });

  test('is healed before nodes are taken back', async () => {
    const world = await runWorld({
      nodeCount: 7,
      script: ({ release }) => (release.version === '2.0.0' ? { blocksPerSecond: 0 } : {}),
    });
    const change: RunbookStage = { kind: 'change', id: 'upgrade', changes: [{ node: 'node-0', version: '2.0.0' }] };
    const { result, records } = await ran(world, { stages: broken(isolate, [change]) });
    expect(result.outcome).toBe('rolled-back');
    const order = records
      .map(({ type }) => type)
      .filter((type) => type === 'fault.healed' || type === 'rollback.started');
    expect(order).toEqual(['fault.healed', 'rollback.started']);
  });

  test('keeps what it expects to the letter: a minority that goes on fails the run', async () => {
    const world = await runWorld();
    const expects = { standStill: ['node-0'] };
    const stages = broken(isolate).map((stage) => (stage.kind === 'hold' ? { ...stage, expects } : stage));
    const { result } = await ran(world, { stages });
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(result.reason).toContain('node-0 went on from height');
    expect(world.lab.world.faults.all()).toEqual([]);
  });

  test('finds two blocks at one height', async () => {
    const world = await runWorld();
    const inputs = await world.inputs({
      stages: broken(isolate),
      onRecord: (record) => {
        if (record.type === 'fault.verified') world.show('node-3', { hash: 'another' });
        if (record.type === 'fault.healed') world.show('node-3', { hash: 'block' });
      },
    });
    const result = await world.untilSettled(executeRun(inputs));
    expect(result.outcome).toBe('failed');
    expect(result.reason).toMatch(/height \d+ is not one block: node-0, node-1, node-2 against node-3/);
  });
});
