import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { GateCheck } from '../../../src/spec/profile.ts';
import { eventually, missingPrograms, TrapNode, TrapWorld, targetOf } from './trap-world.ts';

const checks: GateCheck[] = [
  {
    name: 'errors',
    source: 'prometheus',
    condition: {
      kind: 'ratio',
      bad: { metric: 'requests_total', labels: { code: '500' } },
      total: { metric: 'requests_total' },
      max: 0.1,
    },
  },
  { name: 'queue', source: 'prometheus', condition: { kind: 'value', metric: { metric: 'queue' }, max: 10 } },
  {
    name: 'latency',
    source: 'prometheus',
    condition: { kind: 'quantile', histogram: { metric: 'latency_seconds' }, quantile: 0.99, max: 2 },
  },
];

/** Good and bad requests so far, and a queue. */
function page(good: number, bad: number, queue: number | string = 5): string {
  return `requests_total{code="200"} ${good}\nrequests_total{code="500"} ${bad}\nqueue ${queue}\n`;
}

function histogram(counts: readonly [bound: string, count: number][]): string {
  const buckets = counts.map(([bound, count]) => `latency_seconds_bucket{le="${bound}"} ${count}\n`).join('');
  return `# TYPE latency_seconds histogram\n${buckets}`;
}

const errorRate = (node: string) =>
  `sum(rate(requests_total{code="500",node="${node}"}[30s])) / sum(rate(requests_total{node="${node}"}[30s]))`;

