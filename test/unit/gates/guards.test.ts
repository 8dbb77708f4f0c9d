import { describe, expect, test } from 'vitest';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld } from '../../helpers/gate-world.ts';

describe('guards', () => {
  test('end a later gate when an earlier node falls ill', async () => {
    const world = await gateWorld({ profile: { progress: { maxStallMs: 2000, maxLag: 3, minPeers: () => 2 } } });
    const failures: string[] = [];
    const keeper = world.keeper({ onGuardFailed: ({ node }) => failures.push(node) });
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    expect(keeper.guarded).toEqual(['node-0']);
    const second = await beginUpgrade(world, keeper, 'node-1', '1.1.0');
    await world.clock.advance(2000);
    world.show('node-0', { healthStatus: 500 });
    const { verdict, evidence } = await world.until(second.result);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'guard' });
    expect(verdict.reason).toContain('liveness of node-0');
    expect(failures).toEqual(['node-0']);
    expect(keeper.guardFailure).toMatchObject({ node: 'node-0', kind: 'FAIL' });
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    keeper.stopGuards();
    expect(keeper.guardFailure).toBeUndefined();
    await keeper.close();
  });

  test('end a gate even in the slot in which it would have passed', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    const { result } = await beginUpgrade(world, keeper, 'node-1', '1.1.0');
    // The gate's last two slots come 4 s and 4.5 s after its beginning.
    await world.clock.advance(3900);
    world.show('node-0', { healthStatus: 500 });
    const { verdict, evidence } = await world.until(result);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'guard', slots: 8 });
    expect(verdict.checks.map(({ slots }) => slots)).toEqual(Array.from({ length: 8 }, () => '++++++++'));
    expect(evidence.guardFailure?.node).toBe('node-0');
    await keeper.close();
  });

  test('leave a node in the middle of its change out of what they count', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    keeper.beginChange(['node-1']);
    await world.lab.stop(world.node('node-1'));
    await world.clock.advance(5000);
    expect(keeper.guardFailure).toBeUndefined();
    await keeper.close();
  });

  test('notice that a node is gone which nobody is changing', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    await world.lab.stop(world.node('node-1'));
    await world.clock.advance(5000);
    expect(keeper.guardFailure).toMatchObject({ node: 'node-0', check: 'peers', kind: 'FAIL' });
    await keeper.close();
  });

  test('do not judge a stall that the testnet allows while a node is changed', async () => {
    const world = await gateWorld({ topology: { availability: 'halt-allowed', quorum: 'all' } });
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    keeper.beginChange(['node-1']);
    await world.lab.stop(world.node('node-1'));
    for (const name of ['node-0', 'node-2', 'node-3']) world.lab.world.change(name, { blocksPerSecond: 0 });
    await world.clock.advance(10_000);
    expect(keeper.guardFailure).toBeUndefined();
    await keeper.close();
  });

  test('forgive nodes that are silent for a second, as on a busy machine; of a quorum that stays silent they tell soon', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    const hang = (hangs: boolean): void => {
      for (const name of ['node-1', 'node-2']) world.show(name, { hangs });
    };
    for (let times = 0; times < 3; times++) {
      hang(true);
      await world.clock.advance(1000);
      hang(false);
      await world.clock.advance(9000);
      expect(keeper.guardFailure).toBeUndefined();
    }
    hang(true);
    await world.clock.advance(2000);
    expect(keeper.guardFailure).toMatchObject({ check: 'quorum', kind: 'FAIL' });
    await keeper.close();
  });

  test('do not forgive a node that is silent in every second slot', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    for (let slot = 0; slot < 8 && keeper.guardFailure === undefined; slot++) {
      world.show('node-0', { hangs: slot % 2 === 0 });
      await world.clock.advance(500);
    }
    expect(keeper.guardFailure).toMatchObject({ node: 'node-0', check: 'liveness', kind: 'FAIL' });
    await keeper.close();
  });

  test('take a node that stays silent for dead, not for one of which too little is known', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    world.show('node-0', { hangs: true });
    await world.clock.advance(2500);
    expect(keeper.guardFailure).toMatchObject({ node: 'node-0', check: 'liveness', kind: 'FAIL' });
    await keeper.close();
  });

  test('of a node end when that node is changed again', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    await upgrade(world, keeper, 'node-0', '1.1.0');
    keeper.beginChange(['node-0']);
    expect(keeper.guarded).toEqual([]);
    await keeper.close();
  });
});
