import { describe, expect, test } from 'vitest';
import { recomputeVerdict } from '../../../src/gates/gate-evidence.ts';
import type { HttpTransport } from '../../../src/gates/probe-client.ts';
import type { MetricCheck } from '../../../src/spec/profile.ts';
import { beginUpgrade, roundTrip, upgrade } from '../../helpers/gate-run.ts';
import { gateWorld, type GateWorld } from '../../helpers/gate-world.ts';

const prometheusUrl = 'http://prometheus:9090';
const checks: MetricCheck[] = [
  {
    name: 'queue',
    source: 'prometheus',
    condition: { kind: 'value', metric: { metric: 'queue' }, max: 10 },
  },
];

interface Stored {
  up: number;
  queue: number;
  isDown: boolean;
  clockAheadMs: number;
  /** Times that were asked for, in ms. */
  askedFor: number[];
}

/** Answers as Prometheus does, for a testnet whose nodes all look alike, and leaves the rest to the world. */
function withPrometheus(world: GateWorld, stored: Stored): HttpTransport {
  return async (request) => {
    if (!request.url.startsWith(prometheusUrl)) return world.transport(request);
    if (stored.isDown) throw new Error('ECONNREFUSED');
    const parameters = new URL(request.url).searchParams;
    const nowMs = world.clock.wallMs() + stored.clockAheadMs;
    const answer = (resultType: string, result: unknown) => {
      return { status: 200, text: JSON.stringify({ status: 'success', data: { resultType, result } }) };
    };
    if (parameters.get('query') === 'time()') return answer('scalar', [nowMs / 1000, String(nowMs / 1000)]);
    const askedForMs = Number(parameters.get('time')) * 1000;
    stored.askedFor.push(askedForMs);
    // Scraped once a second, on the second.
    const scrapes = [1, 0].map((back) => Math.floor(Math.min(askedForMs, nowMs) / 1000) - back);
    const series = (name: string, value: number) =>
      world.topology.nodes.map((node) => ({
        metric: { __name__: name, testnet: 'world', node: node.name, instance: node.name },
        values: scrapes.map((atSeconds) => [atSeconds, String(value)]),
      }));
    return answer('matrix', [...series('up', stored.up), ...series('queue', stored.queue)]);
  };
}

async function prometheusWorld(): Promise<{ world: GateWorld; stored: Stored; transport: HttpTransport }> {
  const world = await gateWorld({ checks });
  const stored: Stored = { up: 1, queue: 5, isDown: false, clockAheadMs: 0, askedFor: [] };
  return { world, stored, transport: withPrometheus(world, stored) };
}

describe('a gate that asks Prometheus', () => {
  test('settles until its queries lie behind the new start, and asks for the past', async () => {
    const { world, stored, transport } = await prometheusWorld();
    const keeper = world.keeper({ prometheusUrl, transport });
    const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0');
    expect(verdict.kind).toBe('PASS');
    expect(verdict.elapsedMs).toBe(3000 + 3500);
    expect(verdict.checks.find(({ check }) => check === 'queue')).toMatchObject({ ok: 8, unknown: 0 });
    const last = evidence.slots.at(-1);
    expect(last?.prometheus?.evaluatedAtMs).toBe((last?.atMs ?? 0) - 2000);
    expect(stored.askedFor).toContain(last?.prometheus?.evaluatedAtMs);
    expect(recomputeVerdict(roundTrip(evidence), world.profile)).toEqual(verdict);
    await keeper.close();
  });

  test('fails on what Prometheus stored', async () => {
    const { world, stored, transport } = await prometheusWorld();
    const keeper = world.keeper({ prometheusUrl, transport });
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0', () => (stored.queue = 50));
    expect(verdict).toMatchObject({ kind: 'FAIL' });
    expect(verdict.reason).toContain('queue of node-0 was BAD in 2 of 8 slots: queue is 50, at most 10 is good');
    await keeper.close();
  });

  test.each<[string, (stored: Stored) => void, RegExp]>([
    ['the exporter is killed', (stored) => (stored.up = 0), /scrape-path/],
    ['Prometheus is killed', (stored) => (stored.isDown = true), /query-error: ECONNREFUSED/],
    ['the value is NaN', (stored) => (stored.queue = NaN), /nan: queue/],
  ])('is held when %s', async (_title, spoil, reason) => {
    const { world, stored, transport } = await prometheusWorld();
    const keeper = world.keeper({ prometheusUrl, transport });
    const { result } = await beginUpgrade(world, keeper, 'node-0', '1.1.0');
    await world.clock.advance(3500);
    spoil(stored);
    const { verdict } = await world.until(result);
    expect(verdict).toMatchObject({ kind: 'HOLD', cause: 'unknown-run' });
    expect(verdict.reason).toMatch(reason);
    await keeper.close();
  });

  test.each([3_600_000, -3_600_000])(
    'means the same moment as a Prometheus whose clock is %i ms ahead',
    async (aheadMs) => {
      const { world, stored, transport } = await prometheusWorld();
      stored.clockAheadMs = aheadMs;
      const keeper = world.keeper({ prometheusUrl, transport });
      const { verdict, evidence } = await upgrade(world, keeper, 'node-0', '1.1.0');
      expect(verdict).toMatchObject({ kind: 'PASS', elapsedMs: 3000 + 3500 });
      const last = evidence.slots.at(-1);
      expect(last?.prometheus).toMatchObject({
        clockAheadMs: aheadMs,
        evaluatedAtMs: (last?.atMs ?? 0) + aheadMs - 2000,
      });
      await keeper.close();
    },
  );

  test('leaves such checks out where no Prometheus runs', async () => {
    const world = await gateWorld({ checks });
    const keeper = world.keeper();
    const { verdict } = await upgrade(world, keeper, 'node-0', '1.1.0');
    expect(verdict.kind).toBe('PASS');
    expect(verdict.checks.map(({ check }) => check)).not.toContain('queue');
    await keeper.close();
  });
});
