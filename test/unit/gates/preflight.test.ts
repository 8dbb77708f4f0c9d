import { describe, expect, test } from 'vitest';
import { gateWorld } from '../../helpers/gate-world.ts';

describe('preflight', () => {
  test('passes after one clean tail and records what was there', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const { verdict, baseline } = await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    expect(verdict).toMatchObject({ kind: 'PASS', slots: 4 });
    expect(baseline.highest).toBeGreaterThan(100);
    expect(Object.keys(baseline.nodes)).toEqual(['node-0', 'node-1', 'node-2', 'node-3']);
    expect(baseline.nodes['node-1']).toMatchObject({ version: '1.0.0', instance: '1001:1' });
    await keeper.close();
  });

  test('does not pass over a sick node, but leaves out one that is to be repaired', async () => {
    const world = await gateWorld({ profile: { progress: { maxStallMs: 2000, maxLag: 3, minPeers: (n) => n - 1 } } });
    const keeper = world.keeper();
    world.lab.world.crash('node-2');
    const { nodes } = world.topology;
    const sick = await world.until(keeper.preflight({ nodes }));
    expect(sick.verdict).toMatchObject({ kind: 'FAIL' });
    expect(sick.verdict.reason).toContain('node-2');
    const repairing = await world.until(keeper.preflight({ nodes, exclude: ['node-2'] }));
    expect(repairing.verdict.kind).toBe('PASS');
    await keeper.close();
  });

  test('never leaves out the quorum', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    world.lab.world.crash('node-2');
    world.lab.world.crash('node-3');
    const { verdict } = await world.until(
      keeper.preflight({ nodes: world.topology.nodes, exclude: ['node-2', 'node-3'] }),
    );
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'quorum' });
    await keeper.close();
  });

  test('is blocked by a check that never gave a known sample', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    world.show('node-1', { version: null });
    const { verdict } = await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    expect(verdict).toMatchObject({ kind: 'HOLD', cause: 'never-known' });
    expect(verdict.reason).toContain('version-claim of node-1 never gave a known sample');
    await keeper.close();
  });

  test('does not pass while the chain stands still', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    for (const { name } of world.topology.nodes) world.lab.world.change(name, { blocksPerSecond: 0 });
    const { verdict } = await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    expect(verdict.kind).toBe('FAIL');
    expect(verdict.reason).toMatch(/progress of node-\d/);
    await keeper.close();
  });
});
