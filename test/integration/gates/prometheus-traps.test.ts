import { describe, expect } from 'vitest';
import { test as base } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { writeFileAtomic } from '../../../src/core/files.ts';
import type { GateCheck } from '../../../src/spec/profile.ts';
import { join } from 'node:path';
import { eventually, missingPrograms, TrapNode, TrapWorld, targetOf } from './trap-world.ts';

const test = base.concurrent;
const checks: GateCheck[] = [
  { name: 'queue', source: 'prometheus', condition: { kind: 'value', metric: { metric: 'queue' }, max: 10 } },
];

async function twoNodes(): Promise<{ world: TrapWorld; first: TrapNode; second: TrapNode }> {
  const first = new TrapNode('node-0', 'queue 5\n');
  const second = new TrapNode('node-1', 'queue 5\n');
  const world = await TrapWorld.start({ nodes: [first, second], checks });
  await world.untilSaid('queue', 'node-0', 'OK');
  await world.untilSaid('queue', 'node-1', 'OK');
  return { world, first, second };
}

// apt-get install prometheus prometheus-alertmanager
describe.skipIf(missingPrograms.length > 0)(
  `a Prometheus that is ill (missing here: ${missingPrograms.join()})`,
  () => {
    test('refuses a new configuration and goes on with the old one: good numbers of what was, UNKNOWN', async () => {
      const stack = await twoNodes();
      await using world = stack.world;
      await writeFileAtomic(join(world.folder, 'prometheus.yml'), 'scrape_configs: [{');
      expect(await world.reload()).toBe(500);
      const said = await world.untilSaid('queue', 'node-0', 'UNKNOWN');
      expect(said).toMatchObject({ reason: 'series-set-mismatch' });
      expect(said).toMatchObject({ detail: expect.stringContaining('refused its new configuration') as string });
      expect(await world.naive('queue{testnet="local",node="node-0"}')).toBe(5);
      expect(await world.naive('up{testnet="local",node="node-0"}')).toBe(1);
    });

    test('scrapes another process under a node’s name: good numbers of the wrong node, UNKNOWN', async () => {
      const { world: made, first, second } = await twoNodes();
      await using world = made;
      first.page = 'queue 500\n';
      world.expected = new Map([
        ['node-0', `127.0.0.1:${first.port}`],
        ['node-1', `127.0.0.1:${second.port}`],
      ]);
      await world.untilSaid('queue', 'node-0', 'BAD');
      await world.writeConfig({ targets: [targetOf('node-0', second.port), targetOf('node-1', second.port)] });
      expect(await world.reload()).toBe(200);
      // For a moment both addresses have series of that name; then only the wrong one.
      await eventually('the wrong node', async () =>
        (await world.naive('max(queue{testnet="local",node="node-0"})')) === 5 ? true : undefined,
      );
      expect((await world.look())('queue', 'node-0')).toMatchObject({
        state: 'UNKNOWN',
        reason: 'series-set-mismatch',
      });
      await world.watch(5);
      expect((await world.look())('queue', 'node-0')).toMatchObject({
        state: 'UNKNOWN',
        detail: `Prometheus scrapes 127.0.0.1:${second.port} as node-0, which is 127.0.0.1:${first.port}`,
      });
    });

    test('scrapes a node that the testnet does not have, and not one that it has: both UNKNOWN', async () => {
      const { world: made, first, second } = await twoNodes();
      await using world = made;
      await world.writeConfig({ targets: [targetOf('node-0', first.port), targetOf('node-9', second.port)] });
      expect(await world.reload()).toBe(200);
      await world.untilSaid('queue', 'node-1', 'UNKNOWN');
      await eventually('the foreign node', async () =>
        (await world.naive('up{node="node-9"}')) === 1 ? true : undefined,
      );
      // Nothing is down and nothing exceeds its limit.
      expect(await world.naive('sum(up{job="nodes"} == bool 0)')).toBe(0);
      expect(await world.naive('sum(queue > bool 10)')).toBe(0);
      const said = await world.look();
      expect(said('queue', 'node-1')).toMatchObject({ state: 'UNKNOWN', reason: 'series-set-mismatch' });
      expect(said('queue', 'node-0')).toMatchObject({
        state: 'UNKNOWN',
        detail: 'Prometheus scrapes node-9, which the testnet does not have',
      });
    });

    test('is gone: a check that takes an error for silence passes, ours is UNKNOWN, or BAD where the node is gone as well', async () => {
      const { world: made, second } = await twoNodes();
      await using world = made;
      await world.killPrometheus();
      const violations = await world.naive('queue > 10').catch(() => 0);
      expect(violations).toBe(0);
      expect((await world.look())('queue', 'node-0')).toMatchObject({ state: 'UNKNOWN', reason: 'query-error' });
      second.kill();
      // The metric can say nothing; that the node is gone is for its liveness to say.
      expect((await world.look())('queue', 'node-1')).toMatchObject({ state: 'UNKNOWN', reason: 'query-error' });
    });

    test('comes back after a while: shows what it had stored as present, UNKNOWN until it has scraped again', async () => {
      const { world: made, first } = await twoNodes();
      await using world = made;
      await world.killPrometheus();
      first.page = 'queue 500\n';
      await systemClock.sleep(6000);
      await world.startPrometheus();
      const said = await world.look();
      expect(await world.naive('queue{node="node-0"}')).toBe(5);
      expect(said('queue', 'node-0')).toMatchObject({ state: 'UNKNOWN', reason: 'series-set-mismatch' });
      await world.untilSaid('queue', 'node-0', 'BAD');
      await world.untilSaid('queue', 'node-1', 'OK');
    });

    test('comes back empty: no node is down and there are no errors, UNKNOWN', async () => {
      const { world: made } = await twoNodes();
      await using world = made;
      await world.killPrometheus();
      await world.wipePrometheus();
      await world.startPrometheus();
      const said = await world.look();
      expect(await world.naive('count(up == 0) or vector(0)')).toBe(0);
      expect(await world.naive('sum(queue > bool 10) or vector(0)')).toBe(0);
      expect(said('queue', 'node-0')).toMatchObject({ state: 'UNKNOWN', reason: 'series-set-mismatch' });
      await world.untilSaid('queue', 'node-0', 'OK');
    });

    test('cannot reach a node that answers: no series exceeds its limit, UNKNOWN', async () => {
      const { world: made, first, second } = await twoNodes();
      await using world = made;
      await world.writeConfig({ targets: [targetOf('node-0', 1), targetOf('node-1', second.port)] });
      expect(await world.reload()).toBe(200);
      await eventually('the failed scrape', async () =>
        (await world.naive('max(up{node="node-0"})')) === 0 ? true : undefined,
      );
      expect(await world.naive('queue{node="node-0"} > 10')).toBeUndefined();
      await world.watch(4);
      expect((await world.look())('queue', 'node-0')).toMatchObject({ state: 'UNKNOWN', reason: 'scrape-path' });
      first.kill();
      expect((await world.look())('queue', 'node-0')).toMatchObject({ state: 'BAD' });
    });
  },
);
