import { describe, expect, test } from 'vitest';
import { AbortedError, UsageError } from '../../../src/core/errors.ts';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld } from '../../helpers/gate-world.ts';

describe('a gate over a healthy replacement', () => {
  test('passes one window after settling, through all phases', async () => {
    const world = await gateWorld();
    const phases: string[] = [];
    const keeper = world.keeper({ onPhase: (_gate, phase) => phases.push(phase) });
    const startMs = world.clock.monotonicMs();
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0');

    expect(verdict).toMatchObject({ kind: 'PASS', cause: 'window-full', weak: true, slots: 8 });
    expect(phases).toEqual(['identity', 'settle', 'observe']);
    // Settling takes 1 s, then eight slots of 0.5 s, the first of them at once.
    expect(verdict.elapsedMs).toBe(4500);
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(5500);
    expect(verdict.checks.map(({ check }) => check)).toEqual([
      'quorum',
      'identity',
      'liveness',
      'version-claim',
      'progress',
      'catch-up',
      'peers',
      'same-hash',
    ]);
    expect(verdict.checks.map(({ slots }) => slots)).toEqual(Array.from({ length: 8 }, () => '++++++++'));
    await keeper.close();
  });

  test('waits in the identity phase for a node that takes its time to answer', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    world.show('node-0', { healthStatus: 503 });
    const gate = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(4000);
    world.show('node-0', { healthStatus: 200 });
    const { verdict } = await world.until(gate.result);
    expect(verdict.kind).toBe('PASS');
    expect(verdict.elapsedMs).toBeGreaterThan(8000);
    await keeper.close();
  });

  test.each([
    ['is left out of the gates of others', 'leaveOut', 'PASS'],
    ['were to be changed once more', 'beginChange', 'FAIL'],
  ] as const)('of a node that had its new start before it %s (%s) ends as %s', async (_what, announce, verdict) => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const actionAtMs = world.clock.wallMs();
    const node = await world.replace('node-0', '1.1.0');
    keeper.start();
    await world.clock.advance(1500);
    keeper[announce](['node-0']);
    const result = await world.until(keeper.gate({ gateId: 'gate', nodes: [node], actionAtMs }));
    expect(result.verdict.kind, result.verdict.reason).toBe(verdict);
    await keeper.close();
  });

  test('lets early bad slots slide out of the window', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(1700);
    world.show('node-0', { peers: 0 });
    await world.clock.advance(500);
    world.show('node-0', { peers: 3 });
    const { verdict } = await world.until(gate.result);
    expect(verdict.kind).toBe('PASS');
    expect(verdict.slots).toBeGreaterThan(8);
    expect(verdict.checks.find(({ check }) => check === 'peers')?.slots).toMatch(/-\+{8}$/);
    await keeper.close();
  });

  test('gives the same verdict again from its evidence after a round through JSON', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0');
    expect(evidence.slots.length).toBeGreaterThanOrEqual(8);
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });

  test('gates nodes that were created together with one gate', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const actionAtMs = world.clock.wallMs() - 1500;
    const { verdict } = await world.until(keeper.gate({ gateId: 'all', nodes: world.topology.nodes, actionAtMs }));
    expect(verdict.kind).toBe('PASS');
    expect(new Set(verdict.checks.map(({ node }) => node))).toEqual(
      new Set(['*', 'node-0', 'node-1', 'node-2', 'node-3']),
    );
    await keeper.close();
  });
});

describe('the keeper', () => {
  test('ends a gate at once when its signal is aborted', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const stop = new AbortController();
    const node = await world.replace('node-0', '1.1.0');
    const gate = keeper.gate({ gateId: 'g', nodes: [node], actionAtMs: world.clock.wallMs(), signal: stop.signal });
    const ended = expect(gate).rejects.toThrow(AbortedError);
    await world.clock.advance(1000);
    stop.abort();
    await ended;
    await keeper.close();
    expect(world.clock.sleeping).toBe(0);
  });

  test('runs one gate at a time', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const first = expect(keeper.preflight({ nodes: world.topology.nodes })).rejects.toThrow(AbortedError);
    await expect(keeper.preflight({ nodes: world.topology.nodes })).rejects.toThrow(UsageError);
    await keeper.close();
    await first;
  });

  test('numbers its slots without gaps over several gates', async () => {
    const world = await gateWorld();
    const slots: number[] = [];
    const keeper = world.keeper({ onSlot: ({ slot }) => slots.push(slot) });
    await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    await world.clock.advance(2000);
    await upgrade(world, keeper, 'node-0', '1.1.0');
    expect(slots.length).toBeGreaterThan(15);
    expect(slots).toEqual(slots.map((_, index) => index));
    await keeper.close();
  });

  test('ends a gate at its deadline even when no slot can be read any more', async () => {
    const world = await gateWorld();
    const keeper = world.keeper({
      onSlot: () => undefined,
      transport: async (request) => {
        // As if this program were so slow that every slot is over before it is read.
        await world.clock.sleep(600);
        return world.transport(request);
      },
    });
    const { verdict, evidence } = await world.until(keeper.preflight({ nodes: world.topology.nodes }));
    expect(verdict.kind).not.toBe('PASS');
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });
});
