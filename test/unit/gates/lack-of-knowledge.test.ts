import { describe, expect, test } from 'vitest';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld } from '../../helpers/gate-world.ts';

describe('lack of knowledge', () => {
  test('puts the gate on hold, it neither passes nor fails', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(2000);
    world.show('node-0', { statusFails: true });
    const { verdict } = await world.until(gate.result);
    expect(verdict).toMatchObject({ kind: 'HOLD', cause: 'unknown-run' });
    expect(verdict.reason).toMatch(/UNKNOWN 4 slots running \(2 s; query-error: .*500/);
    await keeper.close();
  });

  test('of what runs puts the identity phase on hold', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0', () => {
      world.observations.set('node-0', () => {
        throw new Error('the engine does not answer');
      });
    });
    expect(verdict).toMatchObject({ kind: 'HOLD', cause: 'unknown-run', reason: 'the engine does not answer' });
    await keeper.close();
  });

  test('at the deadline is INCONCLUSIVE, and nothing extends the deadline', async () => {
    const world = await gateWorld({ profile: { progress: { maxStallMs: 60_000, maxLag: 3, minPeers: () => 0 } } });
    const keeper = world.keeper();
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0', () => {
      for (const { name } of world.topology.nodes) world.lab.world.change(name, { blocksPerSecond: 0 });
    });
    expect(verdict).toMatchObject({ kind: 'INCONCLUSIVE', cause: 'deadline-insufficient', elapsedMs: 30_000 });
    expect(verdict.reason).toContain('no progress since the action on node-0');
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });

  test('of work beyond what there was before the action keeps a gate from passing', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const actionAtMs = world.clock.wallMs();
    const node = await world.replace('node-0', '1.1.0');
    const baseline = { atMs: actionAtMs, highest: 1000, nodes: {} };
    const { verdict } = await world.until(keeper.gate({ gateId: 'g', nodes: [node], actionAtMs, baseline }));
    expect(verdict).toMatchObject({ kind: 'INCONCLUSIVE', cause: 'deadline-insufficient' });
    expect(verdict.reason).toContain('no progress since the action on node-0');
    await keeper.close();
  });

  test('of one node that hangs neither delays the others nor keeps blocks from being compared', async () => {
    const world = await gateWorld();
    const answered: boolean[][] = [];
    const keeper = world.keeper({
      onSlot: ({ nodes }) => answered.push(Object.values(nodes).map(({ liveness }) => liveness.ok)),
    });
    world.show('node-3', { hangs: true });
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0');
    expect(verdict.kind).toBe('PASS');
    expect(verdict.checks.find(({ check }) => check === 'same-hash')?.slots).toBe('++++++++');
    expect(answered.length).toBeGreaterThanOrEqual(6);
    expect(new Set(answered.slice(-6).map((slot) => slot.join()))).toEqual(new Set(['true,true,true,false']));
    await keeper.close();
  });
});

describe('the quorum', () => {
  test('ends the gate when a second slot confirms that it is lost', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(2000);
    world.lab.world.crash('node-2');
    world.lab.world.crash('node-3');
    const { verdict } = await world.until(gate.result);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'quorum' });
    expect(verdict.reason).toContain('2 of 4 voting power is left and 3 is needed (bft)');
    expect(verdict.checks.find(({ check }) => check === 'quorum')?.slots).toMatch(/\+--$/);
    await keeper.close();
  });

  test('is kept while another node than the gated one is down', async () => {
    const world = await gateWorld({ profile: { progress: { maxStallMs: 2000, maxLag: 3, minPeers: () => 2 } } });
    const keeper = world.keeper();
    const gate = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(2000);
    world.lab.world.crash('node-3');
    expect((await world.until(gate.result)).verdict.kind).toBe('PASS');
    await keeper.close();
  });
});
