import { describe, expect, test } from 'vitest';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import { IdentityTracker } from '../../../src/gates/identity-check.ts';
import { LeaderWatch } from '../../../src/gates/leader-watch.ts';
import type { NodeReading } from '../../../src/gates/readings.ts';
import { slotFacts } from '../../../src/gates/slot-facts.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld } from '../../helpers/gate-world.ts';

const queue: MetricCheck = {
  name: 'queue',
  source: 'direct',
  condition: { kind: 'value', metric: { metric: 'queue' }, max: 10 },
};

describe('flapping', () => {
  test('of a process that its supervisor starts anew, and the lab does not see, fails the gate at the second restart', async () => {
    const world = await gateWorld({ checks: [queue] });
    const keeper = world.keeper();
    const say = (seconds: number) =>
      world.show('node-0', { metrics: `process_start_time_seconds ${seconds}\nqueue 1\n` });
    for (const { name } of world.topology.nodes) world.show(name, { metrics: 'queue 1\n' });
    const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0', () => say(1000));
    await world.clock.advance(2000);
    say(1060);
    await world.clock.advance(500);
    say(1120);
    const { verdict, evidence } = await world.until(result);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'flap', reason: '2 restarts that nobody asked for' });
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });

  test('counts a restart once that lab and process both tell of', () => {
    const tracker = new IdentityTracker({ node: 'node-0' });
    const seen = (instance: string, startedAtMs: number): NodeReading => ({
      observation: {
        ok: true,
        value: {
          node: 'node-0',
          state: 'running',
          identity: { digest: 'd', command: [], generation: 'g', startedAtMs, instance, pid: 1 },
        },
      },
      liveness: { ok: true },
      status: { ok: true, value: {} },
    });
    tracker.judge(seen('a', 1_000_000));
    expect(tracker.noteProcessStarts([1000])).toBeUndefined();
    expect(tracker.judge(seen('b', 2_000_000)).state).toBe('BAD');
    expect(tracker.noteProcessStarts([2000])).toBeUndefined();
    // Whole seconds that are rounded one way and the other are no restart, and nothing starts before itself.
    expect(tracker.noteProcessStarts([2001, 2000, 1000, 2001])).toBeUndefined();
    expect(tracker.unplannedRestarts).toBe(1);
  });

  test('of the leader fails the gate at the third change in the window', async () => {
    let leader = 'node-1';
    const probe = { current: async (): Promise<object> => ({}) };
    const world = await gateWorld({
      profile: {
        probe: async (client) => ({
          ...((await client.getJson('http', '/status')) as object),
          ...(await probe.current()),
        }),
      },
    });
    probe.current = () => Promise.resolve({ leader });
    const keeper = world.keeper();
    const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(2000);
    for (const next of ['node-2', 'node-3', 'node-1']) {
      leader = next;
      await world.clock.advance(500);
    }
    const { verdict, evidence } = await world.until(result);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'flap' });
    expect(verdict.reason).toBe('3 changes of leader that this run did not cause');
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });

  test('of the leader does not count where the leader itself is being changed, nor after a window', () => {
    const network = { testnet: 'local', nodes: [], quorum: 'none' as const, availability: 'keep' as const };
    const watch = new LeaderWatch(1000);
    const see = (elapsedMs: number, leader: string | undefined, leftOut: string[] = []): number => {
      const reading = { slot: 0, atMs: 0, monoMs: 0, leftOut, nodes: {} };
      const status = { ok: true as const, value: leader === undefined ? {} : { leader } };
      const seen: NodeReading = { observation: { ok: false, error: '' }, liveness: { ok: true }, status };
      return watch.see(seen, slotFacts(reading, network), elapsedMs);
    };
    expect(see(0, 'a')).toBe(0);
    expect(see(100, 'b', ['a'])).toBe(0);
    expect(see(200, undefined)).toBe(0);
    expect(see(300, 'a', [])).toBe(1);
    expect(see(400, 'c')).toBe(2);
    expect(see(1350, 'c')).toBe(1);
    expect(see(1400, 'c')).toBe(0);
  });
});

describe('an advisory check', () => {
  test.each<[string, string]>([
    ['is always bad', 'queue 50\n'],
    ['is never known', 'queue NaN\n'],
  ])('that %s is recorded and decides nothing', async (_title, metrics) => {
    const world = await gateWorld({ checks: [{ ...queue, critical: true, advisory: true }] });
    for (const { name } of world.topology.nodes) world.show(name, { metrics });
    const keeper = world.keeper();
    const before = await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    expect(before.verdict.kind).toBe('PASS');
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0');
    expect(verdict.kind).toBe('PASS');
    expect(verdict.checks.find(({ check }) => check === 'queue')).toMatchObject({ advisory: true, ok: 0 });
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    // As a guard it decides nothing either.
    await world.clock.advance(20_000);
    expect(keeper.guardFailure).toBeUndefined();
    await keeper.close();
  });

  test('that flaps is recorded and decides nothing', async () => {
    const world = await gateWorld({ checks: [{ ...queue, advisory: true }] });
    for (const { name } of world.topology.nodes) world.show(name, { metrics: 'queue 1\n' });
    const keeper = world.keeper();
    const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    for (let slot = 0; slot < 12; slot++) {
      world.show('node-0', { metrics: `queue ${slot % 2 === 0 ? 50 : 1}\n` });
      await world.clock.advance(500);
    }
    const { verdict } = await world.until(result);
    expect(verdict.kind).toBe('PASS');
    expect(verdict.checks.find(({ check, node }) => check === 'queue' && node === 'node-0')?.slots).toContain('+-+-');
    await keeper.close();
  });
});
