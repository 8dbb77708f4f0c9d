import { describe, expect, test } from 'vitest';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import type { GateEvidence } from '../../../src/gates/gate-evidence.ts';
import { AbortedError, UsageError } from '../../../src/core/errors.ts';
import { gateWorld, type GateWorld } from '../../helpers/gate-world.ts';
import type { GateKeeper, GateResult } from '../../../src/gates/gate-requests.ts';

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
    const gate = await begin(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(4000);
    world.show('node-0', { healthStatus: 200 });
    const { verdict } = await world.until(gate.result);
    expect(verdict.kind).toBe('PASS');
    expect(verdict.elapsedMs).toBeGreaterThan(8000);
    await keeper.close();
  });

  test('lets early bad slots slide out of the window', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await begin(world, keeper, 'node-0', '1.1.0');
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

describe('bad releases', () => {
  const badWorlds: [string, (world: GateWorld) => void, { cause: string; reason: RegExp }][] = [
    [
      'the old binary answers',
      (world) => world.lab.world.change('node-0', { digest: 'sha256:0000000000000000' }),
      { cause: 'identity', reason: /runs sha256:000000000000 instead of sha256:\w{12} \(1\.1\.0\)/ },
    ],
    [
      'it exits at start',
      (world) => world.lab.world.crash('node-0', 3),
      { cause: 'identity', reason: /node-0 is stopped \(exit code 3/ },
    ],
    [
      'it never becomes ready',
      (world) => world.show('node-0', { healthStatus: 503 }),
      { cause: 'identity', reason: /within 10 s: node-0 runs what was meant, but does not answer: .*503/ },
    ],
    [
      'it never commits',
      (world) => world.show('node-0', { height: 100 }),
      { cause: 'bad-ratio', reason: /catch-up of node-0 was BAD .* behind/ },
    ],
    [
      'it claims another version',
      (world) => world.show('node-0', { version: '1.0.0' }),
      { cause: 'bad-ratio', reason: /version-claim of node-0 .* says that it is 1\.0\.0, 1\.1\.0 was meant/ },
    ],
    [
      'it holds another hash',
      (world) => world.show('node-0', { hash: 'fork' }),
      { cause: 'bad-ratio', reason: /same-hash of node-0 .* holds block=fork-\d+, 3 others hold block=block-/ },
    ],
    [
      'it has no peers',
      (world) => world.show('node-0', { peers: 0 }),
      { cause: 'bad-ratio', reason: /peers of node-0 was BAD in 2 of 8 slots: 0 peers, 3 are wanted/ },
    ],
  ];

  test.each(badWorlds)('are stopped when %s', async (_title, spoil, expected) => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0', () => spoil(world));
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: expected.cause });
    expect(verdict.reason).toMatch(expected.reason);
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });

  test('that stall the whole chain fail for want of progress', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0', () => {
      for (const { name } of world.topology.nodes) world.lab.world.change(name, { blocksPerSecond: 0 });
    });
    expect(verdict.kind).toBe('FAIL');
    expect(verdict.reason).toMatch(/progress of node-0 was BAD .*has not risen for 3 s, 2 s are allowed/);
    await keeper.close();
  });

  test('that restart again and again fail as flapping', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await begin(world, keeper, 'node-0', '1.1.0');
    for (let restart = 0; restart < 2; restart++) {
      await world.clock.advance(900);
      world.lab.world.crash('node-0');
      await world.lab.start(world.node('node-0'));
    }
    const { verdict } = await world.until(gate.result);
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'flap' });
    expect(verdict.reason).toContain('2 restarts that nobody asked for');
    await keeper.close();
  });

  test('that serve errors are stopped by a check on their own counters', async () => {
    const world = await gateWorld({
      checks: [
        {
          name: 'http-errors',
          source: 'direct',
          condition: {
            kind: 'ratio',
            bad: { metric: 'requests_total', labels: { code: { matches: '5..' } } },
            total: { metric: 'requests_total' },
            max: 0.05,
          },
        },
      ],
    });
    const keeper = world.keeper();
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0', () =>
      world.show('node-0', { metrics: 'requests_total{code="200"} 60\nrequests_total{code="503"} 40\n' }),
    );
    expect(verdict).toMatchObject({ kind: 'FAIL', cause: 'bad-ratio' });
    expect(verdict.reason).toContain('40 of 100 requests_total since its start were bad');
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });
});

describe('lack of knowledge', () => {
  test('puts the gate on hold, it neither passes nor fails', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await begin(world, keeper, 'node-0', '1.1.0');
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

  test('for one slot only does not keep a node that hangs from delaying the others', async () => {
    const world = await gateWorld();
    const answered: boolean[][] = [];
    const keeper = world.keeper({
      onSlot: ({ nodes }) => answered.push(Object.values(nodes).map(({ liveness }) => liveness.ok)),
    });
    world.show('node-3', { hangs: true });
    keeper.start();
    await world.clock.advance(3000);
    expect(answered.length).toBeGreaterThanOrEqual(6);
    expect(new Set(answered.map((slot) => slot.join()))).toEqual(new Set(['true,true,true,false']));
    await keeper.close();
  });
});

describe('the quorum', () => {
  test('ends the gate when a second slot confirms that it is lost', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    const gate = await begin(world, keeper, 'node-0', '1.1.0');
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
    const gate = await begin(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(2000);
    world.lab.world.crash('node-3');
    expect((await world.until(gate.result)).verdict.kind).toBe('PASS');
    await keeper.close();
  });
});

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

describe('guards', () => {
  test('end a later gate when an earlier node falls ill', async () => {
    const world = await gateWorld({ profile: { progress: { maxStallMs: 2000, maxLag: 3, minPeers: () => 2 } } });
    const failures: string[] = [];
    const keeper = world.keeper({ onGuardFailed: ({ node }) => failures.push(node) });
    expect((await upgrade(world, keeper, 'node-0', '1.1.0')).verdict.kind).toBe('PASS');
    expect(keeper.guarded).toEqual(['node-0']);
    const second = await begin(world, keeper, 'node-1', '1.1.0');
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

  test('of a node end when that node is changed again', async () => {
    const world = await gateWorld();
    const keeper = world.keeper();
    await upgrade(world, keeper, 'node-0', '1.1.0');
    keeper.beginChange(['node-0']);
    expect(keeper.guarded).toEqual([]);
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

/** Replaces a node and runs its gate to the end. */
async function upgrade(
  world: GateWorld,
  keeper: GateKeeper,
  name: string,
  version: string,
  spoil: () => void = () => undefined,
): Promise<GateResult> {
  const { result } = await begin(world, keeper, name, version, spoil);
  return world.until(result);
}

/** Replaces a node and begins its gate; the test lets the time pass. */
async function begin(
  world: GateWorld,
  keeper: GateKeeper,
  name: string,
  version: string,
  spoil: () => void = () => undefined,
): Promise<{ result: Promise<GateResult> }> {
  keeper.beginChange([name]);
  const actionAtMs = world.clock.wallMs();
  const node = await world.replace(name, version);
  spoil();
  const highest = Math.max(...world.topology.nodes.flatMap((other) => world.lab.world.heightOf(other.name) ?? []));
  const baseline = { atMs: actionAtMs, highest, nodes: {} };
  return { result: keeper.gate({ gateId: `gate-${name}`, nodes: [node], actionAtMs, baseline }) };
}

function roundTrip(evidence: GateEvidence): GateEvidence {
  return JSON.parse(JSON.stringify(evidence)) as GateEvidence;
}
