import { describe, expect, test } from 'vitest';
import { AbortedError, CleanupError } from '../../../src/core/errors.ts';
import { beginFault } from '../../../src/faults/begin-fault.ts';
import { healAll } from '../../../src/faults/heal-all.ts';
import { faultWorld, type FaultWorld } from '../../helpers/fault-world.ts';
import { holdFault } from '../../helpers/held-fault.ts';

function sweep({ lab, nodes, clock }: FaultWorld, signal?: AbortSignal): ReturnType<typeof healAll> {
  return healAll({ faults: lab.faults, nodes, clock, signal });
}

describe('the heal sweep', () => {
  test('finds nothing where nothing is', async () => {
    expect(await sweep(await faultWorld())).toEqual([]);
  });

  test('heals what others left, armed or acting, on nodes and on monitoring, and tells what it was', async () => {
    const one = await faultWorld();
    for (const lease of one.compile('prometheus-gone', '', [], 'f1').leases) await one.lab.faults.arm(lease);
    for (const lease of one.compile('kill', 'n0,n1', [], 'f2').leases) {
      await one.lab.faults.arm(lease);
      await one.lab.faults.inject(lease.node, lease.id);
    }
    const healed = await sweep(one);
    expect(healed.map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
      'f1-0 armed',
      'f2-0 injected',
      'f2-1 injected',
    ]);
    expect(await one.lab.faults.list()).toEqual([]);
    for (const node of one.nodes) expect((await one.lab.observe(node)).state).toBe('running');
  });

  test('tells after a minute what is left, and why', async () => {
    const one = await faultWorld();
    one.lab.world.faults.script = ({ node }) => (node.name === 'n1' ? { healError: 'no such socket' } : {});
    for (const lease of one.compile('pause', 'n0,n1').leases) await one.lab.faults.arm({ ...lease, ttlMs: 900_000 });
    const error = await sweep(one).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CleanupError);
    expect((error as Error).message).toBe(
      'after 60 s not all faults are healed: f1-1 is armed on n1; f1-1 (pause, armed) on n1: no such socket',
    );
    expect((await one.lab.faults.list()).map(({ id }) => id)).toEqual(['f1-1']);
  });

  test('ends at once when it is told to', async () => {
    const one = await faultWorld();
    await expect(sweep(one, AbortSignal.abort())).rejects.toThrow(AbortedError);
  });

  test('makes a fault that is held elsewhere void there', async () => {
    const one = await faultWorld();
    const live = await beginFault(one.setting(one.compile('partition', 'n0', ['topology=isolate'])));
    await sweep(one);
    await holdFault(live, one, 60_000);
    expect(live.voidReason).toBe('cut on n0 is gone');
    await live.heal();
  });
});