// apt-get install prometheus prometheus-alertmanager
describe.skipIf(missingPrograms.length > 0)(`what Prometheus stored (missing here: ${missingPrograms.join()})`, () => {
  const nodes = Object.fromEntries(
    [
      'healthy',
      'killed',
      'early',
      'hidden',
      'absent',
      'nan',
      'infinite',
      'old',
      'north',
      'few',
      'above',
      'replaced',
    ].map((name) => [name, new TrapNode(name, page(100, 0))]),
  );
  const node = (name: string): TrapNode => {
    const found = nodes[name];
    if (!found) throw new Error(`no node ${name}`);
    return found;
  };
  const elsewhere = new TrapNode('north', page(100, 0));
  let world: TrapWorld;
  let requests = 0;
  let traffic: AbortController;

  beforeAll(async () => {
    node('early').page = '';
    node('absent').page = 'other 1\n';
    node('nan').page = page(100, 0, 'NaN');
    node('infinite').page = page(100, 0, '+Inf');
    node('north').page = 'other 1\n';
    node('few').page = histogram([
      ['0.1', 5],
      ['+Inf', 5],
    ]);
    node('old').page = `queue 5 ${systemClock.wallMs() - 60_000}\n`;
    node('hidden').page = `process_start_time_seconds 1000000000\n${page(1000, 500)}`;
    node('hidden').startedAtMs = 1_000_000_000_000;
    await elsewhere.listen();
    world = await TrapWorld.start({ nodes: Object.values(nodes), checks });
    const own = world.nodes.map(({ name, port }) => targetOf(name, port));
    await world.writeConfig({ targets: [...own, targetOf('north', elsewhere.port, { testnet: 'other' })] });
    expect(await world.reload()).toBe(200);
    // The nodes are older than the first scrape, but not much: what they counted was counted now.
    traffic = new AbortController();
    void (async () => {
      while (!traffic.signal.aborted) {
        requests += 10;
        node('healthy').page = page(100 + requests, 0);
        node('killed').page = page(100 + requests, 0);
        node('above').page = histogram([
          ['0.1', 10 * requests],
          ['1', 11 * requests],
          ['+Inf', 22 * requests],
        ]);
        await systemClock.sleep(200, traffic.signal).catch(() => undefined);
      }
    })();
    await world.untilSaid('queue', 'healthy', 'OK');
    await world.watch(4);
  });

  afterAll(async () => {
    traffic.abort();
    elsewhere.kill();
    await world[Symbol.asyncDispose]();
  });

  test('is good of a healthy node, so that what follows means something', async () => {
    const said = await world.look();
    expect(said('errors', 'healthy')).toMatchObject({ state: 'OK', value: 0 });
    expect(said('queue', 'healthy')).toMatchObject({ state: 'OK', value: 5 });
  });

  test('a killed node still has an error rate of zero, and is BAD at once', async () => {
    node('killed').kill();
    await eventually('the failed scrape', async () =>
      (await world.naive('up{node="killed"}')) === 0 ? true : undefined,
    );
    expect(await world.naive(errorRate('killed'))).toBe(0);
    expect((await world.look())('errors', 'killed')).toMatchObject({ state: 'BAD' });
  });

  test('500 errors before the first scrape make an increase of zero, and are BAD', async () => {
    // It served nothing so far; now it shows at once all that it failed.
    node('early').restart(page(100, 500));
    await world.untilSaid('errors', 'early', 'BAD');
    await world.watch(3);
    expect(await world.naive('increase(requests_total{code="500",node="early"}[30s])')).toBe(0);
    expect((await world.look())('errors', 'early')).toMatchObject({ state: 'BAD', value: 500 / 600 });
  });

  test('a restart between two scrapes hides nearly all of 540 errors, and is BAD', async () => {
    expect((await world.look())('errors', 'hidden').state).toBe('BAD');
    await world.watch(1);
    // The lab saw nothing of it: the process itself says that it began anew.
    node('hidden').page = `process_start_time_seconds ${Math.round(systemClock.wallMs() / 1000)}\n${page(1010, 540)}`;
    await eventually('the scrape', async () =>
      (await world.naive('requests_total{code="500",node="hidden"}')) === 540 ? true : undefined,
    );
    const hiding = (await world.naive('sum(increase(requests_total{code="500",node="hidden"}[30s]))')) ?? NaN;
    expect(hiding).toBeGreaterThan(0);
    expect(hiding).toBeLessThan(100);
    expect((await world.look())('errors', 'hidden')).toMatchObject({ state: 'BAD', value: 540 / 1550 });
  });

  test('a metric that is absent is zero errors to `or vector(0)`, and UNKNOWN', async () => {
    expect(await world.naive('sum(rate(requests_total{code="500",node="absent"}[30s])) or vector(0)')).toBe(0);
    expect((await world.look())('errors', 'absent')).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
    expect((await world.look())('queue', 'absent')).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
  });

  test('NaN exceeds no limit, and is UNKNOWN', async () => {
    expect(await world.naive('queue{node="nan"} > 10')).toBeUndefined();
    expect((await world.look())('queue', 'nan')).toMatchObject({ state: 'UNKNOWN', reason: 'nan' });
  });

  test('an infinite value falls below no lower limit, and is BAD on the bad side', async () => {
    expect(await world.naive('queue{node="infinite"} < 1')).toBeUndefined();
    expect((await world.look())('queue', 'infinite')).toMatchObject({ state: 'BAD' });
  });

  test('a value of a minute ago is shown as present for five minutes, and is UNKNOWN', async () => {
    expect(await world.naive('queue{node="old"}', systemClock.wallMs() - 50_000)).toBe(5);
    node('old').page = `queue 5 ${systemClock.wallMs()}\n`;
    await eventually('a fresh value', async () =>
      (await world.look())('queue', 'old').state === 'OK' ? true : undefined,
    );
    // The time that it gives stands still from now on.
    await world.watch(6);
    expect(await world.naive('queue{node="old"}')).toBe(5);
    expect((await world.look())('queue', 'old')).toMatchObject({
      state: 'UNKNOWN',
      reason: expect.stringMatching(/stale|empty/) as string,
    });
  });

  test('the series of another testnet stand in for missing ones, and are UNKNOWN', async () => {
    expect(await world.naive('queue{node="north"}')).toBe(5);
    expect((await world.look())('queue', 'north')).toMatchObject({ state: 'UNKNOWN', reason: 'empty' });
  });

  test('five observations have a 99th percentile, and are UNKNOWN', async () => {
    const quantile = 'histogram_quantile(0.99, latency_seconds_bucket{node="few"})';
    expect(await world.naive(quantile)).toBeLessThan(0.1);
    expect((await world.look())('latency', 'few')).toMatchObject({ state: 'UNKNOWN', reason: 'too-few-samples' });
  });

  test('half of all above the last bucket are given its bound, and are BAD', async () => {
    expect(await world.naive('histogram_quantile(0.99, latency_seconds_bucket{node="above"})')).toBe(1);
    expect((await world.look())('latency', 'above')).toMatchObject({ state: 'BAD', value: Infinity });
  });

  test('the values of the process before are taken for those of a new start, and are UNKNOWN', async () => {
    expect((await world.look())('queue', 'replaced')).toMatchObject({ state: 'OK' });
    node('replaced').restart(page(0, 0, 500));
    expect(await world.naive('queue{node="replaced"}')).toBe(5);
    expect((await world.look())('queue', 'replaced')).toMatchObject({ state: 'UNKNOWN', reason: 'stale' });
    await world.untilSaid('queue', 'replaced', 'BAD');
  });
});
