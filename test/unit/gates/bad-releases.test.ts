import { describe, expect, test } from 'vitest';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld, type GateWorld } from '../../helpers/gate-world.ts';

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
      { cause: 'bad-ratio', reason: /same-hash of node-0 .* holds block fork-\d+ and not block-\d+, as 3 others do/ },
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
    const gate = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
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
